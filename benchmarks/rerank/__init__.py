"""A second stage that looks at the first candidates again. It is measured, and not in the chat."""
