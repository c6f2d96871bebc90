"""What a language model makes of a message, where one is set: the same operations, or nothing."""
