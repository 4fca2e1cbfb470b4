"""One listed task as the task system gives it, read into a delegated task. Pure, and linear in the item's size."""

from __future__ import annotations

import html
import re
from typing import Any

from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.http import NotJson, parse_json
from handrail.kernel.errors import Fault, Invalid
from handrail.kernel.hostile import clean_text
from handrail.runbooks.delegated import KEY_LIMIT, IncomingTask
from handrail.runbooks.task_system import TaskSystem

UNREADABLE_KEY = "?"
# Of a number that stands in text.
_DIGITS = 10
# Some systems' fences stand in braces themselves: {code:json}…{code}.
_MACRO = re.compile(r"\{(?:code|noformat|panel|quote)(?::[^{}]*)?\}", re.IGNORECASE)
# No task is longer. What stands in a description beside it is looked through once.
TEXT_LIMIT = 256 * 1024


def parse(item: Any, system: TaskSystem) -> IncomingTask:
    """``item`` as a task. Raises Invalid with a fault for each part that is missing, of the wrong type or too big."""
    within = inside(item, system.task_at)
    found = {
        "key": (key_text(part(item, system.key_at)), system.key_at, str),
        "runbook": (part(within, system.runbook_at), system.runbook_at, str),
        "version": (whole_number(part(within, system.version_at)), system.version_at, int),
        "payload": (as_object(part(within, system.payload_at)), system.payload_at, dict),
    }
    faults = [
        Fault(at, f"expected {name}, a {kind.__name__}")
        for name, (value, at, kind) in found.items()
        if not isinstance(value, kind) or isinstance(value, bool)
    ]
    if system.task_at and within is None:
        faults = [Fault(system.task_at, "expected a task: an object, or text that holds one in JSON")]
    if faults:
        raise Invalid("This is not a task that Handrail can read.", code="task-malformed", faults=faults)
    return IncomingTask(**{name: value for name, (value, _, _) in found.items()})


def key_of(item: Any, system: TaskSystem) -> str:
    """The task's key, as far as it can be read."""
    key = key_text(part(item, system.key_at))
    return (clean_text(key, limit=KEY_LIMIT) if isinstance(key, str) else "") or UNREADABLE_KEY


def part(item: Any, at: str) -> Any:
    """What is there, or None."""
    try:
        return extract(item, at)
    except ExtractFailed:
        return None


def inside(item: Any, at: str) -> Any:
    """What ``runbook_at`` and the others are looked for in: the item, or the object that is ``at`` there."""
    return as_object(part(item, at)) if at else item


def key_text(value: Any) -> Any:
    """A number as text: some systems give numbers, some text, and both mean the same task."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def whole_number(value: Any) -> Any:
    """A whole number that stands in text."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else value


def as_object(value: Any) -> Any:
    """An object, or the one that a text holds: alone, or in what people wrote around it (markup, a code fence)."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # a custom field that may have several values
    if not isinstance(value, str):
        return value if isinstance(value, dict) else None
    text = value[:TEXT_LIMIT]
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        return None
    held = text[begin : end + 1]
    bare = _MACRO.sub("", text)
    bare = bare[bare.find("{") : bare.rfind("}") + 1]
    for candidate in (held, html.unescape(held).replace("\u00a0", " "), bare):
        try:
            found = parse_json(candidate.encode())
        except (NotJson, UnicodeEncodeError):
            continue
        return found if isinstance(found, dict) else None
    return None
