"""What a person asked for, checked field by field before anything is stored."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from handrail.connectors.desk import Desk, Link, Severity
from handrail.kernel.canonical import digest
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text, unix_lines
from handrail.support import permissions
from handrail.support.states import (
    EMAIL_MAX,
    KEY_MAX,
    KEY_MIN,
    NAME_MAX,
    NOTES_MAX,
    SUMMARY_MAX,
    URL_MAX,
    AttachmentMode,
    HandoffMode,
)

_KEY = re.compile(rf"[\x21-\x7e]{{{KEY_MIN},{KEY_MAX}}}")
_REFUSED = "The request can't be submitted as it was given. Nothing was stored."

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was typed. Empty contact fields stand for the actor's own."""

    mode: str = HandoffMode.INTERNAL_ONLY.value
    severity: str = Severity.NORMAL.value
    summary: str = ""
    notes: str = ""
    contact_name: str = ""
    contact_email: str = ""
    external_reference: str = ""
    external_url: str = ""
    attachment: str = AttachmentMode.CONTEXT.value


@dataclass(frozen=True, slots=True)
class Asked:
    """The form, cleaned and within its limits. ``external_*`` are still as typed: the desk's pattern is asked later."""

    mode: HandoffMode
    severity: Severity
    summary: str
    notes: str
    contact_name: str
    contact_email: str
    external_reference: str
    external_url: str
    attachment: AttachmentMode

    def digest(self, *, place: str) -> str:
        """Tells one submission's content from another's: the same words and place give the same digest."""
        return digest({**asdict(self), "place": place})


def new_key() -> str:
    """A key for one form, made when the form is shown: 128 random bits."""
    return secrets.token_urlsafe(16)


def checked_key(key: str) -> str:
    """Raises Invalid unless ``key`` is 8 to 128 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        fault = Fault("submission_key", f"must be {KEY_MIN} to {KEY_MAX} visible ASCII characters, fresh for each form")
        raise Invalid("A submission needs a key of its own.", code="submission-key", faults=[fault])
    return key


def checked(typed: Typed) -> Asked:
    """The form's fields without asking the desk. Raises Invalid with a fault per field."""
    faults = list(_faults(typed))
    if faults:
        raise Invalid(_REFUSED, code="support-request-invalid", faults=faults)
    return Asked(
        mode=HandoffMode(typed.mode),
        severity=Severity(typed.severity),
        summary=_line(typed.summary, SUMMARY_MAX),
        notes=clean_text(typed.notes, limit=NOTES_MAX, multiline=True),
        contact_name=_line(typed.contact_name, NAME_MAX),
        contact_email=typed.contact_email.strip(),
        external_reference=typed.external_reference.strip(),
        external_url=typed.external_url.strip(),
        attachment=AttachmentMode(typed.attachment),
    )


def link_for(asked: Asked, desk: Desk | None) -> Link | None:
    """The existing ticket that is to be linked, by the desk's own pattern; None in the other modes. Calls nobody.

    Raises Invalid: no desk is configured for what is asked, or no such ticket can be at the desk.
    """
    refusal = permissions.why_not_mode(asked.mode, desk)
    if refusal is not None:
        raise Invalid(refusal.message, code=refusal.code, faults=[Fault("mode", "choose internal_only")])
    if desk is None or asked.mode is not HandoffMode.LINK:
        return None
    try:
        return desk.normalise_link(asked.external_reference, asked.external_url)
    except Invalid as error:
        faults = [Fault(f"external_{fault.where}", fault.message) for fault in error.faults]
        raise Invalid(_REFUSED, code="link-invalid", faults=faults) from None


def _faults(typed: Typed) -> Iterator[Fault]:
    yield from _word("mode", typed.mode, HandoffMode)
    yield from _word("severity", typed.severity, Severity)
    yield from _word("attachment", typed.attachment, AttachmentMode)
    yield from _text("summary", typed.summary, SUMMARY_MAX, needed=True)
    yield from _text("notes", typed.notes, NOTES_MAX, needed=False)
    yield from _text("contact_name", typed.contact_name, NAME_MAX, needed=True)
    yield from _email(typed.contact_email)
    for where, value in (("external_reference", typed.external_reference), ("external_url", typed.external_url)):
        if len(value) > URL_MAX:  # a reference too: a page's address may be pasted there
            yield Fault(where, f"at most {URL_MAX} characters")
        elif value.strip() and typed.mode != HandoffMode.LINK:
            yield Fault(where, f"only with the mode {HandoffMode.LINK}; leave it empty")


def _word(where: str, value: str, known: type[Word]) -> Iterator[Fault]:
    if value not in set(known):
        yield Fault(where, f"one of: {', '.join(known)}")


def _text(where: str, value: str, limit: int, *, needed: bool) -> Iterator[Fault]:
    length = len(unix_lines(value))
    if length > limit:
        yield Fault(where, f"at most {limit} characters; these are {length}")
    elif needed and not _line(value, limit):
        yield Fault(where, "is needed")


def _email(value: str) -> Iterator[Fault]:
    try:
        if len(value) > EMAIL_MAX or not value.isascii():
            raise ValidationError("")
        validate_email(value.strip())
    except ValidationError:
        yield Fault("contact_email", f"one e-mail address of at most {EMAIL_MAX} ASCII characters")


def _line(text: str, limit: int) -> str:
    return clean_text(text, limit=limit)
