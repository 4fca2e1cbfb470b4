"""From a message to the request that writes it, and to the one that looks for it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from handrail.connectors.desk.config import Scalar
from handrail.connectors.desk.formats import Format, in_format
from handrail.connectors.http import json_bytes
from handrail.connectors.paths import segment
from handrail.connectors.rest import Get, WriteRequest
from handrail.connectors.rest.operations import QueryValue
from handrail.connectors.tasksystem.config import LookFor, WriteCall
from handrail.connectors.tasksystem.message import MessageKind, OutgoingMessage
from handrail.connectors.template import names_in, render, render_text
from handrail.kernel.errors import Misconfigured

Values = Mapping[str, Scalar]


def request_of(
    call: WriteCall, message: OutgoingMessage, *, values: Values, status: Scalar | None, text_format: Format
) -> WriteRequest:
    """The request that writes ``message``. Raises Misconfigured (``refused-path``) for a path that it can't have."""
    scope = scope_of(message, values)
    scope |= {"status": status, "text": in_format(str(scope["text"]), text_format)}
    scope["report_json"] = json_bytes(message.report).decode()
    try:
        return WriteRequest(
            method=call.method,
            path=_path(call.path, scope),
            query=_query(call.query, scope),
            json_body=render(call.body, scope),
            headers={name.lower(): render_text(template, scope) for name, template in call.headers.items()},
            idempotency_key=str(scope["run"]) if message.kind is MessageKind.OUTCOME else message.key,
        )
    except ValidationError:
        raise _refused_path() from None


def question_of(look: LookFor, message: OutgoingMessage, *, values: Values) -> Get:
    """The read that shows whether ``message`` is kept. Raises Misconfigured as above."""
    scope = scope_of(message, values)
    try:
        return Get(path=_path(look.path, scope), query=_query(look.query, scope), page=look.newest_first)
    except ValidationError:
        raise _refused_path() from None


def scope_of(message: OutgoingMessage, values: Values) -> dict[str, JsonValue]:
    """What templates may name."""
    return {**values, **message.scope()}


def _refused_path() -> Misconfigured:
    message = "Its path, with the task's key filled in, is too long or holds what a path can't have."
    return Misconfigured(message, code="refused-path")


def _path(template: str, scope: Mapping[str, JsonValue]) -> str:
    """``template`` with each value as one segment, or refused with the reason: keys come from outside."""
    try:
        return render_text(template, {name: segment(str(scope[name])) for name in names_in(template)})
    except ValueError as error:
        raise Misconfigured(f"The task can't stand in the path of a call: {error}.", code="refused-path") from None


def _query(templates: Mapping[str, Scalar], scope: Mapping[str, JsonValue]) -> dict[str, QueryValue]:
    return {name: render_text(value, scope) if isinstance(value, str) else value for name, value in templates.items()}
