"""Starting a follow-up run from an exception packet: a form filled with the stopped run's inputs, a preview, the start.

Which follow-up of the packet it is stands in the form, so a second click or a reload starts no second run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from handrail.access.actor import Actor
from handrail.definitions import queries as definitions
from handrail.definitions.queries import TaskForm
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Conflict, Fault, HandrailError, Invalid
from handrail.runbooks.actions import follow_ups, rereading
from handrail.runbooks.actions.previews import Preview
from handrail.runbooks.queries import brakes
from handrail.runbooks.queries.follow_ups import FollowUpForm, follow_up_form
from handrail.web.runs.readings import SourceReading, sources
from handrail.web.shell import inputs
from handrail.web.shell.inputs import FormField
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

CHANGED = "Another version was approved meanwhile. Nothing was started: look at the preview again, then start."
_NUMBER = re.compile("[1-9][0-9]{0,2}")


@dataclass(frozen=True, slots=True)
class FollowUpPage:
    """``form``: what it would begin with; None where the stopped run's runbook doesn't name it. ``fields``: all but the
    tenant's, which is the packet's. ``previewed``: what was typed for the preview, to be started as it is;
    ``may_start``: whether a run would do anything. ``paused``: the intake is."""

    exception: str
    form: FollowUpForm | None = None
    about: str = ""
    definition_id: int = 0
    fields: tuple[FormField, ...] = ()
    number: int = 1
    address: str = ""
    fault: str = ""
    faults: tuple[Fault, ...] = ()
    preview: Preview | None = None
    readings: tuple[SourceReading, ...] = ()
    previewed: tuple[tuple[str, str], ...] = ()
    may_start: bool = False
    paused: bool = False
    status: int = 200


@dataclass(frozen=True, slots=True)
class _FollowUpInput:
    exception: str
    runbook: str
    typed: Mapping[str, str]

    @property
    def number(self) -> int | None:
        given = self.typed.get("number", "")
        return int(given) if _NUMBER.fullmatch(given) else None


def present(actor: Actor, asked: _FollowUpInput, error: HandrailError | None = None) -> FollowUpPage:
    """The form, filled with what was typed, or at first with the stopped run's inputs. Raises NotFound, Denied."""
    try:
        form = follow_up_form(actor, asked.exception, asked.runbook)
    except Conflict as unnamed:
        return FollowUpPage(asked.exception, fault=(error or unnamed).message, status=error.status if error else 200)
    task = _task_form(actor, asked.runbook)
    declared = _declared(task)
    typed = asked.typed or inputs.typed_of(form.inputs, declared)
    faults: Sequence[Fault] = error.faults if error is not None else ()
    elsewhere = inputs.faults_elsewhere(faults, declared)
    return FollowUpPage(
        asked.exception,
        form,
        task.about,
        task.definition.id,
        fields=tuple(inputs.fields(declared, typed, faults)),
        number=asked.number or form.number,
        address=reverse("exception-follow-up", args=[asked.exception]),
        fault="" if error is None or (faults and not elsewhere) else error.message,
        faults=tuple(elsewhere),
        paused=brakes.intake_is_paused(actor),
        status=error.status if error is not None else 200,
    )


def _task_form(actor: Actor, runbook: str) -> TaskForm:
    found = definitions.find_definition_id(actor, DefinitionKind.RUNBOOK, runbook)
    return definitions.get_task_form(actor, found)


def _declared(task: TaskForm) -> dict[str, Any]:
    tenant = task.tenant.removeprefix("task.")
    return {name: one for name, one in task.fields.items() if name.removesuffix("?") != tenant}


def _given(actor: Actor, asked: _FollowUpInput) -> dict[str, Any]:
    """What was typed, by field; None where nothing was, so that what the stopped run had there is not taken instead."""
    follow_up_form(actor, asked.exception, asked.runbook)
    declared = _declared(_task_form(actor, asked.runbook))
    typed = inputs.payload(declared, asked.typed)
    return {name.removesuffix("?"): typed.get(name.removesuffix("?")) for name in declared}


def _act(actor: Actor, asked: _FollowUpInput, button: str) -> FollowUpPage | str:
    """What the pressed button does: the run's reference where one was started, else the page that says what is wrong
    or what was previewed."""
    given: dict[str, Any] = {"ref": asked.exception, "runbook": asked.runbook, "by": actor}
    try:
        given["inputs"] = _given(actor, asked)
        if button == "start":
            digest = asked.typed.get("definition", "")
            return follow_ups.start(**given, number=asked.number or 1, definition=digest).ref
        seen = follow_ups.preview(**given, number=asked.number)
    except Conflict as error:
        return present(actor, asked, Conflict(CHANGED) if error.code == "definition-changed" else error)
    except Invalid as error:
        return present(actor, asked, error)
    return _with_preview(present(actor, asked), seen)


def _with_preview(page: FollowUpPage, seen: Preview) -> FollowUpPage:
    typed = {one.name: one.typed for one in page.fields if one.typed}
    hidden = {"runbook": seen.runbook, "number": str(page.number), "definition": seen.definition_digest}
    return dataclasses.replace(
        page,
        preview=seen,
        readings=tuple(sources(seen.evidence, seen.readings)),
        previewed=tuple((hidden | typed).items()),
        may_start=seen.would_start or seen.already_as_required,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest, exception: str) -> HttpResponse:
    if request.method != "POST":
        return _shown(request, present(request.actor, _FollowUpInput(exception, request.GET.get("runbook", ""), {})))
    asked = _FollowUpInput(exception, request.POST.get("runbook", ""), request.POST.dict())
    came = _act(request.actor, asked, request.POST.get("act", ""))
    if isinstance(came, FollowUpPage):
        return _shown(request, came)
    messages.success(request, f"{came} was started from {exception}.")
    return redirect("run", run=came)


def _shown(request: PageRequest, shown: FollowUpPage) -> HttpResponse:
    context = {"section": "exceptions", "start": shown}
    return render(request, "runs/follow_up.html", context, status=shown.status)


@require_POST
def read_again(request: PageRequest, exception: str) -> HttpResponse:
    rereading.read_again(ref=exception, by=request.actor)
    messages.success(request, f"The sources of {exception} were read again.")
    return redirect(reverse("exception", args=[exception]) + "#reread")
