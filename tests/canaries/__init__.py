"""Secrets and personal data that are planted where a packet comes from, and looked for in what leaves with it."""
