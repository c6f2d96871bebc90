"""What holds a gallery's vectors, captions and metadata."""
