"""Starting a run in the browser: a form made from the runbook's task, a preview, and the start of what was previewed.

The task's key stands in the form's address, so a second click, a reload or the way back starts no second run.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.queries import TenantSummary
from handrail.definitions import queries as definitions
from handrail.definitions.queries import DefinitionFilter, DefinitionSummary, TaskForm
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Conflict, Fault, HandrailError, Invalid, NotFound
from handrail.kernel.ids import Prefix, is_ref
from handrail.runbooks.actions import previews, runs
from handrail.runbooks.actions.previews import Preview
from handrail.runbooks.actions.runs import IncomingTask, new_key
from handrail.runbooks.queries import brakes, found
from handrail.web.runs.readings import SourceReading, sources
from handrail.web.shell import inputs, paging
from handrail.web.shell.inputs import FormField
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# Tenants that a field suggests, and those that are offered for a name that isn't a key.
SUGGESTED, OFFERED = 100, 12
_VERSION = re.compile("[0-9]{1,9}")
NO_TENANT = "there is no open tenant of this key in your scope"
NONE_ACTIVE = "No version of this runbook is active any more. Nothing new is started."
CHANGED = "Another version was approved meanwhile. Nothing was started: look at the preview again, then start."


@dataclass(frozen=True, slots=True)
class StartPage:
    """``runbook`` None: none is chosen yet, or the one named is not active. ``key``: the task's in its task system;
    ``made``: the one for a task that has none; ``known``: the runs of it in the actor's scope. ``tenant_field``: the
    name of the control that names the tenant; ``offered``: tenants whose name or key has what was typed there.
    ``fields`` are the others. ``previewed``: what was typed for the preview, to be started as it is; ``may_start``:
    whether a run would do anything. ``paused``: the intake is."""

    runbooks: list[DefinitionSummary]
    runbook: DefinitionSummary | None = None
    summary: str = ""
    key: str = ""
    made: str = ""
    key_fault: str = ""
    known: tuple[str, ...] = ()
    fields: tuple[FormField, ...] = ()
    tenant_field: str = ""
    suggested: tuple[TenantSummary, ...] = ()
    offered: tuple[TenantSummary, ...] = ()
    fault: str = ""
    faults: tuple[Fault, ...] = ()
    preview: Preview | None = None
    readings: tuple[SourceReading, ...] = ()
    previewed: tuple[tuple[str, str], ...] = ()
    may_start: bool = False
    paused: bool = False
    status: int = 200


@dataclass(frozen=True, slots=True)
class _Chosen:
    """An active runbook, and what was typed for a task of it."""

    form: TaskForm
    typed: Mapping[str, str]

    @property
    def tenant_field(self) -> str:
        """The control of the field that names the tenant; empty where it is a part of another field."""
        root, _, name = self.form.tenant.partition(".")
        return f"task.{name}" if root == "task" and "." not in name else ""

    @property
    def made(self) -> str:
        """The key that was made for this form; empty for what can't be one."""
        made = self.typed.get("made", "")
        return made if is_ref(Prefix.TASK, made) else ""

    @property
    def key(self) -> str:
        """The key that was typed; empty where no task system has the task."""
        return self.typed.get("key", "").strip()

    def task(self) -> IncomingTask:
        """Raises Invalid."""
        payload, of = inputs.payload(self.form.fields, self.typed), self.form.definition
        return IncomingTask(self.key or self.made, of.name, of.version, payload, made_here=not self.key)


def present(actor: Actor, asked: Mapping[str, str]) -> StartPage:
    """The form for the runbook that is ``asked`` for, filled with what is asked."""
    rows = _runbooks(actor)
    chosen = _chosen(actor, rows, asked)
    return StartPage(rows) if chosen is None else _form(actor, rows, chosen)


def _runbooks(actor: Actor) -> list[DefinitionSummary]:
    wanted = DefinitionFilter(kind=DefinitionKind.RUNBOOK, state=DefinitionState.ACTIVE)
    return definitions.list_definitions(actor, wanted)


def _chosen(actor: Actor, rows: Sequence[DefinitionSummary], asked: Mapping[str, str]) -> _Chosen | None:
    name = asked.get("runbook", "") or (rows[0].name if len(rows) == 1 else "")
    row = next((one for one in rows if one.name == name), None)
    if row is None:
        return None
    chosen = _Chosen(definitions.get_task_form(actor, row.id), asked)
    named = asked.get("tenant", "")  # by a link, or as one of those that were offered
    return dataclasses.replace(chosen, typed={**asked, chosen.tenant_field: named}) if named else chosen


def _form(
    actor: Actor, rows: list[DefinitionSummary], chosen: _Chosen, error: HandrailError | None = None
) -> StartPage:
    faults = error.faults if error is not None else ()
    declared = chosen.form.fields
    elsewhere = [one for one in inputs.faults_elsewhere(faults, declared) if one.where != "key"]
    tenant, typed = chosen.tenant_field, chosen.typed.get(chosen.tenant_field, "").strip()
    wrong_tenant = any(one.message == NO_TENANT for one in faults)
    return StartPage(
        rows,
        chosen.form.definition,
        chosen.form.about,
        key=chosen.key,
        made=chosen.made,
        key_fault="; ".join(one.message for one in faults if one.where == "key"),
        known=_known(actor, chosen),
        fields=tuple(inputs.fields(declared, chosen.typed, faults)),
        tenant_field=tenant,
        suggested=tuple(_open(actor, typed if wrong_tenant else "", SUGGESTED)),
        offered=tuple(_open(actor, typed, OFFERED)) if typed and wrong_tenant else (),
        fault="" if error is None or (faults and not elsewhere) else error.message,
        faults=tuple(elsewhere),
        paused=brakes.intake_is_paused(actor),
        status=error.status if error is not None else 200,
    )


def _open(actor: Actor, text: str, limit: int) -> list[TenantSummary]:
    if not actor.may(Capability.TENANT_VIEW):
        return []
    return [one for one in access.find_tenants(actor, text, limit=limit) if one.closed_at is None]


def _known(actor: Actor, chosen: _Chosen) -> tuple[str, ...]:
    key = chosen.key or chosen.made
    if not key or not actor.may(Capability.RUN_VIEW):
        return ()
    hits = found.find_runs(actor, key, limit=OFFERED)
    return tuple(one.ref for one in hits if one.task == key and one.runbook == chosen.form.definition.name)


def _act(actor: Actor, chosen: _Chosen, asked: str) -> StartPage | str:
    """What the pressed button does: the run's reference where one was started, else the page that says what is wrong
    or what was previewed."""
    rows = _runbooks(actor)
    try:
        if asked == "start":
            return runs.start(task=_as_previewed(chosen), definition=chosen.typed.get("definition", ""), by=actor).ref
        seen = previews.preview(task=chosen.task(), by=actor)
    except NotFound as error:
        if error.message != NotFound().message:  # no version is active any more
            return StartPage(_runbooks(actor), fault=NONE_ACTIVE, status=Conflict.status)
        fault = Fault(chosen.tenant_field or "task", NO_TENANT)
        return _form(actor, rows, chosen, Invalid("No run can start for this tenant.", faults=[fault]))
    except Conflict as error:
        return _form(actor, rows, chosen, Conflict(CHANGED) if error.code == "definition-changed" else error)
    except Invalid as error:
        return _form(actor, rows, chosen, error)
    return _with_preview(_form(actor, rows, chosen), chosen, seen, may_start=actor.may(Capability.RUN_START))


def _as_previewed(chosen: _Chosen) -> IncomingTask:
    """The task for the version that was previewed, whatever is active by now: ``runs.start`` refuses another one, and
    finds the run that a first click has made."""
    task, version = chosen.task(), chosen.typed.get("version", "")
    number = int(version) if _VERSION.fullmatch(version) else task.version
    return dataclasses.replace(task, version=number)


def _with_preview(form: StartPage, chosen: _Chosen, seen: Preview, *, may_start: bool) -> StartPage:
    given = {one.name: one.typed for one in form.fields if one.typed}
    hidden = {"runbook": seen.runbook, "version": str(seen.version), "definition": seen.definition_digest}
    return dataclasses.replace(
        form,
        preview=seen,
        readings=tuple(sources(seen.evidence, seen.readings)),
        previewed=tuple((hidden | {"key": chosen.key, "made": chosen.made} | given).items()),
        may_start=may_start and (seen.would_start or seen.already_as_required),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    request.actor.require(Capability.RUN_PREVIEW)
    if request.method != "POST":
        return _opened(request)
    asked = request.POST.dict()
    chosen = _chosen(request.actor, _runbooks(request.actor), asked)
    if chosen is None:
        return _shown(request, StartPage(_runbooks(request.actor), fault=NONE_ACTIVE, status=Conflict.status))
    came = _act(request.actor, chosen, asked.get("act", ""))
    if isinstance(came, StartPage):
        return _shown(request, came)
    messages.success(request, f"{came} is the run of the task {chosen.key or chosen.made}.")
    return redirect("run", run=came)


def _opened(request: PageRequest) -> HttpResponse:
    shown = present(request.actor, request.GET.dict())
    if shown.runbook is not None and not shown.made:
        address = request.GET.dict() | {"runbook": shown.runbook.name, "made": new_key()}
        return redirect(reverse("run-start") + paging.query(**address))
    return _shown(request, shown)


def _shown(request: PageRequest, shown: StartPage) -> HttpResponse:
    return render(request, "runs/start.html", {"section": "operations", "start": shown}, status=shown.status)


@require_safe
@in_one_moment
def tenants(request: PageRequest) -> HttpResponse:
    """The tenants that fit what is typed into the form, as options of its field."""
    request.actor.require(Capability.RUN_PREVIEW)
    text = next((value for name, value in request.GET.dict().items() if name.startswith("task.")), "")[:128]
    found = _open(request.actor, text.strip(), SUGGESTED)
    return render(request, "runs/parts/tenant_options.html", {"tenants": found})
