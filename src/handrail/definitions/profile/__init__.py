"""The format ``packet/v1``: as written, compiled, and as assembly follows it."""
