"""Has witnesses cosign and services time-stamp the checkpoints of the audit log: the one place that asks them."""
