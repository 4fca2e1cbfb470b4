"""What a person asks for: one model for the page, the API and the command line, checked before anything is stored."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from typing import Annotated

from django.core.exceptions import ValidationError as DjangoError
from django.core.validators import validate_email
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from handrail.connectors.desk import Severity
from handrail.kernel.canonical import digest
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text, unix_lines
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
REFUSED = "The request can't be submitted as it is. Nothing was stored."
_CHOICES = {"mode": HandoffMode, "severity": Severity, "attachment": AttachmentMode}


def _unix(value: object) -> object:
    return unix_lines(value) if isinstance(value, str) else value


# Limits count characters, and a line break is one, however a browser sends it.
_Text = BeforeValidator(_unix)


class SupportRequestInput(BaseModel):
    """``external_reference`` and ``external_url`` only with the mode ``link_existing_ticket``. An empty contact stands
    for the caller's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY_MAX), _Text]
    mode: HandoffMode = HandoffMode.INTERNAL_ONLY
    severity: Severity = Severity.NORMAL
    notes: Annotated[str, Field(max_length=NOTES_MAX, description="Steps to reproduce the problem."), _Text] = ""
    contact_name: Annotated[str, Field(max_length=NAME_MAX), _Text] = ""
    contact_email: Annotated[str, Field(max_length=EMAIL_MAX)] = ""
    external_reference: Annotated[
        str, Field(max_length=URL_MAX, description="Or the ticket's address, if that contains the reference.")
    ] = ""
    external_url: Annotated[str, Field(max_length=URL_MAX)] = ""
    attachment: AttachmentMode = AttachmentMode.CONTEXT

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> SupportRequestInput:
        """The input from a form or from options. Raises Invalid with one fault per wrong field."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = {str(e["loc"][0]): e["ctx"].get("max_length") if "ctx" in e else None for e in error.errors()}
        faults = [Fault(name, _message(name, given.get(name, ""), limit)) for name, limit in wrong.items()]
        others = cls.model_construct(None, **{"summary": "", **given})._faults()
        faults += [fault for fault in others if fault.where not in wrong]
        raise Invalid(REFUSED, code="support-request-invalid", faults=faults)

    def completed(self, *, name: str, email: str) -> SupportRequestInput:
        """The input cleaned, with ``name`` and ``email`` where it has no contact. Raises Invalid with a fault per field
        that is empty or can't be used. ``external_*`` are only trimmed: the desk's pattern is applied later."""
        whole = self.model_copy(
            update={
                "summary": clean_text(self.summary, limit=SUMMARY_MAX),
                "notes": clean_text(self.notes, limit=NOTES_MAX, multiline=True),
                "contact_name": clean_text(self.contact_name.strip() or name, limit=NAME_MAX),
                "contact_email": self.contact_email.strip() or email.strip(),
                "external_reference": self.external_reference.strip(),
                "external_url": self.external_url.strip(),
            }
        )
        faults = list(whole._faults())
        if not whole.contact_name:
            faults.append(Fault("contact_name", "is needed"))
        if len(self.contact_name.strip() or name) > NAME_MAX:
            faults.append(Fault("contact_name", _message("contact_name", self.contact_name or name, NAME_MAX)))
        if not whole.contact_email:
            faults.append(Fault("contact_email", _EMAIL))
        if faults:
            raise Invalid(REFUSED, code="support-request-invalid", faults=faults)
        return whole

    def digest(self, *, context: str) -> str:
        """Tells one submission's content from another's: the same input and context give the same digest."""
        return digest({**self.model_dump(mode="json"), "place": context})

    def _faults(self) -> Iterator[Fault]:
        """What types and lengths don't say."""
        if not clean_text(self.summary, limit=SUMMARY_MAX):
            yield Fault("summary", "is needed")
        if self.contact_email.strip() and not _is_email(self.contact_email.strip()):
            yield Fault("contact_email", _EMAIL)
        for where, value in (("external_reference", self.external_reference), ("external_url", self.external_url)):
            if value.strip() and self.mode != HandoffMode.LINK:
                yield Fault(where, f"only with the mode {HandoffMode.LINK}; leave it empty")


def empty_form() -> dict[str, str]:
    """Every field of a form as text, with its default."""
    fields = SupportRequestInput.model_fields.items()
    return {name: "" if field.is_required() else str(field.default) for name, field in fields}


def new_key() -> str:
    """A key for one form, made when the form is shown: 128 random bits."""
    return secrets.token_urlsafe(16)


def checked_key(key: str) -> str:
    """Raises Invalid unless ``key`` is 8 to 128 visible ASCII characters."""
    if not _KEY.fullmatch(key):
        fault = Fault("submission_key", f"must be {KEY_MIN} to {KEY_MAX} visible ASCII characters, fresh for each form")
        raise Invalid("A submission needs its own key.", code="submission-key", faults=[fault])
    return key


_EMAIL = f"one e-mail address of at most {EMAIL_MAX} ASCII characters"


def _message(field: str, value: str, limit: int | None) -> str:
    """What is wrong with a field whose type or length is refused."""
    if field in _CHOICES:
        return f"one of: {', '.join(_CHOICES[field])}"
    if field == "contact_email":
        return _EMAIL
    return "is needed" if limit is None else f"at most {limit} characters; these are {len(unix_lines(value))}"


def _is_email(value: str) -> bool:
    try:
        validate_email(value)
    except DjangoError:
        return False
    return len(value) <= EMAIL_MAX and value.isascii()
