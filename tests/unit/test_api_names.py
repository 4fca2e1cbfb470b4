"""In the OpenAPI document a name means one thing: two classes of one name would become one schema there."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from handrail.api.service import api
from tests.factories.openapi import description


def _operations() -> Iterator[Any]:
    for _, router in api._routers:
        for path in router.path_operations.values():
            yield from path.operations


def _roots() -> Iterator[Any]:
    for operation in _operations():
        yield from operation.models
        yield from (model for model in operation.response_models.values() if model not in (None, Ellipsis))


def _inner(of: Any) -> Iterator[Any]:
    """What the fields of a class, or the arguments of a generic type, are declared as."""
    if isinstance(of, type) and issubclass(of, BaseModel):
        yield from (field.annotation for field in of.model_fields.values())
    elif isinstance(of, type) and dataclasses.is_dataclass(of):
        yield from typing.get_type_hints(of).values()
    else:
        yield from typing.get_args(of)


def _reachable() -> set[type]:
    found: set[type] = set()
    seen: list[Any] = []
    queue = list(_roots())
    while queue:
        of = queue.pop()
        if isinstance(of, types.EllipsisType | str) or any(of is other for other in seen):
            continue
        seen.append(of)
        named = dataclasses.is_dataclass(of) or hasattr(of, "_fields")  # a named tuple has these
        if isinstance(of, type) and (issubclass(of, BaseModel | Enum) or named):
            found.add(of)
        queue += _inner(of)
    return found


def test_every_class_has_a_name_of_its_own() -> None:
    by_name: defaultdict[str, list[type]] = defaultdict(list)
    for of in _reachable():
        if of.__module__.startswith("handrail."):
            by_name[of.__name__].append(of)
    assert {name: classes for name, classes in by_name.items() if len(classes) > 1} == {}


def test_classes_of_every_slice_are_reached() -> None:
    schemas = set(description()["components"]["schemas"])
    reached = {of.__name__ for of in _reachable()}
    missing = {name for name in schemas if name not in reached}
    assert missing <= {"JsonValue"}
    assert {"EventKind", "DeliveryEventKind", "RunDetail", "PacketDetail", "Handoff"} <= reached


def test_written_description_is_that_of_the_api() -> None:
    made = json.loads(json.dumps(api.get_openapi_schema()))
    # Over HTTPS, as it is written down, the cookie has another name than in tests.
    made["components"]["securitySchemes"]["Session"]["name"] = f"__Host-{settings.SESSION_COOKIE_NAME}"
    assert description() == made
