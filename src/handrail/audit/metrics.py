"""How far the sealing of the audit log is behind."""

from __future__ import annotations

from handrail.audit import sealing
from handrail.kernel.metric import Metric, one


def read() -> list[Metric]:
    text = f"Rows that wait for the next seal, counted up to {sealing.BATCH}."
    return [one("handrail_audit_unsealed", text, sealing.count_waiting())]
