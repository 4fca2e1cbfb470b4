"""A second look at completed runs that were drawn for it."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import reason_of, refuse
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.runbooks import permissions
from handrail.runbooks.actions import corrections
from handrail.runbooks.models import OperationRun, RunReview, SampledRun, WrongCompletion
from handrail.runbooks.states import ReviewVerdict


@transaction.atomic
def review(*, ref: str, verdict: str, reason: str, by: Actor) -> None:
    """Writes what a second look at the run ``ref`` has found: right or wrong, and why, 1 to 500 characters. A wrong one
    is marked as found wrong too, unless somebody has done so before.

    Raises NotFound, Denied, Invalid, Conflict: ``run-not-drawn``, ``run-reviewed``, ``own-run``, ``found-wrong`` where
    a run that was marked as wrong is called right.
    """
    run = guards.get_scoped(by, OperationRun.objects.all(), Capability.RUN_REVIEW, ref=ref)
    drawn, before = SampledRun.objects.filter(run=run).first(), RunReview.objects.filter(run=run).first()
    refuse(permissions.why_not_review(by, run, drawn=drawn, review=before))
    if verdict not in set(ReviewVerdict):
        raise Invalid("Say what you found.", faults=[Fault("verdict", f"one of: {', '.join(ReviewVerdict)}")])
    text, marked = reason_of(reason), WrongCompletion.objects.filter(run=run).first()
    if marked is not None and verdict == ReviewVerdict.RIGHT:
        raise Conflict(f"{marked.by} has marked this run as found wrong: {marked.reason}", code="found-wrong")
    _write(run, by, ReviewVerdict(verdict), text)
    if verdict == ReviewVerdict.WRONG and marked is None:
        corrections.write_wrong(run, by, reason=text, found_in="")


def _write(run: OperationRun, by: Actor, verdict: ReviewVerdict, text: str) -> None:
    try:
        with transaction.atomic():
            RunReview.objects.create(
                workspace_id=run.workspace_id,
                tenant_id=run.tenant_id,
                run=run,
                at=Now(),
                by=by.name,
                verdict=verdict,
                reason=text,
            )
    except IntegrityError:
        raise Conflict("Somebody else has looked at this run first.", code="run-reviewed") from None
    record(
        EventName.RUN_REVIEWED,
        by=by,
        tenant_id=run.tenant_id,
        subject_kind="run",
        subject=run.ref,
        verdict=verdict.value,
        reason=digest_bytes(text.encode()),
    )
