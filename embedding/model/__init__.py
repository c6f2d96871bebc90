"""The joint embedding and what it is made of."""
