"""A loaded document against its models: every error of pydantic as a fault with line, column and expectation."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from handrail.definitions.source.faults import Path, TextFaults
from handrail.definitions.source.loader import Document
from handrail.definitions.source.scalars import Closed, Met

M = TypeVar("M", bound=Closed)

_WORDS = {
    "string_type": "expected text; put it in quotes if it looks like a number",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "dict_type": "expected a mapping of names to values",
    "model_type": "expected a mapping with the fields of this part",
    "model_attributes_type": "expected a mapping with the fields of this part",
    "missing": "this field is required",
    "recursion_loop": "nested too deeply",
}


def validate(document: Document, model: type[M], faults: TextFaults) -> M:
    """``document`` as ``model``. Raises Invalid with all faults, those already in ``faults`` among them."""
    met = Met()
    try:
        return model.model_validate(document.data, context=met)
    except ValidationError as error:
        details = error.errors(include_url=False)
    finally:
        _note_old_keys(document.data, (), met, document)
    for detail in details:
        _add(document, detail, met, faults)
    return faults.refuse()


def _note_old_keys(data: Any, path: Path, met: Met, document: Document) -> None:
    for new, old in met.old_keys.get(id(data), {}).items():
        document.old_keys[(*path, new)] = old
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for part, item in parts:
        _note_old_keys(item, (*path, part), met, document)


def _add(document: Document, detail: ErrorDetails, met: Met, faults: TextFaults) -> None:
    path, parent, left = _place(document, detail["loc"])
    kind = detail["type"]
    if kind == "both_keys":
        path = (*path, detail["ctx"]["old"])
        faults.add(path, detail["msg"], document.key_mark(path))
    elif kind == "missing":
        path = (*path, str(left[-1])) if left else path
        faults.add(path, _WORDS["missing"], document.mark(path))
    elif kind == "extra_forbidden":
        model = met.models.get(id(parent))
        expected = f"; expected one of: {', '.join(model.field_names())}" if model else ""
        faults.add(path, f"unknown field{expected}", document.key_mark(path))
    elif left and left[-1] == "[key]":
        faults.add(path, _message(detail), document.key_mark(path))
    else:
        faults.add(path, _message(detail), document.mark(path))


def _place(document: Document, loc: tuple[int | str, ...]) -> tuple[Path, Any, tuple[int | str, ...]]:
    """The part of ``loc`` that exists in the data, the mapping or list that holds it, and what is left of ``loc``.

    Pydantic puts the tags of unions and ``[key]`` among the names; they are not in the data, nor is a key that the
    author wrote by its old name.
    """
    data: Any = document.data
    path: Path = ()
    parent: Any = None
    left: tuple[int | str, ...] = ()
    for named in loc:
        part = document.old_keys.get((*path, named), named)
        if _holds(data, part):
            parent, data = data, data[part]
            path, left = (*path, part), ()
        else:
            left = (*left, part)
    return path, parent, left


def _holds(data: Any, part: int | str) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _message(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "literal_error":
        return f"expected {context['expected']}".replace("'", "")
    if kind == "string_pattern_mismatch":
        return f"expected text that matches {context['pattern']}"
    text = detail["msg"]
    return text[0].lower() + text[1:]
