"""What exactly would leave, what is held, who must sign; and the decisions about it."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from handrail.kernel.errors import Conflict, Invalid
from handrail.packets import queries
from handrail.packets.actions import assembling, exporting, holds, recalling, releasing, seeing, settling, votes
from handrail.packets.actions.exporting import Download
from handrail.packets.errors import Drifted
from handrail.web.packets import holding, packet_view
from handrail.web.packets.forms import SubmittedReason
from handrail.web.packets.packet_view import PacketPage, RefusedDecision
from handrail.web.shell import signing
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# A revision number has at most this many digits; a longer one names none.
_DIGITS = 9
_ANCHOR = re.compile(r"[a-z0-9-]{1,200}")


@require_safe
@in_one_moment
def page(request: PageRequest, packet: str) -> HttpResponse:
    against = _number(request.GET["against"]) if request.GET.get("against") else None
    shown = packet_view.present(request.actor, packet, _asked(request), whole="whole" in request.GET, against=against)
    request.opened = ("packet", shown.detail.summary.ref)
    return _show(request, shown)


@require_safe
@in_one_moment
def live(request: PageRequest, packet: str) -> HttpResponse:
    """What moves by itself: the page once it is assembled, or its delivery. 204 while that is as the page shows it."""
    number = _asked(request)
    now = queries.get_progress(request.actor, packet, number)
    if request.GET.get("seen") == packet_view.mark(now.revision, now.delivery):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    shown = packet_view.present(request.actor, packet, number)
    if request.GET.get("part") == "delivery" and shown.detail.delivery is not None:
        context = {"packet": shown, "x": shown.detail.delivery, "fragment": True}
        return render(request, "packets/parts/delivery.html", context)
    return _show(request, shown)


@require_safe
def document(request: PageRequest, packet: str) -> FileResponse:
    """A file that leaves, or would: kept by the browser as a file, never shown as a page."""
    name = request.GET.get("name", "")
    return _file(exporting.document(ref=packet, revision=_asked(request), name=name, by=request.actor))


@require_safe
def package(request: PageRequest, packet: str) -> FileResponse:
    return _file(exporting.package(ref=packet, revision=_asked(request), by=request.actor))


@require_safe
def recalls(request: PageRequest, lane: str) -> HttpResponse:
    """Every signed recall of a lane, as a file."""
    data = recalling.export(lane=lane, by=request.actor)
    response = HttpResponse(data, content_type="application/jsonl")
    response.headers["Content-Disposition"] = 'attachment; filename="recalls.jsonl"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@require_POST
def again(request: PageRequest, packet: str) -> HttpResponse:
    def act(_: int, reason: str) -> str:
        asked = assembling.again(ref=packet, reason=reason, by=request.actor)
        return f"Revision {asked.revision} is being assembled. The votes on the previous revision are void."

    return decide(request, packet, "again", act)


@require_POST
def clear(request: PageRequest, packet: str) -> HttpResponse:
    code, targets = request.POST.get("code", ""), request.POST.getlist("target")

    def act(revision: int, reason: str) -> str:
        asked = holds.clear_all(
            ref=packet, revision=revision, code=code, targets=targets, reason=reason, by=request.actor
        )
        return f"Cleared, with your reason. Revision {asked.revision} is being assembled."

    return decide(request, packet, holding.clear_key(code), act)


@require_POST
def mark_seen(request: PageRequest, packet: str) -> HttpResponse:
    """What was looked at, by the digests that the page showed. ``next``: where on the page it goes on."""
    digests, after = request.POST.getlist("digest"), request.POST.get("next", "")

    def act(revision: int, _: str) -> str:
        done = seeing.mark(ref=packet, revision=revision, digests=digests, by=request.actor)
        return f"Marked as seen: {done.seen} of {done.all}."

    answer = decide(request, packet, "seen", act)
    if answer.status_code == HTTPStatus.FOUND and _ANCHOR.fullmatch(after):
        answer.headers["Location"] += f"#{after}"
    return answer


@require_POST
def mask(request: PageRequest, packet: str) -> HttpResponse:
    code, targets = request.POST.get("code", ""), request.POST.getlist("target")

    def act(revision: int, reason: str) -> str:
        asked = holds.mask(ref=packet, revision=revision, code=code, targets=targets, reason=reason, by=request.actor)
        return f"Masked, with your reason. Revision {asked.revision} is being assembled."

    return decide(request, packet, holding.mask_key(code), act)


@require_POST
def sign(request: PageRequest, packet: str) -> HttpResponse:
    """What the person's passkey is to sign, for the script of the page."""
    revision, digest = _number(request.POST.get("revision", "")), request.POST.get("digest", "")
    return signing.asked(
        lambda: votes.begin(
            ref=packet, revision=revision, digest=digest, session=signing.session(request), by=request.actor
        )
    )


@require_POST
def approve(request: PageRequest, packet: str) -> HttpResponse:
    digest = request.POST.get("digest", "")

    def act(revision: int, _: str) -> str:
        with signing.refusals_written_down(request):
            done = votes.approve(
                ref=packet,
                revision=revision,
                digest=digest,
                by=request.actor,
                answer=signing.answer(request),
                session=signing.session(request),
            )
        if done.missing:
            return f"Approved by you. So far: {'; '.join(done.missing)}."
        return "Approved by you. All required signatures are present."

    return decide(request, packet, "approve", act)


@require_POST
def reject(request: PageRequest, packet: str) -> HttpResponse:
    def act(revision: int, reason: str) -> str:
        votes.reject(ref=packet, revision=revision, reason=reason, by=request.actor)
        return "Rejected, with your reason. This revision has ended."

    return decide(request, packet, "reject", act)


@require_POST
def withdraw(request: PageRequest, packet: str) -> HttpResponse:
    def act(revision: int, reason: str) -> str:
        votes.withdraw(ref=packet, revision=revision, reason=reason, by=request.actor)
        return "Withdrawn, with your reason."

    return decide(request, packet, "withdraw", act)


@require_POST
def recall(request: PageRequest, packet: str) -> HttpResponse:
    cause, asks = request.POST.get("cause", ""), request.POST.get("asks", "")

    def act(revision: int, reason: str) -> str:
        recalling.recall(ref=packet, revision=revision, cause=cause, asks=asks, reason=reason, by=request.actor)
        return "Recalled. A signed statement goes into the lane."

    return decide(request, packet, "recall", act)


@require_POST
def settle(request: PageRequest, packet: str) -> HttpResponse:
    key, evidence = request.POST.get("key", ""), request.POST.get("evidence", "")

    def act(revision: int, reason: str) -> str:
        settling.settle(ref=packet, revision=revision, key=key, reason=reason, evidence=evidence, by=request.actor)
        return "Settled, with your note."

    return decide(request, packet, f"settle {key}", act)


@require_POST
def discard(request: PageRequest, packet: str) -> HttpResponse:
    def act(_: int, reason: str) -> str:
        assembling.discard(ref=packet, reason=reason, by=request.actor)
        return "Discarded, with your reason. The case can be assembled again."

    return decide(request, packet, "discard", act)


@require_POST
def release(request: PageRequest, packet: str) -> HttpResponse:
    def act(revision: int, _: str) -> str:
        releasing.release(ref=packet, revision=revision, by=request.actor)
        return "Released. It is delivered to its lane once; the receipt will appear here."

    return decide(request, packet, "release", act)


def decide(request: PageRequest, packet: str, form: str, act: Callable[[int, str], str]) -> HttpResponse:
    """One decision on the revision that was shown. What is refused comes back as the page that says why."""
    revision, reason = _number(request.POST.get("revision", "")), request.POST.get("reason", "")
    try:
        done = act(revision, reason)
    except Invalid as error:
        typed = SubmittedReason(form, reason, error.faults[0].message if error.faults else error.message)
        shown = packet_view.present(request.actor, packet, revision or None, typed=typed)
        return _show(request, shown, status=error.status)
    except Conflict as error:
        if error.code == "voted":  # a second click, a reload
            return redirect(reverse("packet", args=[packet]) + f"?revision={revision}")
        # After drift the next revision is what there is to look at.
        number = None if isinstance(error, Drifted) else revision or None
        refused = RefusedDecision(error.message, tuple(error.faults))
        shown = packet_view.present(request.actor, packet, number, refused=refused)
        return _show(request, shown, status=error.status)
    messages.success(request, done)
    newest = form == "again" or form.startswith(("clear ", "mask "))
    return redirect(reverse("packet", args=[packet]) + ("" if newest else f"?revision={revision}"))


def _show(request: PageRequest, shown: PacketPage, *, status: int = 200) -> HttpResponse:
    return render(request, "packets/packet.html", {"section": "packets", "packet": shown}, status=status)


def _file(found: Download) -> FileResponse:
    response = FileResponse(found.stream, as_attachment=True, filename=found.filename, content_type=found.media_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def _asked(request: PageRequest) -> int | None:
    """The revision that the address names; None for the newest."""
    return _number(request.GET["revision"]) if request.GET.get("revision") else None


def _number(text: str) -> int:
    """A revision's number; 0, which none has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
