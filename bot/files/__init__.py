"""What is sent as files: the pictures, the page, the widget."""
