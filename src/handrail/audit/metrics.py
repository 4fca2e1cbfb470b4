"""How far the sealing of the audit log is behind, how long the log is, and whether sealing has stopped."""

from __future__ import annotations

from handrail.audit import cosigned, sealing, signing, watch
from handrail.audit.anchors import AnchorProblem
from handrail.kernel.clock import now
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
        *_anchors(),
        one("handrail_audit_sealing_stopped", "1 when this machine seals no more.", watch.stopped() is not None),
    ]


def _anchors() -> list[Metric]:
    """Of the witnesses and time-stamp services; 0 where none is configured."""
    found = cosigned.quorum()
    failing = [state for state in found.anchors if state.problem is not None]
    refusing = sum(state.problem in (AnchorProblem.AHEAD, AnchorProblem.FORKED) for state in failing)
    waiting = (now() - found.waiting_since).total_seconds() if found.waiting_since else 0
    return [
        one("handrail_audit_quorum_size", "Leaves under the newest checkpoint with its quorum.", found.size or 0),
        one("handrail_audit_quorum_waiting_seconds", "How long a checkpoint has waited for its quorum.", waiting),
        one("handrail_audit_anchors_failing", "Witnesses and time-stamp services with a problem.", len(failing)),
        one("handrail_audit_witnesses_refusing", "Witnesses that say the log was rolled back or forked.", refusing),
    ]
