"""Append-only events: who did what, to what, with which outcome. Never payloads, secrets or response bodies."""
