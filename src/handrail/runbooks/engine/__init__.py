"""Carries a run forward, from its ledger alone. Knows nothing of what a runbook is about."""
