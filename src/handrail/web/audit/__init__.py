"""The audit log, its integrity, and the evaluation figures."""
