"""From what a definition asks to the operation that a connector executes, placeholders filled in and escaped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from handrail.connectors import jobs, rest, scim
from handrail.connectors.operation import Operation
from handrail.definitions.language.templates import Escaping, parse, render, render_json
from handrail.definitions.requests import forms
from handrail.definitions.requests.forms import PollSpec
from handrail.kernel.errors import Invalid

Scope = Mapping[str, Any]
AnyForm = forms.AnyRead | forms.AnyCall | PollSpec


def build(asked: AnyForm, scope: Scope, idempotency_key: str | None) -> Operation:
    """Raises Invalid (``placeholder``) for a value that is absent or can't stand where it is asked to."""
    builder = next(builder for form, builder in _BUILDERS if isinstance(asked, form))
    try:
        return builder(asked, scope, idempotency_key)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors(include_url=False)[0]["loc"])
        raise Invalid(f"The operation can't be sent: {field} is not acceptable.", code="placeholder") from None


def _path(text: str, scope: Scope) -> str:
    return render(parse(text), scope, Escaping.PATH)


def _id(text: str, scope: Scope) -> str:
    return render(parse(text), scope, Escaping.TEXT)


def _query(query: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    return {
        name: render(parse(value), scope, Escaping.QUERY) if isinstance(value, str) else value
        for name, value in query.items()
    }


def _get(asked: forms.GetForm, scope: Scope, _: str | None) -> Operation:
    return rest.Get(path=_path(asked.get, scope), query=_query(asked.query, scope))


def _send(asked: forms.SendForm, scope: Scope, key: str | None) -> Operation:
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


def _start(asked: forms.StartForm, scope: Scope, key: str | None) -> Operation:
    if key is None:
        raise Invalid("A job is only started with an idempotency key.", code="placeholder")
    return jobs.Start.model_validate(
        {"job": asked.start, "with": render_json(asked.with_, scope), "idempotency_key": key}
    )


def _poll(asked: PollSpec, scope: Scope, _: str | None) -> Operation:
    if asked.get is not None:
        return rest.Get(path=_path(asked.get, scope), query=_query(asked.query, scope))
    return jobs.Poll(id=_id("{answer.id}", scope))


def _scim_query(asked: forms.ScimQueryForm, scope: Scope, _: str | None) -> Operation:
    text = None if asked.filter is None else render(parse(asked.filter), scope, Escaping.FILTER)
    return scim.Query(resource=asked.scim, filter=text, attributes=tuple(asked.attributes))


def _scim_read(asked: forms.ScimReadForm, scope: Scope, _: str | None) -> Operation:
    return scim.Read(resource=asked.scim, id=_id(asked.id, scope), attributes=tuple(asked.attributes))


def _scim_change(asked: forms.ScimChangeForm, scope: Scope, _: str | None) -> Operation:
    changes = tuple(_change(change, scope) for change in asked.change)
    return scim.Patch(resource=asked.scim, id=_id(asked.id, scope), operations=changes)


def _change(change: forms.AttributeChange, scope: Scope) -> scim.Change:
    path = None if change.path is None else render(parse(change.path), scope, Escaping.FILTER)
    return scim.Change(op=change.op, path=path, value=render_json(change.value, scope))


def _pair(operation: type[Operation], field: str) -> Callable[[Any, Scope, str | None], Operation]:
    """For the four grants, whose definition and operation have the same two fields."""

    def built(asked: BaseModel, scope: Scope, _: str | None) -> Operation:
        given: BaseModel = getattr(asked, field)
        return operation.model_validate({name: _id(text, scope) for name, text in given.model_dump().items()})

    return built


# The first form that an asked thing is an instance of; reads with ``take`` are instances of their plain forms.
_BUILDERS: tuple[tuple[type[BaseModel], Callable[[Any, Scope, str | None], Operation]], ...] = (
    (forms.GetForm, _get),
    (forms.SendForm, _send),
    (forms.StartForm, _start),
    (PollSpec, _poll),
    (forms.ScimQueryForm, _scim_query),
    (forms.ScimReadForm, _scim_read),
    (forms.ScimChangeForm, _scim_change),
    (forms.MembersOfForm, lambda asked, scope, _: scim.Members(group=_id(asked.members_of, scope))),
    (forms.HoldersOfForm, lambda asked, scope, _: scim.Holders(role=_id(asked.holders_of, scope))),
    (forms.AddMemberForm, _pair(scim.AddMember, "add_member")),
    (forms.RemoveMemberForm, _pair(scim.RemoveMember, "remove_member")),
    (forms.AddRoleForm, _pair(scim.AddRole, "add_role")),
    (forms.RemoveRoleForm, _pair(scim.RemoveRole, "remove_role")),
)
