"""Models that come with the installation."""
