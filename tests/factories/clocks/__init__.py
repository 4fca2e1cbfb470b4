"""A machine whose clock is wrong, for processes that Python starts with this folder on their path."""
