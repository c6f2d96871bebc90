"""Train and evaluate the joint embedding of text and images."""
