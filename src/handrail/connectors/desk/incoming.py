"""From the desk's answer to a reference and a URL that can be trusted, or to why there is none."""

from __future__ import annotations

import re

from pydantic import JsonValue

from handrail.connectors.desk.config import DeskConfig
from handrail.connectors.desk.failure import Category, DeskFailure, failure_of
from handrail.connectors.desk.links import checked_url, is_reference
from handrail.connectors.desk.ticket import Created
from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.outcome import Answer
from handrail.connectors.template import render_page

_TAKEN = re.compile(r"[A-Za-z0-9._-]{1,64}")


def created_or_why(config: DeskConfig, answer: Answer) -> Created | DeskFailure:
    """What the answer to a creation means. A 2xx without a usable reference leaves the outcome unknown."""
    failure = failure_of(answer)
    if failure is not None:
        return failure
    reference = text_at(answer.body, config.create.reference)
    if reference is None or not is_reference(reference, config.reference_pattern):
        return DeskFailure(Category.NO_REFERENCE, outcome_unknown=True)
    return Created(reference, _returned_url(config, answer.body) or _proven_url(config, answer.body, reference))


def text_at(body: JsonValue, at: str) -> str | None:
    """A string or whole number at a place of the answer, as text; None for anything else."""
    try:
        value = extract(body, at)
    except ExtractFailed:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def _returned_url(config: DeskConfig, body: JsonValue) -> str | None:
    """The URL that the desk returned, if it is one of the desk as people see it."""
    url = text_at(body, config.create.url) if config.create.url else None
    return checked_url(url, config.web_origin) if url else None


def _proven_url(config: DeskConfig, body: JsonValue, reference: str) -> str | None:
    """The ticket's page by the configured pattern, if the answer holds all that the pattern needs."""
    if config.web.url is None:
        return None
    taken = {name: text_at(body, at) for name, at in config.create.extract.items()}
    if any(value is None or not _TAKEN.fullmatch(value) for value in taken.values()):
        return None
    url = render_page(config.web.url, config.constants, {**taken, "reference": reference})
    return checked_url(url, config.web_origin)
