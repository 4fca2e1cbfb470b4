"""Checks of what Handrail exports that share no line with it: each is written from a specification's text alone."""
