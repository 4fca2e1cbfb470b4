"""How a service answers for a record: its JSON, with the revision as ETag; and 404 for what there is none of."""

from __future__ import annotations

from typing import Any

from handrail.sandbox import wire
from handrail.sandbox.wire import Reply


def record_reply(record: dict[str, Any] | None, *, status: int = 200) -> Reply:
    if record is None:
        return wire.problem(404, "not-found", "No such record.")
    return wire.json_reply(status, record, etag=f'"{record["revision"]}"')


def text_field(body: dict[str, Any], name: str) -> str:
    """A text that must be there. Raises BadRequest."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise wire.BadRequest(f"{name} must be a text")
    return value
