"""Definitions: runbooks and reference tables as reviewed text. Loaded, checked, compiled; nothing is executed here."""
