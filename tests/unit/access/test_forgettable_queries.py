"""What the database can't be asked about columns that are encrypted: nothing that needs their content."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db.models import JSONField

import handrail
from handrail.access.fields import forgettable_columns

LOOKUPS = ("iexact", "contains", "icontains", "startswith", "regex", "in", "gt", "lte", "range")
IN_JSON = ("has_key", "has_any_keys", "contained_by")
SOURCES = Path(handrail.__file__).parent
# By the name alone they could be an encrypted column; they are the column of that name of another model.
CLEAR = {
    ("definitions/queries.py", "order_by", "version"): "Definition",
    ("runbooks/queries/exceptions.py", "order_by", "reason"): "ExceptionPacket",
}


def columns() -> Iterator[Any]:
    for model, field in forgettable_columns():
        yield pytest.param(model, field, id=f"{model.__name__}.{field.name}")


@pytest.mark.parametrize(("model", "field"), list(columns()))
def test_filters_by_content_are_refused(model: Any, field: Any) -> None:
    more = IN_JSON if isinstance(field, JSONField) else ()
    for lookup in (*LOOKUPS, *more):
        with pytest.raises(TypeError, match=f"{field.name} is encrypted: the database can't look into it"):
            model.objects.filter(**{f"{field.name}__{lookup}": ["a"]})
    with pytest.raises(TypeError, match=f"{field.name} is encrypted: it can't be compared"):
        model.objects.filter(**{field.name: "a"})
    with pytest.raises(TypeError, match=f"{field.name} is encrypted: write what sealed_value gives"):
        model(**{field.name: "a"})._meta.get_field(field.name).raw("a")


def asked() -> Iterator[tuple[str, str, str]]:
    """Every statement of ours that orders, groups or counts by something: where, how, and by which column."""
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
                continue
            how = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if how in {"order_by", "distinct", "latest", "earliest", "F", "Max", "Min"}:
                for one in node.args:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str):
                        yield str(path.relative_to(SOURCES)), how, one.value.lstrip("-").rpartition("__")[2]


def test_nothing_is_ordered_or_made_distinct_by_them() -> None:
    names = defaultdict(set)
    for model, field in forgettable_columns():
        names[field.name].add(model.__name__)
    found = {one for one in asked() if one[2] in names}
    assert found == set(CLEAR), "the order of ciphertexts says nothing: order by another column"
    for (_, _, name), model in CLEAR.items():
        assert model not in names[name]
        [_] = [one for one in apps.get_models() if one.__name__ == model and one._meta.get_field(name)]
