"""What people do on the packet's page for lanes that can't be asked."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Invalid
from handrail.kernel.secrets import Secret
from handrail.packets.actions import uploading
from handrail.web.packets import packet_view
from handrail.web.packets.packet import decide
from handrail.web.packets.packet_view import RefusedDecision
from handrail.web.shell.request import PageRequest

MOST_MINUTES = 43_200


@sensitive_post_parameters("upload_address")
@require_POST
def upload_address(request: PageRequest, packet: str) -> HttpResponse:
    """The address itself is on no page, not even on the one that refuses it."""
    revision, minutes = (_number(request.POST.get(name, "")) for name in ("revision", "minutes"))
    try:
        uploading.give_address(
            ref=packet,
            revision=revision,
            address=Secret(request.POST.get("upload_address", "").strip()),
            expires_at=now() + timedelta(minutes=min(minutes, MOST_MINUTES + 1)),
            by=request.actor,
        )
    except (Conflict, Invalid) as error:
        shown = packet_view.present(request.actor, packet, revision or None, refused=RefusedDecision(error.message))
        return render(request, "packets/packet.html", {"section": "packets", "packet": shown}, status=error.status)
    messages.success(request, "The upload address is kept. It is used once, and never shown.")
    return redirect(reverse("packet", args=[packet]) + f"?revision={revision}")


@require_POST
def arrival(request: PageRequest, packet: str) -> HttpResponse:
    arrived = request.POST.get("arrived") == "yes"

    def act(revision: int, reason: str) -> str:
        uploading.confirm(ref=packet, revision=revision, arrived=arrived, reason=reason, by=request.actor)
        return "Recorded as arrived." if arrived else "Recorded as not arrived. It is sent again."

    return decide(request, packet, "arrived" if arrived else "not-arrived", act)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0  # noqa: PLR2004 - of a column
