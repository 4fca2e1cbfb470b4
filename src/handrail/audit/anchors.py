"""Who outside vouches for the log, as ``conf`` configures it: witnesses' keys with their quorum, time-stamp services;
and how things stand with each.

Nothing here calls anybody: ``anchoring`` does, above the connectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from handrail.audit.cosignature import CosignerKey
from handrail.audit.models import Anchor
from handrail.audit.policy import TrustPolicy
from handrail.audit.stamps import StampTrust
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured

LATE = timedelta(minutes=15)
MESSAGE_LIMIT = 300


class AnchorKind(StrEnum):
    WITNESS = "witness"
    TIMESTAMP = "timestamp"
    QUORUM = "quorum"


class AnchorProblem(StrEnum):
    """What is wrong with an anchor. ``is_evidence``: of a log that was rolled back or forked, or of a witness that
    lies; the others pass, or are for the operator to fix."""

    AHEAD = "ahead"
    FORKED = "forked"
    WRONG_SIGNATURE = "wrong-signature"
    WRONG_TIME = "wrong-time"
    WRONG_STAMP = "wrong-stamp"
    UNKNOWN_LOG = "unknown-log"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NOT_UNDERSTOOD = "not-understood"
    LATE = "late"

    @property
    def is_evidence(self) -> bool:
        return self in _EVIDENCE


_EVIDENCE = frozenset(
    {
        *(AnchorProblem.AHEAD, AnchorProblem.FORKED),
        *(AnchorProblem.WRONG_SIGNATURE, AnchorProblem.WRONG_TIME, AnchorProblem.WRONG_STAMP),
    }
)


@dataclass(frozen=True, slots=True)
class AnchorTrust:
    """``witnesses`` and ``services`` by the names of their sections. ``policy``: the quorum; without one of its own an
    installation's is all of its witnesses."""

    policy: TrustPolicy = field(default_factory=TrustPolicy)
    witnesses: Mapping[str, CosignerKey] = field(default_factory=dict)
    services: Mapping[str, StampTrust] = field(default_factory=dict)
    late: timedelta = LATE

    def known_keys(self) -> tuple[CosignerKey, ...]:
        """Every witness's key that is known here, each once."""
        return tuple(dict.fromkeys([*self.witnesses.values(), *self.policy.witnesses.values()]))


trust: Configured[AnchorTrust] = Configured(AnchorTrust())


@dataclass(frozen=True, slots=True)
class AnchorState:
    """``problem`` is None while all is well; ``since``: when it began. ``tried_at``: None before the first attempt."""

    kind: AnchorKind
    name: str
    problem: AnchorProblem | None
    message: str
    since: datetime | None
    tried_at: datetime | None


def states() -> list[AnchorState]:
    """Of those that are configured, in the order of their names."""
    configured = trust.get()
    wanted = {(AnchorKind.WITNESS, name) for name in configured.witnesses}
    wanted |= {(AnchorKind.TIMESTAMP, name) for name in configured.services}
    rows = {(AnchorKind(row.kind), row.name): row for row in Anchor.objects.all() if row.kind in set(AnchorKind)}
    return [_state(kind, name, rows.get((kind, name))) for kind, name in sorted(wanted)]


def _state(kind: AnchorKind, name: str, row: Anchor | None) -> AnchorState:
    if row is None:
        return AnchorState(kind, name, None, "", None, None)
    problem = AnchorProblem(row.problem) if row.problem in set(AnchorProblem) else None
    return AnchorState(kind, name, problem, row.message, row.since, row.tried_at)


def due(kind: AnchorKind) -> set[str]:
    """The configured anchors of ``kind`` that may be tried now."""
    names = set(trust.get().witnesses if kind is AnchorKind.WITNESS else trust.get().services)
    waiting = Anchor.objects.filter(kind=kind, due_at__gt=now()).values_list("name", flat=True)
    return names - set(waiting)


def size_there(name: str) -> int | None:
    """What a witness has said that it cosigned last; None when it has said nothing since its last cosignature."""
    row = Anchor.objects.filter(kind=AnchorKind.WITNESS, name=name).first()
    return row.size_there if row else None


@transaction.atomic
def note(
    kind: AnchorKind, name: str, problem: AnchorProblem | None, message: str = "", *, there: int | None = None
) -> Anchor:
    """Keeps what came of an attempt, and returns the row as it was before. The caller says when it is due again."""
    Anchor.objects.bulk_create([Anchor(kind=kind, name=name, due_at=now())], ignore_conflicts=True)
    row = Anchor.objects.select_for_update().get(kind=kind, name=name)
    before = Anchor.objects.get(pk=row.pk)
    same = problem is not None and row.problem == problem
    row.problem, row.message = problem or "", message[:MESSAGE_LIMIT] if problem else ""
    row.since = (row.since if same else now()) if problem else None
    row.failures = row.failures + 1 if problem else 0
    row.tried_at, row.size_there = now(), there
    row.save(update_fields=["problem", "message", "since", "failures", "tried_at", "size_there"])
    return before


def put_off(kind: AnchorKind, name: str, seconds: float) -> None:
    """Nobody tries this anchor before so many seconds from now."""
    Anchor.objects.filter(kind=kind, name=name).update(due_at=now() + timedelta(seconds=seconds))
