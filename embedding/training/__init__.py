"""Training a joint embedding."""
