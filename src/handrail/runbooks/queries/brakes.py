"""What is paused, who paused it and why, and how many runs wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, missing_capability, missing_everywhere
from handrail.access.snapshot import snapshot
from handrail.runbooks.brakes import intake_paused_since
from handrail.runbooks.models import Brake, PausedRun
from handrail.runbooks.states import BrakeKind

PAGE = 200


@dataclass(frozen=True, slots=True)
class BrakeSummary:
    """``target``: the tenant's key, the connector's name, or NAME@VERSION of a runbook; empty for the rest.

    ``waiting``: how many runs in the actor's scope wait for it. ``released_*`` are set together. ``why_not_resume``:
    None where the actor may resume it now.
    """

    ref: str
    kind: BrakeKind
    target: str
    at: datetime
    by: str
    reason: str
    waiting: int
    released_at: datetime | None
    released_by: str | None
    release_reason: str
    why_not_resume: Refusal | None


@dataclass(frozen=True, slots=True)
class Paused:
    """Why a run waits. ``brake`` is None where its runbook version was deprecated, and can come back."""

    brake: str | None
    what: str
    by: str
    reason: str
    since: datetime


@snapshot()
def list_brakes(actor: Actor, *, released: bool = False, limit: int = PAGE) -> list[BrakeSummary]:
    """The brakes that concern the actor, newest first: those that hold, or those that were released. Raises Denied."""
    actor.require(Capability.RUN_VIEW)
    rows = visible(actor).filter(released_at__isnull=not released).select_related("tenant", "definition")
    found = list(rows.order_by("-at", "-pk")[: max(1, min(limit, PAGE))])
    waiting = _waiting(actor, found)
    return [_summary(actor, row, waiting.get(row.pk, 0)) for row in found]


@snapshot()
def get_brake(actor: Actor, ref: str) -> BrakeSummary | None:
    """One brake that concerns the actor, or None. Raises Denied: a token for pausing alone sees what it paused."""
    if not actor.may(Capability.RUN_PAUSE):
        actor.require(Capability.RUN_VIEW)
    row = visible(actor).filter(ref=ref).select_related("tenant", "definition").first()
    return _summary(actor, row, _waiting(actor, [row]).get(row.pk, 0)) if row else None


def intake_is_paused(actor: Actor) -> bool:
    """Whether no new run begins in the actor's workspace now."""
    return intake_paused_since(actor.workspace_id) is not None


def count_applied(actor: Actor) -> int:
    """How many brakes hold that concern the actor."""
    return visible(actor).filter(released_at=None).count()


def visible(actor: Actor) -> QuerySet[Brake]:
    """The brakes of the actor's workspace: of tenants only those in the actor's scope."""
    rows = Brake.objects.filter(workspace_id=actor.workspace_id)
    return rows if actor.tenant_ids is None else rows.filter(Q(tenant=None) | Q(tenant_id__in=actor.tenant_ids))


def why_not_pause(actor: Actor, kind: BrakeKind) -> Refusal | None:
    """Why the actor may not pause or resume anything of this kind; None where they may."""
    if kind is BrakeKind.TENANT:
        return missing_capability(actor, Capability.RUN_PAUSE)
    return missing_everywhere(actor, Capability.RUN_PAUSE)


def paused_of(note: PausedRun | None) -> Paused | None:
    """What a run waits for by its ``note``, loaded with run, definition and brake; None where it does not wait."""
    if note is None or note.connector or note.run.finished_at is not None or note.run_updated_at != note.run.updated_at:
        return None
    if note.brake is not None:
        brake = note.brake
        return None if brake.released_at else Paused(brake.ref, what_of(brake), brake.by, brake.reason, brake.at)
    definition = note.run.definition
    if definition.state != "deprecated" or definition.deprecated_at is None:
        return None
    by, reason, since = definition.deprecated_by or "", definition.reason, definition.deprecated_at
    return Paused(None, f"runbook {definition.name}@{definition.version} (deprecated)", by, reason, since)


def what_of(brake: Brake) -> str:
    """What a brake holds, in a few words."""
    name = target_of(brake)
    return f"{brake.kind} {name}" if name else {"everything": "everything", "intake": "the intake"}[brake.kind]


def target_of(brake: Brake) -> str:
    if brake.tenant is not None:
        return brake.tenant.key
    return f"{brake.definition.name}@{brake.definition.version}" if brake.definition is not None else brake.target


def _waiting(actor: Actor, found: list[Brake]) -> dict[int, int]:
    rows = PausedRun.objects.filter(
        brake__in=[row.pk for row in found if row.released_at is None],
        run__finished_at=None,
        run__updated_at=F("run_updated_at"),
    )
    if actor.tenant_ids is not None:
        rows = rows.filter(tenant_id__in=actor.tenant_ids)
    return dict(rows.order_by().values_list("brake").annotate(n=Count("pk")))


def _summary(actor: Actor, row: Brake, waiting: int) -> BrakeSummary:
    released = Refusal("already-resumed", "This was resumed already.") if row.released_at else None
    return BrakeSummary(
        ref=row.ref,
        kind=BrakeKind(row.kind),
        target=target_of(row),
        at=row.at,
        by=row.by,
        reason=row.reason,
        waiting=waiting,
        released_at=row.released_at,
        released_by=row.released_by,
        release_reason=row.release_reason,
        why_not_resume=why_not_pause(actor, BrakeKind(row.kind)) or released,
    )
