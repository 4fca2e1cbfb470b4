"""From what a definition asks to the operation that a connector executes, placeholders filled in and escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from handrail.connectors import jobs, rest, scim
from handrail.connectors.operation import Operation
from handrail.definitions.language.templates import Place, parse, render, render_json
from handrail.definitions.requests import forms
from handrail.definitions.requests.forms import Poll
from handrail.kernel.errors import Invalid

Scope = Mapping[str, Any]
Asked = forms.AnyRead | forms.AnyCall | Poll


def build(asked: Asked, scope: Scope, idempotency_key: str | None) -> Operation:
    """Raises Invalid (``placeholder``) for a value that is absent or can't stand where it is asked to."""
    builder = next(builder for form, builder in _BUILDERS if isinstance(asked, form))
    try:
        return builder(asked, scope, idempotency_key)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Invalid(f"The operation can't be sent: {field} is not acceptable.", code="placeholder") from None


def _path(text: str, scope: Scope) -> str:
    return render(parse(text), scope, Place.PATH)


def _id(text: str, scope: Scope) -> str:
    return render(parse(text), scope, Place.TEXT)


def _query(query: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    return {
        name: render(parse(value), scope, Place.QUERY) if isinstance(value, str) else value
        for name, value in query.items()
    }


def _get(asked: forms.Get, scope: Scope, _: str | None) -> Operation:
    return rest.Get(path=_path(asked.get, scope), query=_query(asked.query, scope))


def _send(asked: forms.Send, scope: Scope, key: str | None) -> Operation:
    method = asked.methods[0]
    body = {"json": render_json(asked.json_, scope)} if asked.has_body else {}
    return rest.Call.model_validate(
        {
            "method": method.upper(),
            "path": _path(getattr(asked, method), scope),
            "query": _query(asked.query, scope),
            "idempotency_key": key,
            **body,
        }
    )


def _start(asked: forms.Start, scope: Scope, key: str | None) -> Operation:
    if key is None:
        raise Invalid("A job is only started with an idempotency key.", code="placeholder")
    return jobs.Start.model_validate(
        {"job": asked.start, "with": render_json(asked.with_, scope), "idempotency_key": key}
    )


def _poll(asked: Poll, scope: Scope, _: str | None) -> Operation:
    if asked.get is not None:
        return rest.Get(path=_path(asked.get, scope), query=_query(asked.query, scope))
    return jobs.Poll(id=_id("{answer.id}", scope))


def _scim_query(asked: forms.ScimQuery, scope: Scope, _: str | None) -> Operation:
    text = None if asked.filter is None else render(parse(asked.filter), scope, Place.FILTER)
    return scim.Query(resource=asked.scim, filter=text, attributes=tuple(asked.attributes))


def _scim_read(asked: forms.ScimRead, scope: Scope, _: str | None) -> Operation:
    return scim.Read(resource=asked.scim, id=_id(asked.id, scope), attributes=tuple(asked.attributes))


def _scim_change(asked: forms.ScimChange, scope: Scope, _: str | None) -> Operation:
    changes = tuple(_change(change, scope) for change in asked.change)
    return scim.Patch(resource=asked.scim, id=_id(asked.id, scope), operations=changes)


def _change(change: forms.Change, scope: Scope) -> scim.Change:
    path = None if change.path is None else render(parse(change.path), scope, Place.FILTER)
    return scim.Change(op=change.op, path=path, value=render_json(change.value, scope))


def _pair(operation: type[Operation], field: str) -> Callable[[Any, Scope, str | None], Operation]:
    """For the four grants, whose definition and operation have the same two fields."""

    def built(asked: BaseModel, scope: Scope, _: str | None) -> Operation:
        given: BaseModel = getattr(asked, field)
        return operation.model_validate({name: _id(text, scope) for name, text in given.model_dump().items()})

    return built


# The first form that an asked thing is an instance of; reads with ``take`` are instances of their plain forms.
_BUILDERS: tuple[tuple[type[BaseModel], Callable[[Any, Scope, str | None], Operation]], ...] = (
    (forms.Get, _get),
    (forms.Send, _send),
    (forms.Start, _start),
    (Poll, _poll),
    (forms.ScimQuery, _scim_query),
    (forms.ScimRead, _scim_read),
    (forms.ScimChange, _scim_change),
    (forms.MembersOf, lambda asked, scope, _: scim.Members(group=_id(asked.members_of, scope))),
    (forms.HoldersOf, lambda asked, scope, _: scim.Holders(role=_id(asked.holders_of, scope))),
    (forms.AddMember, _pair(scim.AddMember, "add_member")),
    (forms.RemoveMember, _pair(scim.RemoveMember, "remove_member")),
    (forms.AddRole, _pair(scim.AddRole, "add_role")),
    (forms.RemoveRole, _pair(scim.RemoveRole, "remove_role")),
)
