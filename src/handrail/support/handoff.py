"""The handoff of one request: the ticket to link, or one call to the desk and the one finalization write."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

from django.db import transaction

from handrail.access.actor import Actor
from handrail.audit.actions import record
from handrail.audit.events import EventName, EventOutcome
from handrail.connectors.desk import Category, Created, Desk, DeskFailure, Link, Severity, TicketDraft
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, Invalid, Stale
from handrail.support import context, finalization, permissions, settings
from handrail.support.input import REFUSED, SupportRequestInput
from handrail.support.models import SupportRequest
from handrail.support.states import AttachmentMode, HandoffMode

# Beyond the desk's own budget: for the two writes around the call.
MARGIN = timedelta(seconds=2)


def window(desk: Desk) -> timedelta:
    """How long after its row a handoff can be under way."""
    return timedelta(seconds=desk.config.deadline_seconds) + MARGIN


def link_for(given: SupportRequestInput, desk: Desk | None) -> Link | None:
    """The existing ticket to link, by the desk's own pattern; None in the other modes. Makes no call.

    Raises Invalid: no desk is configured for the mode, or the desk can have no such ticket.
    """
    refusal = permissions.why_not_mode(given.mode, desk)
    if refusal is not None:
        raise Invalid(refusal.message, code=refusal.code, faults=[Fault("mode", "choose internal_only")])
    if desk is None or given.mode is not HandoffMode.LINK:
        return None
    try:
        return desk.normalise_link(given.external_reference, given.external_url)
    except Invalid as error:
        faults = [Fault(f"external_{fault.where}", fault.message) for fault in error.faults]
        raise Invalid(REFUSED, code="link-invalid", faults=faults) from None


def hand_over(request: SupportRequest, desk: Desk, *, by: Actor, since: float) -> SupportRequest:
    """Asks the desk for a ticket and finalizes ``request`` with the answer, whatever it is. Never repeated.

    The desk's budget counts from ``since``, a reading of ``time.monotonic``: when work on the submission began.

    A process that dies in here leaves the row unfinished, which reads as outcome unknown after its deadline.
    """
    answer = _ask(request, desk, since)
    if isinstance(answer, Created):
        return _finalize(request, by=by, reference=answer.reference, url=answer.url)
    return _finalize(request, by=by, failure=answer.summary(desk=desk.name, reference=request.ref))


def _ask(request: SupportRequest, desk: Desk, since: float) -> Created | DeskFailure:
    """The desk's answer; it is not asked while as many threads as may are waiting for it."""
    calls = settings.current().calls
    if not calls.acquire(blocking=False):
        return DeskFailure(Category.HANDRAIL_BUSY)
    try:
        return desk.create(draft(request), since=since)
    finally:
        calls.release()


def draft(request: SupportRequest) -> TicketDraft:
    """The ticket that ``request`` asks for. Its reference travels in it, so that a person can find it."""
    return TicketDraft(
        reference=request.ref,
        summary=request.summary,
        body=request.reproduction_notes,
        facts="\n".join(_facts(request)),
        severity=Severity(request.severity),
        contact_name=request.contact_name,
        contact_email=request.contact_email,
        tenant=request.tenant.name,
        run=request.run.ref if request.run else None,
        page_url=_page(request),
    )


def audit(event: EventName, request: SupportRequest, *, by: Actor, outcome: EventOutcome = EventOutcome.DONE) -> None:
    """Workspace, tenant and ``SR-…`` stand in the event's own columns; the context holds the rest, and nothing else."""
    record(
        event,
        by=by,
        tenant_id=request.tenant_id,
        subject_kind="support_request",
        subject=request.ref,
        outcome=outcome,
        primary_context=request.primary_context,
        mode=request.external_handoff_mode,
        external_reference=request.external_ticket_reference,
        finalization=finalization.digest_of(request),
    )


@transaction.atomic
def _finalize(
    request: SupportRequest,
    *,
    by: Actor,
    reference: str | None = None,
    url: str | None = None,
    failure: str | None = None,
) -> SupportRequest:
    """The one write. Raises Stale when the request is finished already; the database would refuse it too."""
    unfinished = SupportRequest.objects.filter(
        pk=request.pk,
        external_handoff_mode=HandoffMode.CREATE,
        external_ticket_reference=None,
        external_handoff_failure_summary=None,
    )
    written = unfinished.update(
        external_ticket_reference=reference,
        external_ticket_url=url,
        external_handoff_failure_summary=failure,
        updated_at=now(),
    )
    if not written:
        raise Stale
    request.refresh_from_db()
    if failure is None:
        audit(EventName.SUPPORT_REQUEST_TICKET_CREATED, request, by=by)
    else:
        audit(EventName.SUPPORT_REQUEST_HANDOFF_FAILED, request, by=by, outcome=EventOutcome.FAILED)
    return request


def _facts(request: SupportRequest) -> Iterator[str]:
    yield f"Handrail reference: {request.ref}"
    yield f"Severity: {request.severity}"
    yield f"Contact: {request.contact_name} <{request.contact_email}>"
    if page := _page(request):
        yield f"Page in Handrail: {page}"
    if request.attachment_mode == AttachmentMode.CONTEXT:
        yield from ("", context.as_text(request.context_envelope))


def _page(request: SupportRequest) -> str | None:
    """The address of the tenant's or the run's page, where the installation has a public one."""
    pages = settings.current()
    page, key = (pages.run_page, request.run.ref) if request.run else (pages.tenant_page, request.tenant.key)
    return page.format(key=quote(key, safe="")) if page else None
