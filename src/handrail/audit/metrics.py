"""How far the sealing of the audit log is behind, how long the log is, and whether sealing has stopped."""

from __future__ import annotations

from handrail.audit import sealing, signing, watch
from handrail.kernel.metric import Metric, one


def read() -> list[Metric]:
    """``handrail_audit_log_size`` never falls: a store of metrics is a second high-water mark."""
    text = f"Rows that wait for the next seal, counted up to {sealing.BATCH}."
    found = watch.report(signing.get())
    return [
        one("handrail_audit_unsealed", text, sealing.count_waiting()),
        one("handrail_audit_log_size", "Leaves of the audit log under its newest checkpoint.", watch.log_size()),
        one(
            "handrail_audit_mark_size", "Leaves under the high-water mark of this machine; 0 without.", found.size or 0
        ),
        one("handrail_audit_mark_mismatch", "1 when the log does not extend this machine's mark.", not found.good),
        one("handrail_audit_sealing_stopped", "1 when this machine seals no more.", watch.stopped() is not None),
    ]
