"""A second stage that looks at the first candidates again."""
