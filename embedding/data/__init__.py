"""Pictures with captions, from whatever form they come in."""
