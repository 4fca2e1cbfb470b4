"""Tells people: who hears of which event, by which channel, and what became of it."""
