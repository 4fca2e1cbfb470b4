"""What is due in all workspaces: ids, states and times, by the view that shows nothing else of a revision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from handrail.access.subjects import KeyKind
from handrail.packets import settings
from handrail.packets.ledger import DeliveryRow
from handrail.packets.states import CURRENT, DECIDABLE, DeliveryEventKind, DeliveryState, RevisionState
from handrail.packets.status import fold
from handrail.work import lease
from handrail.work.lease import Claim, Kind

REVISIONS = Kind("revision", "packets_revision", "handrail_revision_claim", word="state")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # the view shows no times of a ledger


def claim_revisions(count: int, *, after: int = 0) -> list[Claim]:
    """Up to ``count`` revisions that are due, to be assembled or delivered: ``word`` is the state of each. ``after``:
    the tenant whose turn was last."""
    return lease.claim(REVISIONS, count, after=after, lease=settings.current().assembly_lease.total_seconds())


def expired(at: datetime, *, limit: int) -> list[tuple[int, int]]:
    """Id and workspace of the revisions to withdraw, the oldest first, but for those left to their delivery."""
    rows = _all(
        "SELECT id, workspace_id FROM handrail_revision_lease"
        " WHERE expires_at <= %s AND state = ANY(%s) AND NOT (state = %s AND due_at IS NOT NULL)"
        " ORDER BY expires_at LIMIT %s",
        *(at, sorted(CURRENT), RevisionState.RELEASED.value, limit),
    )
    return [(int(pk), int(workspace)) for pk, workspace in rows]


def by_state() -> dict[str, int]:
    return dict(_all("SELECT state, count(*) FROM handrail_revision_lease GROUP BY state"))


def counts(at: datetime, soon: datetime) -> tuple[int, int, int]:
    """Expiring before ``soon``, not assembled and not tried any more, overdue at ``at``."""
    (found,) = _all(
        "SELECT count(*) FILTER (WHERE state = ANY(%s) AND expires_at < %s),"
        " count(*) FILTER (WHERE state = %s AND due_at IS NULL AND has_failed),"
        " count(*) FILTER (WHERE due_at < %s) FROM handrail_revision_lease",
        *(sorted(DECIDABLE), soon, RevisionState.ASSEMBLING.value, at),
    )
    expiring, stopped, overdue = map(int, found)
    return expiring, stopped, overdue


def text_holds() -> dict[str, int]:
    """How many open holds on texts the revisions that are not over have, by code."""
    return dict(_all("SELECT code, count(*) FROM handrail_text_hold_lease GROUP BY code"))


def forgotten() -> dict[str, int]:
    """Of how many packets something was forgotten, by what."""
    found = dict(_all("SELECT kind, count(*) FROM handrail_forgetting_lease GROUP BY kind"))
    return {kind: found.get(kind, 0) for kind in (KeyKind.ANNEX, KeyKind.VALUES)}


def deliveries() -> list[DeliveryState]:
    """How far the delivery of each released revision is, by the fold that pages and workers go by."""
    rows = _all("SELECT delivery FROM handrail_revision_lease WHERE state = %s", RevisionState.RELEASED.value)
    return [fold([_entry(*one) for one in ledger or ()]).state for (ledger,) in rows]


def unwatched() -> int:
    """Of how many released revisions the sources have not been readable for long."""
    kinds = [DeliveryEventKind.UNWATCHED, DeliveryEventKind.WATCHED]
    rows = _all("SELECT delivery FROM handrail_revision_lease WHERE state = %s", RevisionState.RELEASED.value)
    found = [[kind for _, kind, _ in ledger or () if kind in kinds] for (ledger,) in rows]
    return sum(known[-1:] == [DeliveryEventKind.UNWATCHED] for known in found)


def _entry(sequence: int, kind: str, intent: int | None) -> DeliveryRow:
    """What the view shows of a row of a delivery ledger: all that the state depends on."""
    return DeliveryRow(sequence, DeliveryEventKind(kind), intent, _EPOCH, worker="", deadline_at=None, detail={})


def _all(statement: str, *parameters: Any) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
