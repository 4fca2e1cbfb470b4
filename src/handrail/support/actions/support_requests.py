"""Support requests: stored first, then handed to the one desk, then finalized once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from handrail.access import guards
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.events import EventName
from handrail.connectors import desk as desks
from handrail.connectors.desk import Desk, Link
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict
from handrail.kernel.ids import Prefix, new_ref
from handrail.support import context, handoff, queries, settings
from handrail.support.context import RequestContext
from handrail.support.input import SupportRequestInput, checked_key
from handrail.support.models import SupportRequest
from handrail.support.queries import Handoff
from handrail.support.states import HandoffMode, HandoffOutcome

WAIT_SECONDS = 5.0
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.02, 0.2


@dataclass(frozen=True, slots=True)
class Submitted:
    """``repeated``: the key was used before for the same content; this is that request as it stands."""

    handoff: Handoff
    repeated: bool


def submit(
    *,
    by: Actor,
    given: SupportRequestInput,
    submission_key: str,
    tenant: str | None = None,
    run: str | None = None,
) -> Submitted:
    """Raises a request from the named tenant or run, and hands it over in the given mode.

    The internal record commits first and is never lost: a failure of the desk is part of the answer, not an error.
    A repeated submission never calls the desk. It waits for the first one's answer, at most 5 s, or is answered as
    under way when too many wait already. Must not be called inside a transaction. Raises NotFound, Denied, Invalid (a
    fault per field; nothing is stored), and Conflict ``submission-key-reused`` when the key stands for other content.
    """
    began = time.monotonic()
    about = context.find_context(by, Capability.SUPPORT_REQUEST, tenant=tenant, run=run)
    own = queries.contact_of(by)
    asked = given.completed(name=own.name, email=own.email)
    key = checked_key(submission_key)
    content = asked.digest(context=f"{about.primary}:{about.key}")
    if existing := _existing(by, key, content):
        return existing
    desk = desks.configured()
    request = _new(asked, about, handoff.link_for(asked, desk), desk, by)
    request.submission_key, request.content_digest = key, content
    try:
        _write(request, by)
    except IntegrityError:
        repeated = _existing(by, key, content)
        if repeated is None:
            raise
        return repeated
    if desk is not None and asked.mode is HandoffMode.CREATE:
        handoff.hand_over(request, desk, by=by, since=began)
    return Submitted(queries.handoff_of(request), repeated=False)


def _new(
    asked: SupportRequestInput, about: RequestContext, link: Link | None, desk: Desk | None, by: Actor
) -> SupportRequest:
    at = now()
    creates = desk is not None and asked.mode is HandoffMode.CREATE
    return SupportRequest(
        ref=new_ref(Prefix.SUPPORT_REQUEST),
        workspace_id=about.tenant.workspace_id,
        tenant=about.tenant,
        run=about.run,
        initiator=by.name,
        primary_context=about.primary,
        attachment_mode=asked.attachment,
        severity=asked.severity,
        summary=asked.summary,
        reproduction_notes=asked.notes,
        contact_name=asked.contact_name,
        contact_email=asked.contact_email,
        context_envelope=context.build(about),
        created_at=at,
        updated_at=at,
        handoff_deadline_at=at + handoff.window(desk) if desk is not None and creates else None,
        external_handoff_mode=asked.mode,
        external_ticket_reference=link.reference if link else None,
        external_ticket_url=link.url if link else None,
    )


def _write(request: SupportRequest, by: Actor) -> None:
    """Commits the row with its audit events. Raises IntegrityError when the same key was faster.

    ``durable``: an outer transaction would keep the row from being committed before the desk is called.
    """
    with transaction.atomic(durable=True):
        guards.hold_open(request.tenant_id, key=request.tenant.key)
        request.save(force_insert=True)
        handoff.audit(EventName.SUPPORT_REQUEST_CREATED, request, by=by)
        if request.external_handoff_mode == HandoffMode.LINK:
            handoff.audit(EventName.SUPPORT_REQUEST_TICKET_LINKED, request, by=by)


def _existing(by: Actor, key: str, content: str) -> Submitted | None:
    """The request that the actor submitted with ``key``. It says nothing about the requests of others."""
    rows = SupportRequest.objects.select_related("tenant", "run")
    request = rows.filter(workspace_id=by.workspace_id, initiator=by.name, submission_key=key).first()
    if request is None:
        return None
    if request.content_digest != content:
        raise Conflict(
            "This form was already submitted with different content. Open the form again to submit a new request.",
            code="submission-key-reused",
        )
    return Submitted(_answered(request), repeated=True)


def _answered(request: SupportRequest) -> Handoff:
    """``request`` once the desk has answered or had its time; as it stands when too many threads wait like this one."""
    seen, repeats = queries.handoff_of(request), settings.current().repeats
    if seen.outcome is not HandoffOutcome.UNDER_WAY or not repeats.acquire(blocking=False):
        return seen
    try:
        until, pause = time.monotonic() + WAIT_SECONDS, _FIRST_LOOK_SECONDS
        while time.monotonic() < until:
            time.sleep(pause)
            pause = min(pause * 2, _LAST_LOOK_SECONDS)
            request.refresh_from_db()
            if (seen := queries.handoff_of(request)).outcome is not HandoffOutcome.UNDER_WAY:
                break
    finally:
        repeats.release()
    return seen
