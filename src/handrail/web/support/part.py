"""What the page of a tenant or a run shows about support: the latest handoff, and the form when it is open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from django.urls import reverse

from handrail.access.actor import Actor
from handrail.kernel.errors import HandrailError
from handrail.support import context, permissions, queries, states
from handrail.support.context import Diagnostics
from handrail.support.input import SupportRequestInput, empty_form, new_key
from handrail.support.queries import Handoff, Panel
from handrail.support.states import AttachmentMode, HandoffMode, HandoffOutcome
from handrail.web.shell import words

FORM, RAISED = "support", "raised"
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_REF = re.compile(r"SR-[0-9A-Z]{10}")
REUSED = (
    "This form was already submitted with different content, so nothing was stored now. "
    "To raise another request, review this one and submit it again."
)


@dataclass(frozen=True, slots=True)
class SupportPage:
    """Where support is requested. ``route`` is both the page's route and the name of its one parameter."""

    route: str
    key: str

    @property
    def url(self) -> str:
        return reverse(self.route, args=[self.key])

    @property
    def named(self) -> dict[str, str]:
        return {self.route: self.key}

    def panel(self, actor: Actor, *, raised: str | None = None) -> Panel:
        """Raises NotFound, and Denied as the page itself does."""
        load = queries.panel_for_tenant if self.route == "tenant" else queries.panel_for_run
        return load(actor, self.key, raised=raised)


@dataclass(frozen=True, slots=True)
class FormState:
    """A form as it stands: the key that makes it one submission, and each field's text."""

    key: str
    values: dict[str, str]

    @classmethod
    def of(cls, posted: Mapping[str, str]) -> FormState:
        """An unticked box is left out of what a browser sends."""
        attachment = AttachmentMode.CONTEXT if "attachment" in posted else AttachmentMode.REFERENCE
        values = {name: str(posted.get(name, "")) for name in empty_form()}
        return cls(str(posted.get("submission_key", "")), values | {"attachment": attachment.value})

    def given(self) -> SupportRequestInput:
        """As the action takes it. The fields of an existing ticket are hidden in the other modes and ignored there, so
        that nobody has to clear them after choosing another mode. Raises Invalid with a fault per field."""
        hidden = {"external_reference": "", "external_url": ""} if self.values["mode"] != HandoffMode.LINK else {}
        return SupportRequestInput.parse(self.values | hidden)


@dataclass(frozen=True, slots=True)
class SupportForm:
    """The open form. ``faults``: by field, what is wrong with it. ``about``: the context that the request is about."""

    url: str
    state: FormState
    faults: dict[str, str]
    refusal: str
    about: list[tuple[str, str]]
    diagnostics: Diagnostics
    limits: dict[str, int]


@dataclass(frozen=True, slots=True)
class HandoffStatus:
    """What came of a handoff: a word with tone and icon, and the sentence that answers a submission."""

    word: str
    tone: str
    icon: str
    answer: str


@dataclass(frozen=True, slots=True)
class HandoffView:
    """One handoff as the page shows it. ``own``: it answers the submission of the person who looks."""

    title: str
    handoff: Handoff
    mode_label: str
    own: bool

    @property
    def status(self) -> HandoffStatus:
        return STATUSES[self.handoff.outcome]


@dataclass(frozen=True, slots=True)
class SupportPart:
    url: str
    open_url: str
    panel: Panel
    form: SupportForm | None
    status: int = 200

    @property
    def again(self) -> str:
        """Where to see how it stands by now. A link to this page with a fragment would load nothing."""
        return f"{self.url}?{RAISED}={self.panel.own.ref}" if self.panel.own else self.url

    @property
    def handoffs(self) -> list[HandoffView]:
        """The latest handoff; above it one's own that was just raised, unless it is the latest."""
        own, latest = self.panel.own, self.panel.latest
        if own is None:
            return [self._handoff("Latest support request", latest)] if latest else []
        if latest is None or latest.ref == own.ref:
            return [self._handoff("Latest support request", own, own=True)]
        return [self._handoff("Your support request", own, own=True), self._handoff("Latest support request", latest)]

    def _handoff(self, title: str, handoff: Handoff, *, own: bool = False) -> HandoffView:
        label = next(choice.label for choice in self.panel.modes if choice.mode is handoff.mode)
        return HandoffView(title, handoff, label, own)


def present(
    actor: Actor,
    page: SupportPage,
    *,
    opened: str | None,
    raised: str | None,
    filled: Mapping[str, str] = MappingProxyType({}),
) -> SupportPart:
    """``opened``: the key in the address when the form is asked for, with the fields ``filled``; ``raised``: the
    reference in it after a submission. Raises NotFound, Denied."""
    asks = opened is None and raised is not None and _REF.fullmatch(raised)
    panel = page.panel(actor, raised=raised if asks else None)
    form = None
    if opened is not None:
        key = opened if _KEY.fullmatch(opened) else new_key()
        contact = {"contact_name": panel.contact.name, "contact_email": panel.contact.email}
        form = _form(actor, page, FormState(key, empty_form() | contact | dict(filled)))
    return SupportPart(page.url, _open_url(page, new_key()), panel, form)


def present_again(actor: Actor, page: SupportPage, state: FormState, error: HandrailError) -> SupportPart:
    """The form with its text and what is wrong with it. A key that was used before or can't be one is replaced."""
    faults = {fault.where: fault.message[:1].upper() + fault.message[1:] for fault in error.faults}
    spoilt = not faults or "submission_key" in faults
    again = FormState(new_key(), state.values) if spoilt else state
    form = _form(actor, page, again, faults=faults, refusal=error.message if faults else REUSED)
    return SupportPart(page.url, _open_url(page, new_key()), page.panel(actor), form, error.status)


def form_address(page: SupportPage) -> str:
    """Where the form of ``page`` opens, for a new request."""
    return _open_url(page, new_key())


def _open_url(page: SupportPage, key: str) -> str:
    return f"{page.url}?{FORM}={quote(key, safe='')}"


def _form(
    actor: Actor, page: SupportPage, state: FormState, *, faults: dict[str, str] | None = None, refusal: str = ""
) -> SupportForm:
    diagnostics = context.diagnostics(actor, **page.named)
    return SupportForm(
        url=_open_url(page, state.key),
        state=state,
        faults=faults or {},
        refusal=refusal,
        about=_about(diagnostics.envelope),
        diagnostics=diagnostics,
        limits={
            "summary": states.SUMMARY_MAX,
            "notes": states.NOTES_MAX,
            "name": states.NAME_MAX,
            "email": states.EMAIL_MAX,
            "url": states.URL_MAX,
        },
    )


def _about(envelope: Mapping[str, Any]) -> list[tuple[str, str]]:
    tenant, run = envelope["tenant"], envelope.get("run")
    about = [("Tenant", f"{tenant['name']} ({tenant['key']})")]
    if run is None:
        return about
    about += [("Run", f"{run['ref']}, {run['runbook']}"), ("State", words.humanise(run["state"]))]
    if run["reason"]:
        about.append(("Stopped because", words.humanise(run["reason"])))
    if run["last_checkpoint"]:
        about.append(("Last checkpoint", run["last_checkpoint"]["label"]))
    return about


STATUSES: Mapping[HandoffOutcome, HandoffStatus] = {
    HandoffOutcome.NOT_ASKED: HandoffStatus(
        permissions.HANDRAIL_ONLY,
        "idle",
        "inbox",
        "The request is stored in Handrail. No external ticket was requested.",
    ),
    HandoffOutcome.CREATED: HandoffStatus(
        "External ticket created",
        "good",
        "check-circle",
        "The request is stored, and an external ticket was created.",
    ),
    HandoffOutcome.LINKED: HandoffStatus(
        "External ticket linked", "good", "link", "The request is stored, and the external ticket is linked to it."
    ),
    HandoffOutcome.FAILED: HandoffStatus(
        "No external ticket",
        "stop",
        "x-circle",
        "Partly done: the request is stored in Handrail, but no external ticket was created.",
    ),
    HandoffOutcome.UNKNOWN: HandoffStatus(
        "Outcome unknown",
        "wait",
        "question-mark-circle",
        "Partly done: the request is stored in Handrail. Whether an external ticket exists is not known.",
    ),
    HandoffOutcome.UNDER_WAY: HandoffStatus(
        "Handoff in progress", "move", "arrow-path", "The request is stored. The service desk is being called."
    ),
}
