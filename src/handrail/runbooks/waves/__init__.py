"""Waves: runs of one event that begin in rounds, and stop beginning by themselves."""
