"""The passkeys of a member, for those who manage members: confirmed as a second person, and removed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from handrail.access import enrolment, factors, passkeys
from handrail.access.capabilities import Capability
from handrail.access.refusals import REASON_LIMIT
from handrail.kernel.errors import Conflict, Invalid
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@require_safe
@in_one_moment
def page(request: PageRequest, member: int) -> HttpResponse:
    return _shown(request, member)


@require_POST
def confirm(request: PageRequest, member: int, key: str) -> HttpResponse:
    try:
        enrolment.confirm(ref=key, by=request.actor)
    except Conflict as error:
        return _shown(request, member, status=error.status, refusal=error.message)
    messages.success(request, f"{key} is confirmed: it counts for signing.")
    return redirect("member-keys", member=member)


@require_POST
def remove(request: PageRequest, member: int, key: str) -> HttpResponse:
    reason = request.POST.get("reason", "")
    try:
        enrolment.remove(ref=key, reason=reason, by=request.actor)
    except (Conflict, Invalid) as error:
        said = error.faults[0].message.capitalize() if error.faults else error.message
        return _shown(request, member, status=error.status, refusal=said, removing=key, typed=reason)
    messages.success(request, f"{key} is removed: it opens nothing any more, and the member's sessions have ended.")
    return redirect("member-keys", member=member)


@require_POST
def second_factor(request: PageRequest) -> HttpResponse:
    """Has the workspace need a second factor of its members, or not any more."""
    required = request.POST.get("required") == "yes"
    try:
        factors.require_second_factor(required=required, by=request.actor)
    except Conflict as error:
        messages.error(request, error.message)
        return redirect("members")
    said = "Every member needs a second factor from now on." if required else "No second factor is needed any more."
    messages.success(request, said)
    return redirect("members")


def _shown(request: PageRequest, member: int, *, status: int = 200, **context: object) -> HttpResponse:
    found = enrolment.get_member(request.actor, member)
    shown = {
        "section": "members",
        "member": found,
        "keys": enrolment.list_of_member(request.actor, found.email),
        "signer": passkeys.signs(found.roles),
        "own": found.email == request.actor.name,
        "manages": request.actor.may(Capability.MEMBER_MANAGE),
        "reason_limit": REASON_LIMIT,
    }
    return render(request, "shell/member_keys.html", {**shown, **context}, status=status)
