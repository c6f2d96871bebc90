"""The operator's desk: what is live, what goes on, what people ask for and do not find."""
