"""Escalation packets: the list, the assembly form, one revision and the decisions about it."""
