"""The application, and what runs it."""
