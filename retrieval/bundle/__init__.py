"""Immutable, versioned directories of a model, an index and a gallery."""
