"""What a model learns from one gallery's own captions, in minutes: a turn of its text side."""
