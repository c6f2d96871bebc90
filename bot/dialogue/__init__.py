"""From what a message means to the replies."""
