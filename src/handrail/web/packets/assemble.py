"""The form that begins the assembly of an escalation packet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods
from pydantic import JsonValue

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.definitions import queries as definitions
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.profile.format import ProfileSpec
from handrail.definitions.queries import DefinitionFilter, DefinitionSummary
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Conflict, Fault, Invalid, NotFound, Unavailable
from handrail.packets.actions import assembling, previewing
from handrail.packets.actions.previewing import PacketPreview
from handrail.packets.errors import Exists
from handrail.web.shell.inputs import FormField, fields, payload
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest


@dataclass(frozen=True, slots=True)
class AssembleForm:
    """``profile`` None: none has been chosen, or the one named is not active."""

    profiles: list[DefinitionSummary]
    profile: DefinitionSummary | None
    summary: str
    lane: str
    inputs: list[FormField]
    fault: str
    preview: PacketPreview | None = None


def assemble_form(actor: Actor, asked: Mapping[str, str], error: Invalid | None = None) -> AssembleForm:
    """Raises Denied without ``packet:assemble``. One active profile needs no choosing."""
    actor.require(Capability.PACKET_ASSEMBLE)
    wanted = DefinitionFilter(kind=DefinitionKind.PACKET, state=DefinitionState.ACTIVE)
    profiles = definitions.list_definitions(actor, wanted)
    name = asked.get("profile", "") or (profiles[0].name if len(profiles) == 1 else "")
    chosen = next((one for one in profiles if one.name == name), None)
    if chosen is None:
        return AssembleForm(profiles, None, "", "", [], "")
    spec = _spec(actor, chosen)
    inputs = fields(spec.inputs, asked, _faults(error), root="inputs")
    general = "" if error is None or any(one.fault for one in inputs) else error.message
    return AssembleForm(profiles, chosen, spec.summary, spec.lane.name, inputs, general)


def inputs_of(actor: Actor, posted: QueryDict) -> dict[str, JsonValue]:
    """The values that were typed, in the types that the profile declares; what is not of its type stays as typed."""
    actor.require(Capability.PACKET_ASSEMBLE)
    wanted = DefinitionFilter(kind=DefinitionKind.PACKET, name=posted.get("profile", ""), state=DefinitionState.ACTIVE)
    chosen = next(iter(definitions.list_definitions(actor, wanted)), None)
    if chosen is None:
        return {}
    return payload(_spec(actor, chosen).inputs, posted, root="inputs")


def _spec(actor: Actor, chosen: DefinitionSummary) -> ProfileSpec:
    return compile_profile(definitions.get_definition(actor, chosen.id).text, kept=True).spec


def _faults(error: Invalid | None) -> tuple[Fault, ...]:
    return tuple(error.faults) if error is not None else ()


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    if request.method != "POST":
        return _form(request, request.GET)
    inputs = inputs_of(request.actor, request.POST)
    try:
        asked = assembling.request(profile=request.POST.get("profile", ""), inputs=inputs, by=request.actor)
    except Invalid as error:
        return _form(request, request.POST, error)
    except Exists as error:
        messages.warning(
            request, "This case already has an escalation packet. To assemble its next revision, say below what is new."
        )
        return redirect("packet", packet=error.ref)
    messages.success(request, f"Revision {asked.revision} of {asked.ref} is being assembled.")
    return redirect("packet", packet=asked.ref)


def _form(
    request: PageRequest, asked: Mapping[str, str], error: Invalid | None = None, *, status: int = 0
) -> HttpResponse:
    shown = assemble_form(request.actor, asked, error)
    context = {"section": "packets", "form": shown}
    return render(request, "packets/assemble.html", context, status=status or (error.status if error else 200))


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: PageRequest) -> HttpResponse:
    """The same form with what the packet would be. Sources are read, so this is in no transaction."""
    if request.method != "POST":
        return page(request)
    try:
        inputs = inputs_of(request.actor, request.POST)
        found = previewing.preview(profile=request.POST.get("profile", ""), inputs=inputs, by=request.actor)
    except Invalid as error:
        return _form(request, request.POST, error)
    except (Conflict, NotFound, Unavailable) as error:
        return _form(request, request.POST, Invalid(error.message), status=error.status)
    shown = replace(assemble_form(request.actor, request.POST), preview=found)
    return render(request, "packets/assemble.html", {"section": "packets", "form": shown})
