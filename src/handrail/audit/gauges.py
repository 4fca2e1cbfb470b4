"""How far the sealing of the audit log is behind."""

from __future__ import annotations

from handrail.audit import sealing
from handrail.kernel.gauge import Gauge, one


def read() -> list[Gauge]:
    says = f"Rows that wait for the next seal, counted up to {sealing.BATCH}."
    return [one("handrail_audit_unsealed", says, sealing.count_waiting())]
