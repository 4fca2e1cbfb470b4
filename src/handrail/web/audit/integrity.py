"""Audit log integrity: the whole log verified, and compared with a checkpoint that was kept elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_POST

from handrail.access import evidence
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.audit.verification import Verification
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class IntegrityPage:
    """``checkpoint``: the newest signed one, to be kept elsewhere; None while nothing has been sealed."""

    verification: Verification
    checkpoint: str | None
    key: str
    compared: bool
    may_export: bool


def present(actor: Actor, kept: str) -> IntegrityPage:
    """Raises Denied, and Invalid for a kept checkpoint that is none of this log's."""
    text = kept.replace("\r\n", "\n")
    verification = evidence.verify(actor, kept=[text] if text.strip() else [])
    try:
        checkpoint: str | None = evidence.checkpoint(actor)
    except Conflict:
        checkpoint = None
    return IntegrityPage(
        verification,
        checkpoint,
        evidence.verifier_key(actor),
        compared=bool(text.strip()),
        may_export=actor.may(Capability.AUDIT_EXPORT),
    )


@require_POST
def export(request: PageRequest) -> StreamingHttpResponse:
    """The whole log as a file, sent as it is read."""
    return StreamingHttpResponse(
        evidence.export(by=request.actor),
        content_type="application/jsonl",
        headers={
            "Content-Disposition": 'attachment; filename="audit-log.jsonl"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: PageRequest) -> HttpResponse:
    """Verifies the whole log, which changes nothing; posted is a checkpoint that was kept elsewhere."""
    kept = request.POST.get("kept", "")
    try:
        shown, fault = present(request.actor, kept), None
    except Invalid as error:
        shown, fault = present(request.actor, ""), error
    context = {"section": "audit", "record": shown, "typed": kept, "fault": fault.message if fault else ""}
    return render(request, "audit/integrity.html", context, status=fault.status if fault else HTTPStatus.OK)
