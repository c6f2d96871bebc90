"""The bundle that answers now, and how it is exchanged."""
