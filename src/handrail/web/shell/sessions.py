"""Where somebody is logged in: one's own sessions, and for administrators those of a member."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from handrail.access import enrolment, factors, sessions
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import MemberSummary
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class MemberRow:
    """``reachable``: whether the actor may see the member's sessions. ``factor``: what second factor they have;
    ``unconfirmed``: how many passkeys of a signer wait for a second person."""

    member: MemberSummary
    reachable: bool
    factor: str = ""
    unconfirmed: int = 0


def present(actor: Actor) -> list[MemberRow]:
    """Raises Denied."""
    members, reachable = access.list_members(actor), sessions.administered(actor)
    held = enrolment.overview(actor)
    return [MemberRow(member, member.id in reachable, *held.get(member.id, ("none", 0))) for member in members]


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def own(request: PageRequest) -> HttpResponse:
    user, key = request.user, request.session.session_key
    assert user.is_authenticated
    if request.method != "POST":
        return render(request, "shell/sessions.html", {"sessions": sessions.list_own(user, current=key)})
    ref = request.POST.get("session", "")
    ended = sessions.end_own(user, by=request.actor, ref=ref, keep=key)
    messages.success(request, _said(ended))
    return redirect("sessions")


@require_safe
@in_one_moment
def members(request: PageRequest) -> HttpResponse:
    return render(request, "shell/members.html", _about(request.actor))


def _about(actor: Actor) -> dict[str, object]:
    manages = actor.may_everywhere(Capability.MEMBER_MANAGE)
    return {"section": "members", "rows": present(actor), "required": factors.is_required(actor), "manages": manages}


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def of_member(request: PageRequest, member: int) -> HttpResponse:
    found = sessions.get_member(request.actor, member)
    if request.method != "POST":
        rows = sessions.list_of_member(request.actor, found.email)
        return render(request, "shell/member_sessions.html", {"section": "members", "member": found, "sessions": rows})
    ended = sessions.end_of_member(found.email, by=request.actor, ref=request.POST.get("session", ""))
    messages.success(request, _said(ended))
    return redirect("member-sessions", member=member)


def _said(ended: int) -> str:
    return f"{ended} session{'' if ended == 1 else 's'} ended."
