"""Tells people: who hears of which event, the channel, and what became of it."""
