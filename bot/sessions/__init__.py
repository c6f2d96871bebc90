"""What is remembered of each sender."""
