"""Everything that talks: understanding, dialogue, sessions, channels, the command line."""
