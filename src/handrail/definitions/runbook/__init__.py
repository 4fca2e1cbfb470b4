"""The format ``runbook/v1``: as written, compiled, and as the engine follows it."""
