"""Proposing a definition in the browser: a text, what the checks find in it and what it would change, then the act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.definitions import actions, queries
from handrail.definitions.queries import CheckedProposal
from handrail.kernel.errors import Conflict, Fault, Invalid
from handrail.kernel.hostile import is_storable, unix_lines
from handrail.web.definitions.definition import Changed, changed
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

# As much as a file may have: twice what the checks take, so that they say what is too long.
MOST_BYTES = 512 * 1024
NOT_TEXT = "This file is not text in UTF-8. Save it as UTF-8, or paste the text."
TOO_LONG = f"This file has more than {MOST_BYTES // 1024} KiB. No definition is as long."


@dataclass(frozen=True, slots=True)
class MarkedLine:
    """A line of the text with what the checks found in it: ``faults`` keep it from being proposed."""

    number: int
    text: str
    faults: list[str]
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class ProposalPage:
    """``checked`` None: nothing was checked yet. ``elsewhere``: faults and remarks of no line. ``refused``: why the
    checked text was not proposed, or the file not read."""

    text: str
    checked: CheckedProposal | None = None
    lines: tuple[MarkedLine, ...] = ()
    elsewhere: tuple[str, ...] = ()
    changes: tuple[Changed, ...] = ()
    refused: str = ""
    status: int = 200

    @property
    def marked(self) -> list[MarkedLine]:
        return [line for line in self.lines if line.faults or line.remarks]

    @property
    def added(self) -> int:
        return sum(one.line.change == "added" for one in self.changes)

    @property
    def removed(self) -> int:
        return sum(one.line.change == "removed" for one in self.changes)


def present(actor: Actor, text: str, refused: str = "", status: int = 200) -> ProposalPage:
    """``text`` as the checks see it. Raises Denied."""
    checked = queries.check_proposal(actor, text)
    remarks = (*checked.warnings, *checked.findings)
    placed = [one for one in (*checked.faults, *remarks) if one.line]
    return ProposalPage(
        text,
        checked,
        tuple(
            MarkedLine(n, line, _at(n, checked.faults), _at(n, remarks))
            for n, line in enumerate(text.splitlines(), start=1)
        )
        if placed
        else (),
        tuple(str(one) for one in (*checked.faults, *remarks) if not one.line),
        tuple(changed(checked.changes)),
        refused,
        status if refused or not checked.faults else Invalid.status,
    )


def _at(line: int, found: Sequence[Fault]) -> list[str]:
    return [f"{one.where}: {one.message}" if one.where else one.message for one in found if one.line == line]


@require_http_methods(["GET", "HEAD", "POST"])
@in_one_moment
def page(request: PageRequest) -> HttpResponse:
    request.actor.require_everywhere(Capability.DEFINITION_PROPOSE)
    if request.method != "POST":
        return _shown(request, ProposalPage(_begun(request.actor, request.GET.dict())))
    text = unix_lines(request.POST.get("text", ""))
    if (file := request.FILES.get("file")) is not None:
        text, refused = _read(file)
        if refused:
            return _shown(request, ProposalPage("", refused=refused, status=Invalid.status))
    if not text.strip():
        return _shown(request, ProposalPage(text, refused="Paste a text or choose a file.", status=Invalid.status))
    if request.POST.get("act") != "propose":
        return _shown(request, present(request.actor, text))
    try:
        proposed = actions.propose(text=text, by=request.actor)
    except (Invalid, Conflict) as error:
        return _shown(request, present(request.actor, text, refused=error.message, status=error.status))
    messages.success(request, f"{proposed.name} v{proposed.version} is {proposed.state}. Another person decides on it.")
    return redirect("definition", definition=proposed.id)


def _begun(actor: Actor, asked: Mapping[str, str]) -> str:
    """The text to begin with: of the version that the address names, else none."""
    named = asked.get("from", "")
    if not (named.isascii() and named.isdecimal() and len(named) < len(str(2**31))):
        return ""
    return queries.get_definition(actor, int(named)).text


def _read(file: UploadedFile[Any]) -> tuple[str, str]:
    """The text of ``file``, or why there is none."""
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        return "", TOO_LONG
    try:
        text = unix_lines(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return "", NOT_TEXT
    return (text, "") if is_storable(text) else ("", NOT_TEXT)


def _shown(request: PageRequest, shown: ProposalPage) -> HttpResponse:
    context = {"section": "definitions", "proposal": shown}
    return render(request, "definitions/propose.html", context, status=shown.status)
