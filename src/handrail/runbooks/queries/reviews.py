"""Completed runs that were drawn for a second look: those that wait for one, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.guards import scoped
from handrail.access.refusals import Refusal
from handrail.access.snapshot import snapshot
from handrail.kernel.errors import Fault, Invalid
from handrail.runbooks import permissions
from handrail.runbooks.models import RunReview, SampledRun
from handrail.runbooks.states import ReviewVerdict

PAGE = 50


@dataclass(frozen=True, slots=True)
class FoundByReview:
    """What a second look has found: who looked, when, and why they say so."""

    verdict: ReviewVerdict
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """A run that was drawn when it completed, ``at`` then; ``share``: the one that was configured. ``review`` None: it
    waits for a second look. ``why_not_review``: None where the actor may look at it."""

    run: str
    runbook: str
    version: int
    tenant: str
    tenant_name: str
    task: str
    subject: str
    requested_by: str
    at: datetime
    share: float
    review: FoundByReview | None
    why_not_review: Refusal | None


@snapshot()
def list_reviews(
    actor: Actor, *, done: bool = False, own: bool = True, after: str = "", limit: int = PAGE
) -> list[DrawnRun]:
    """Drawn runs in the actor's scope: those that wait for a second look, the oldest first; with ``done`` those that
    had one, the newest first. Without ``own``: none that the actor started. ``after``: go on behind the run
    with this reference.

    Raises Denied without ``run:review``, Invalid for an ``after`` that the actor can't know of.
    """
    actor.require(Capability.RUN_REVIEW)
    rows = _drawn(actor).filter(run__review__isnull=not done)
    if not own:
        rows = rows.exclude(run__requested_by=actor.name)
    if after:
        rows = _behind(actor, rows, after, newest_first=done)
    joined = rows.select_related("run", "run__definition", "run__review", "tenant")
    order = ("-at", "-pk") if done else ("at", "pk")
    return [_item(actor, row) for row in joined.order_by(*order)[: max(1, min(limit, 501))]]


def count_waiting(actor: Actor) -> int:
    """How many wait that the actor may look at: not those that they started themselves. 0 for who may look at none."""
    if not actor.may(Capability.RUN_REVIEW):
        return 0
    return _drawn(actor).filter(run__review__isnull=True).exclude(run__requested_by=actor.name).count()


def found_of(review: RunReview | None) -> FoundByReview | None:
    """``review`` as people see it."""
    return None if review is None else FoundByReview(ReviewVerdict(review.verdict), review.by, review.at, review.reason)


def _drawn(actor: Actor) -> QuerySet[SampledRun]:
    return scoped(actor, SampledRun.objects.all())


def _behind(actor: Actor, rows: QuerySet[SampledRun], ref: str, *, newest_first: bool) -> QuerySet[SampledRun]:
    last = _drawn(actor).filter(run__ref=ref).values_list("at", "pk").first()
    if last is None:
        fault = Fault("after", "the reference of the last run of a list, RUN-…")
        raise Invalid("The list can't go on from there.", faults=[fault])
    at, pk = last
    if newest_first:
        return rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk))
    return rows.filter(Q(at__gt=at) | Q(at=at, pk__gt=pk))


def _item(actor: Actor, row: SampledRun) -> DrawnRun:
    run, review = row.run, getattr(row.run, "review", None)
    return DrawnRun(
        run=run.ref,
        runbook=run.definition.name,
        version=run.definition.version,
        tenant=row.tenant.key,
        tenant_name=row.tenant.name,
        task=run.task_key,
        subject=run.subject,
        requested_by=run.requested_by,
        at=row.at,
        share=row.share,
        review=found_of(review),
        why_not_review=permissions.why_not_review(actor, run, drawn=row, review=review),
    )
