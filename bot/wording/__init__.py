"""Words and their forms: what understanding and the replies are made of, in any language."""
