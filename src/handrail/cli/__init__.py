"""The command line. ``main`` is the one entry; Django is loaded only by the commands that need it."""

from handrail.cli.entry import main

__all__ = ["main"]
