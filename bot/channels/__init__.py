"""The ways in: each channel translates between its own format and the one conversation."""
