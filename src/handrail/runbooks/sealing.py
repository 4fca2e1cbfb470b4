"""What a run keeps of its tenant is sealed under a key of that run; what figures and workers ask the database stays
(``access.outlines``)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from handrail.access import subjects
from handrail.access.outlines import Outline
from handrail.access.subjects import KeyKind, KeyName


@dataclass(frozen=True, slots=True)
class ErasedRun:
    """``reason``: ``retention`` or ``erasure``."""

    at: datetime
    reason: str


def erased(tenant_id: int, record: str) -> ErasedRun | None:
    """When and why the values of a run were erased, by its first key: one that was made later is for what was written
    after that. Raises SubjectKeyDamaged, SubjectKeysUnavailable."""
    ended = subjects.destroyed(KeyName(tenant_id, record, KeyKind.VALUES))
    return ErasedRun(ended.at, ended.reason) if ended is not None else None


TASK = Outline(names={"": 1})
FIELDS = Outline(names={"": 1})
EVIDENCE = Outline(clear=frozenset({"source"}), names={"values": 1})
DETAIL = Outline(
    clear=frozenset(
        {
            *("class", "effect", "failure", "status", "seconds", "wait_seconds", "retry_class", "credentials"),
            *("taken_over", "then", "connector", "runbook", "version", "packet", "cause", "reason", "wave", "again"),
            *("refused_with", "by", "not_attempted", "required", "unchanged", "guards"),
        }
    ),
    names={"readings": 2, "answer": 1},
)
