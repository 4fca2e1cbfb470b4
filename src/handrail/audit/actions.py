"""Writing audit events, sealing them, and handing them out.

Call ``record`` inside the transaction that does what the event speaks of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

import structlog
from django.db import DatabaseError, IntegrityError, transaction

from handrail.audit import exported, mark, outbox, sealing, signing, store, watch
from handrail.audit.events import PUBLISHED, EventName, EventOutcome
from handrail.audit.mark import SealingStop
from handrail.audit.models import AuditEvent, Outbox
from handrail.audit.sealing import SealedBatch
from handrail.audit.sources import EVENTS, SOURCES, Source
from handrail.audit.watch import SealRefused
from handrail.kernel import scope
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Fault, Invalid, Stale
from handrail.kernel.hostile import clean_text

log = structlog.get_logger("handrail.audit")
CONTEXT_VALUE_LIMIT = 200


class By(Protocol):
    """An actor: a person, a worker, the command line."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def workspace_id(self) -> int: ...
    @property
    def origin(self) -> Mapping[str, str]: ...


def record(
    event: EventName,
    *,
    by: By,
    subject_kind: str,
    subject: str,
    tenant_id: int | None = None,
    workspace_id: int | None = None,
    outcome: EventOutcome = EventOutcome.DONE,
    **context: str | int | bool | None,
) -> AuditEvent:
    """Adds one event in the caller's transaction, and its row in the outbox if somebody is notified of such events.
    ``context`` holds short facts (references, codes, counts) only; what
    is known of where the act comes from (``By.origin``) stands beside them."""
    within = workspace_id or by.workspace_id or None
    # Whatever the actor may see, the event about it is written: also before there is a scope, at a log-in.
    with scope.entered(scope.RowScope(within or 0, None)):
        written = AuditEvent(
            at=now(),
            **row_of(
                event,
                by=by,
                subject_kind=subject_kind,
                subject=subject,
                tenant_id=tenant_id,
                workspace_id=within,
                outcome=outcome,
                context=context,
            ),
        )
        try:
            written.save(force_insert=True)
        except TypeError:  # the database returned no row: a trigger or rule dropped it
            message = "The database dropped an audit event. Look at the guards of its tables: handrail check"
            raise IntegrityError(message) from None
        if event in PUBLISHED:
            Outbox.objects.create(
                event_id=written.pk, workspace_id=within or 0, tenant_id=tenant_id or 0, due_at=written.at
            )
        return written


def row_of(
    event: EventName,
    *,
    by: By,
    subject_kind: str,
    subject: str,
    tenant_id: int | None = None,
    workspace_id: int | None = None,
    outcome: EventOutcome = EventOutcome.DONE,
    context: Mapping[str, str | int | bool | None],
) -> dict[str, Any]:
    """The row of an event, as ``record`` writes it: every column but ``id`` and ``at``. ``context``: see ``record``."""
    facts = {**context, **by.origin}
    return {
        "actor_kind": by.kind,
        "actor": by.name,
        "event": event,
        "outcome": outcome,
        "workspace_id": workspace_id,
        "tenant_id": tenant_id,
        "subject_kind": subject_kind,
        "subject": subject,
        "context": {k: v[:CONTEXT_VALUE_LIMIT] if isinstance(v, str) else v for k, v in facts.items() if v is not None},
    }


def insertion(*, events: str, source: str) -> str:
    """SQL of two common table expressions, ``recorded`` and ``published``: the first inserts the events in the
    parameter ``events``, a jsonb array of what ``row_of`` gives, for the row of ``source``: at its ``at``, of its
    ``workspace_id`` and ``tenant_id``. It has one row for each event, unless a trigger or a rule dropped one. The
    second puts those that somebody is notified of into the outbox."""
    notified = ", ".join(f"'{name}'" for name in sorted(PUBLISHED))
    return f"""recorded AS (
    INSERT INTO audit_auditevent
           (at, actor_kind, actor, event, outcome, workspace_id, tenant_id, subject_kind, subject, context)
    SELECT {source}.at, new.actor_kind, new.actor, new.event, new.outcome, {source}.workspace_id, {source}.tenant_id,
           new.subject_kind, new.subject, new.context
    FROM {source}, ROWS FROM (jsonb_to_recordset(%({events})s) AS (
        actor_kind text, actor text, event text, outcome text, subject_kind text, subject text, context jsonb))
        WITH ORDINALITY AS new
    ORDER BY new.ordinality
    RETURNING id, event, at, workspace_id, tenant_id),
published AS (
    INSERT INTO audit_outbox (event_id, workspace_id, tenant_id, due_at)
    SELECT id, coalesce(workspace_id, 0), coalesce(tenant_id, 0), at FROM recorded WHERE event IN ({notified}))"""  # noqa: S608


def seal(*, by: By, whole: bool | None = True) -> SealedBatch | None:
    """Seals one batch of what has no leaf yet; None when nothing had. ``whole``: see ``sealing.seal_batch``.

    Raises Misconfigured when the signing key or the mark can't be had, and SealRefused when the log is not what this
    machine signed last; then nothing is sealed. The refusal is recorded once.
    """
    try:
        return sealing.seal_batch(_announce(by), whole=whole)
    except SealRefused as refused:
        _refuse(refused, by)
        raise


def accept(*, reason: str, by: By) -> SealedBatch:
    """Accepts the log as it is in the database: after a restore, or once a change was looked into. This machine forgets
    its mark, records who accepted what and why, and seals again from there.

    Raises Invalid without a reason, Conflict ``log-unchanged`` when sealing goes on anyway, SealRefused while a guard
    is missing or the log can't grow.
    """
    said = clean_text(reason, limit=CONTEXT_VALUE_LIMIT)
    if not said:
        raise Invalid("Say why the log is accepted as it is.", faults=[Fault("reason", "a reason is needed")])
    with transaction.atomic():
        sealing.lock()
        found = watch.report(signing.get())
        stopped = watch.stopped()
        if stopped is None and found.good and not sealing.untimely():
            raise Conflict("The log is what this machine signed: there is nothing to accept.", code="log-unchanged")
        watch.guarded()  # before anything is written that a trigger could drop
        accepted = store.size()
        record(
            EventName.AUDIT_LOG_ACCEPTED,
            by=by,
            subject_kind="log",
            subject=signing.get().origin,
            reason=said,
            size=accepted,
            mark_size=found.size,
            mark_root=found.root,
            stopped=stopped,
        )
        transaction.on_commit(lambda: mark.get().restart(rows_from=accepted))  # before the new mark is kept
        sealed = sealing.seal_batch(_announce(by), whole=True, accepting=True)
    while sealed is not None and sealed.more:  # the rest was accepted with it
        sealed = sealing.seal_batch(_announce(by), whole=True, accepting=True) or replace(sealed, more=False)
    if sealed is None:
        raise Stale
    return sealed


def forget_mark() -> None:
    """The database of this installation was made blank on purpose, as the demo's is at each start: see ``mark``."""
    mark.get().forget()


def _announce(by: By) -> sealing.Announce:
    def announce(found: int, complete: bool) -> AuditEvent:
        return record(
            EventName.AUDIT_SEALED,
            by=by,
            subject_kind="log",
            subject=signing.get().origin,
            rows=found,
            complete=complete,
            sources=SOURCES,
            mark=watch.without_mark(),
        )

    return announce


def _refuse(refused: SealRefused, by: By) -> None:
    """Stops sealing on this machine where the log was changed, and leaves an event once for each reason."""
    found = refused.difference
    already = watch.stopped() is not None
    log.error("nothing was sealed", kind=found.kind, reason=found.message, source=found.source, row=found.row_id)
    if refused.lasting:
        mark.get().stop(SealingStop(now().isoformat(timespec="seconds"), found.kind, found.message))
    if already if refused.lasting else _Refused.last == found.message:
        return
    _Refused.last = found.message
    with suppress(DatabaseError), transaction.atomic():
        record(
            EventName.AUDIT_SEAL_REFUSED,
            by=by,
            subject_kind="log",
            subject=signing.get().origin,
            outcome=EventOutcome.FAILED,
            kind=found.kind,
            reason=found.message,
        )


class _Refused:
    """What this process has recorded last, so that a guard that is missing for a day is not one event a seal."""

    last = ""


def seal_all(*, by: By, whole: bool | None = True, batches: int = 1000) -> list[SealedBatch]:
    """Seals batch after batch until nothing is left, ``batches`` at most. Each is a transaction of its own."""
    done: list[SealedBatch] = []
    for _ in range(batches):
        sealed = seal(by=by, whole=whole)
        if sealed is None:
            break
        done.append(sealed)
        if not sealed.more:
            break
    return done


def keep_sealed(*, by: By, batches: int) -> None:
    """What a worker does every ``seal_seconds``. A refusal was recorded where it was made, and a job that fails for it
    would be repeated to no end."""
    with suppress(SealRefused):
        seal_all(by=by, whole=None, batches=batches)


def export(
    *, by: By, workspace_id: int, tenant_ids: Collection[int] | None, sources: Sequence[Source] = (EVENTS,)
) -> Iterator[str]:
    """The sealed log as JSON lines (``exported``), with the rows of ``sources`` and of one workspace in clear: those of
    ``tenant_ids`` only, unless that is None. Writes the event, seals, and then gives the lines one by one, in bounded
    memory.
    """
    covered = "all" if tenant_ids is None else f"{len(tenant_ids)} tenants"
    record(
        EventName.AUDIT_EXPORTED,
        by=by,
        workspace_id=workspace_id,
        subject_kind="log",
        subject=signing.get().origin,
        tenants=covered,
        sources=len(sources),
    )
    with suppress(SealRefused):  # the export says so itself, by its mark
        seal_all(by=by)
    return exported.lines(exported.Scope(workspace_id, tenant_ids, sources))


def published_done(row_id: int) -> None:
    """It is decided who is notified of the event of an outbox row: the row goes, in the caller's transaction."""
    outbox.done(row_id)
