"""Audit events as plain data. Who may read them is asked one layer up, in ``access.trail``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from handrail.audit import cosigned, guards, sealing, signing, structure, watch
from handrail.audit.cosigned import QuorumStatus, quorum
from handrail.audit.cosigned import text_of as cosigned_text
from handrail.audit.events import EventName
from handrail.audit.exported import Scope
from handrail.audit.models import AuditEvent
from handrail.audit.outbox import Published, find_published
from handrail.audit.proofs import ProvenRow
from handrail.audit.stamped import newest as newest_stamp

__all__ = [
    "ProvenRow",
    "Published",
    "QuorumStatus",
    "Scope",
    "cosigned_text",
    "find_published",
    "newest_stamp",
    "quorum",
]
PAGE = 100
MOST = 500
COUNTED = 20_000


@dataclass(frozen=True, slots=True)
class EventFilter:
    """``before`` pages backwards by event number. Empty texts filter nothing; ``subject`` and ``actor`` match whole.

    ``since`` is included, ``until`` is not.
    """

    event: str = ""
    actor: str = ""
    subject: str = ""
    outcome: str = ""
    tenant_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class EventRow:
    id: int
    at: datetime
    actor_kind: str
    actor: str
    event: str
    outcome: str
    tenant_id: int | None
    subject_kind: str
    subject: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SubjectEvent:
    """An event about one object, for comparing the object with what was decided about it."""

    at: datetime
    actor: str
    event: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LogFinding:
    """``subject``: mark, sealing, log, guards, quorum, or a witness or time-stamp service. ``alone``: this machine has
    no mark, only one kept elsewhere counts."""

    subject: str
    ok: bool
    message: str
    alone: bool = False


def events_about(
    subject_kind: str, subjects: Collection[str], names: Collection[EventName]
) -> dict[tuple[int | None, str], list[SubjectEvent]]:
    """The events with ``names`` about each object, by workspace and subject, the oldest first. For the
    comparison of the log, which enters the scope of the workspace."""
    found: dict[tuple[int | None, str], list[SubjectEvent]] = {}
    rows = AuditEvent.objects.filter(subject_kind=subject_kind, subject__in=subjects, event__in=names).order_by("pk")
    for one in rows:
        about = SubjectEvent(one.at, one.actor, one.event, one.context)
        found.setdefault((one.workspace_id, one.subject), []).append(about)
    return found


def count_log_ins(method: str, since: datetime) -> Counter[str]:
    """Log-ins by ``method`` since then, by what came of them: the cause of a refusal, or "" for none. Of all
    workspaces: for the figures of the installation, by a view that shows nothing else of an event. Looks at the newest
    COUNTED events at most, so that it costs the same however long the log is."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT cause FROM handrail_log_in_lease WHERE id > (SELECT max(id) FROM handrail_log_in_lease) - %s"
            " AND at > %s AND event IS NOT NULL AND method = %s",
            [COUNTED, since, method],
        )
        return Counter(cause or "" for (cause,) in cursor.fetchall())


def inspect() -> list[LogFinding]:
    """Whether the mark of this machine fits the log, whether it still seals, and whether the tables have their guards.
    Walks no rows: ``verification.verify`` does."""
    found = watch.report(signing.get())
    stopped, missing = watch.stopped(), guards.differences()
    odd = [*watch.open_findings(), *sealing.untimely()]
    return [
        LogFinding("mark", found.good, found.message, alone=found.size is None),
        *([LogFinding("sealing", False, f"It has stopped. {stopped}")] if stopped else []),
        *(LogFinding("log", False, difference.message) for difference in odd),
        *(LogFinding("guards", False, difference.message) for difference in missing),
        *_witnessed(),
        *([] if missing else [LogFinding("guards", True, "Triggers, functions, owners and rules are as migrated.")]),
    ]


def _witnessed() -> list[LogFinding]:
    """Whether the newest checkpoint has the quorum of its witnesses, and what is wrong with anybody outside."""
    found = cosigned.quorum()
    states = [
        LogFinding(f"{one.kind} {one.name}", False, f"Since {one.since:%Y-%m-%d %H:%M} UTC: {one.message}")
        for one in found.anchors
        if one.problem is not None
    ]
    return [*([LogFinding("quorum", not found.late, found.message)] if found.configured else []), *states]


def guarded_tables() -> frozenset[str]:
    """The tables whose triggers are compared with those of the migrations."""
    return frozenset(guards.expected())


def row_policies(tables: Collection[str]) -> dict[str, dict[str, str]]:
    """The row policies of each table by name, each with a digest of what it says."""
    return guards.policies(tables)


def view_text(definition: str) -> str:
    """A digest of the definition of a view, alike in all versions of PostgreSQL."""
    return structure.view_text(definition)


def list_events(workspace_id: int, tenant_ids: Collection[int] | None, wanted: EventFilter) -> list[EventRow]:
    """Events of one workspace, newest first; of ``tenant_ids`` only, unless that is None: what concerns the whole
    workspace is for those who are entitled to all of it."""
    rows = _within(workspace_id, tenant_ids).order_by("-pk")
    exact = {
        "event": wanted.event,
        "actor": wanted.actor,
        "subject": wanted.subject,
        "outcome": wanted.outcome,
        "tenant_id": wanted.tenant_id,
    }
    rows = rows.filter(**{name: value for name, value in exact.items() if value})
    if wanted.since is not None:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(at__lt=wanted.until)
    if wanted.before is not None:
        rows = rows.filter(pk__lt=wanted.before)
    return [_row(event) for event in rows[: min(wanted.limit, MOST)]]


def in_scope(workspace_id: int, tenant_ids: Collection[int] | None, event_id: int) -> bool:
    """Whether there is such an event in that scope."""
    return _within(workspace_id, tenant_ids).filter(pk=event_id).exists()


def _within(workspace_id: int, tenant_ids: Collection[int] | None) -> QuerySet[AuditEvent]:
    rows = AuditEvent.objects.filter(workspace_id=workspace_id)
    return rows if tenant_ids is None else rows.filter(tenant_id__in=tenant_ids)


def _row(event: AuditEvent) -> EventRow:
    return EventRow(
        id=event.pk,
        at=event.at,
        actor_kind=event.actor_kind,
        actor=event.actor,
        event=event.event,
        outcome=event.outcome,
        tenant_id=event.tenant_id,
        subject_kind=event.subject_kind,
        subject=event.subject,
        context=event.context,
    )
