"""The showtell command."""
