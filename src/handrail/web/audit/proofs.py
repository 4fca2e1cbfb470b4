"""What outsiders check an event, or a packet and its approvals, with: shown, and sent as files."""

from __future__ import annotations

from base64 import b64decode

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from handrail.access import evidence
from handrail.access.capabilities import Capability
from handrail.kernel.errors import NotFound
from handrail.packets import queries as packets
from handrail.packets.queries import NamedProof
from handrail.web.shell.request import PageRequest

_TYPES = {"tlog-proof": "text/plain; charset=utf-8", "cose": "application/cose", "leaf": "application/json"}


@require_safe
def of_event(request: PageRequest, event: int) -> HttpResponse:
    found = [packets.prove_event(request.actor, event)]
    return _answer(request, found, title=f"Proof of event {event}", about="")


@require_safe
def of_packet(request: PageRequest, packet: str) -> HttpResponse:
    found = packets.prove_packet(request.actor, packet)
    return _answer(request, found, title=f"Proofs of {packet}", about=packet)


def _answer(request: PageRequest, found: list[NamedProof], *, title: str, about: str) -> HttpResponse:
    """The page; or one of its files, ``?file=NAME.FORM``."""
    if wanted := request.GET.get("file", ""):
        return _file(found, wanted)
    context = {
        "section": "audit",
        "proofs": found,
        "title": title,
        "packet": about,
        "forms": list(_TYPES),
        "keys": evidence.verifier_keys(request.actor) if request.actor.may(Capability.AUDIT_VIEW) else [],
        "pem": evidence.receipt_key(),
    }
    return render(request, "audit/proofs.html", context)


def _file(found: list[NamedProof], wanted: str) -> HttpResponse:
    name, _, form = wanted.partition(".")
    one = next((proof.row for proof in found if proof.name == name), None)
    if one is None or form not in _TYPES:
        raise NotFound
    data = {"tlog-proof": one.proof.encode(), "leaf": one.leaf.encode()}.get(form) or b64decode(one.receipt)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.{form}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HttpResponse(data, content_type=_TYPES[form], headers=headers)
