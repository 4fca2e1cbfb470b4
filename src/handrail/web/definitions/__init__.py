"""Definitions: the list, one version and the decisions about it."""
