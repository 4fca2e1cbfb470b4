"""From a draft to the bytes of the desk's own request."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from pydantic import JsonValue

from handrail.connectors.desk.config import DeskConfig, Scalar
from handrail.connectors.desk.formats import in_format
from handrail.connectors.desk.ticket import TICKET_REFERENCE, TicketDraft
from handrail.connectors.http import json_bytes
from handrail.connectors.template import Scope, render, render_text, render_url
from handrail.kernel.errors import Invalid
from handrail.kernel.hostile import clean_text

MAX_NAME = 120
MAX_EMAIL = 254
_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One request below the desk's base URL."""

    method: str
    path: str
    query: dict[str, Scalar]
    headers: dict[str, str]
    content: bytes | None = None


def creation(config: DeskConfig, draft: TicketDraft) -> Outgoing:
    """The call that makes the ticket. Raises Invalid when the draft's reference is not one of Handrail's."""
    scope = {**config.values, **_ticket(config, draft)}
    create = config.create
    content, content_type = _encoded(render(create.body, scope), create.encoding)
    headers = {**_headers(config.headers | create.headers, scope), "content-type": content_type}
    return Outgoing(create.method, render_url(create.path, scope), _query(create.query, scope), headers, content)


def question(config: DeskConfig, path: str, query: dict[str, Scalar], *, reference: str | None = None) -> Outgoing:
    """A GET of ``path`` and ``query``, which may name constants and Handrail's reference."""
    scope = {**config.values, "reference": reference}
    return Outgoing("GET", render_url(path, scope), _query(query, scope), _headers(config.headers, scope))


def checked_reference(reference: str) -> str:
    """``reference`` if it is one of Handrail's. It goes into headers and search queries, so nothing else may."""
    if not TICKET_REFERENCE.fullmatch(reference):
        raise Invalid("A support request's reference looks like SR-7K3M9QX2ZA.", code="support-reference")
    return reference


def _ticket(config: DeskConfig, draft: TicketDraft) -> Scope:
    """The ticket's fields, cleaned and bounded. The subject begins with the reference, so that cutting keeps it."""
    reference = checked_reference(draft.reference)
    summary = clean_text(draft.summary, limit=config.subject_max)
    return {
        "reference": reference,
        "subject": clean_text(f"[{reference}] {summary}", limit=config.subject_max),
        "summary": summary,
        "body": in_format(_body(config.body_max, draft), config.body_format),
        "severity": config.severity.get(draft.severity, draft.severity.value),
        "contact_name": clean_text(draft.contact_name, limit=MAX_NAME) or None,
        "contact_email": clean_text(draft.contact_email, limit=MAX_EMAIL) or None,
        "tenant": clean_text(draft.tenant, limit=MAX_NAME),
        "run": draft.run,
        "page_url": draft.page_url,
    }


def _body(limit: int, draft: TicketDraft) -> str:
    """Words, then facts, in at most ``limit`` characters. The facts are what the desk can't ask for again."""
    facts = clean_text(draft.facts, limit=limit, multiline=True)
    room = limit - len(facts) - len(_BETWEEN) if facts else limit
    words = clean_text(draft.body, limit=room, multiline=True) if room > 0 else ""
    return _BETWEEN.join(part for part in (words, facts) if part)


def _encoded(body: JsonValue, encoding: str) -> tuple[bytes, str]:
    if encoding == "form" and isinstance(body, dict):
        return urlencode({name: render_text("{value}", {"value": value}) for name, value in body.items()}).encode(), (
            "application/x-www-form-urlencoded"
        )
    return json_bytes(body), "application/json"


def _headers(templates: dict[str, str], scope: Scope) -> dict[str, str]:
    return {"accept": "application/json"} | {
        name.lower(): render_text(template, scope) for name, template in templates.items()
    }


def _query(templates: dict[str, Scalar], scope: Scope) -> dict[str, Scalar]:
    return {name: render_text(value, scope) if isinstance(value, str) else value for name, value in templates.items()}
