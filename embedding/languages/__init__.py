"""A second text encoder, for languages other than English: multilingual-e5-small and a head."""
