"""What workers claim of this slice: runs that are due, and reports of their outcomes."""

from __future__ import annotations

from handrail.runbooks.leases import (
    REPORTS,
    RUNS,
    UPDATES,
    claim_report,
    claim_reports,
    claim_run,
    claim_runs,
    claim_update,
    free_runs,
)

__all__ = [
    "REPORTS",
    "RUNS",
    "UPDATES",
    "claim_report",
    "claim_reports",
    "claim_run",
    "claim_runs",
    "claim_update",
    "free_runs",
]
