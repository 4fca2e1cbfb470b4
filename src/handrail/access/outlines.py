"""Columns of JSON of which the database has to ask something: that stays in clear, and all the rest is sealed.

A column of JSON keeps its outline: codes and classes in clear, names without their values, and beside them, under
``$sealed``, all of it as it was, encrypted. So a question such as "did the run know this field" is answered by the
outline, and nobody without the key learns the value. Rows from before hold all in clear, and are read as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform

from handrail.access import subjects
from handrail.access.fields import MARK
from handrail.access.subjects import KeyDestroyed, KeyKind, KeySubject

ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Outline:
    """``clear``: the keys that stay as they are. ``names``: how many levels of names stay below a key; below ``""``,
    of the object itself. Any other key is in the sealed part alone."""

    clear: frozenset[str] = frozenset()
    names: Mapping[str, int] = field(default_factory=dict, hash=False)


def concealed(value: Any, outline: Outline, *, subject: KeySubject, place: str) -> Any:
    """``value``, an object or a list of objects, as ``place`` (table and column) keeps it. Makes the key it needs."""
    if isinstance(value, list):
        return [concealed(one, outline, subject=subject, place=place) for one in value]
    if not isinstance(value, dict) or not value or MARK in value:
        return value
    hidden = {key: one for key, one in value.items() if key not in outline.clear}
    stored = {key: one for key, one in value.items() if key in outline.clear}
    for key, one in hidden.items():
        levels = outline.names.get(key, outline.names.get("", 0) - 1)
        if levels >= 0:
            stored[key] = _hollow(one, levels)
    plain = json.dumps(hidden, allow_nan=False, separators=(",", ":")).encode()
    stored[MARK] = subjects.seal(subject, plain, bound=place)
    return stored


def revealed(stored: Any, outline: Outline, *, place: str) -> Any:
    """What was concealed. Of what was forgotten the outline, with ``erased`` in place of every name's value.

    Raises SubjectKeyMissing, SubjectKeyDamaged, SubjectKeysUnavailable."""
    if isinstance(stored, list):
        return [revealed(one, outline, place=place) for one in stored]
    if not isinstance(stored, dict) or MARK not in stored:
        return stored
    shown = {key: one for key, one in stored.items() if key != MARK}
    try:
        plain = subjects.unseal(stored[MARK], tenant_id=None, bound=place)
    except KeyDestroyed:
        return {key: one if key in outline.clear else _filled(one) for key, one in shown.items()}
    return shown | json.loads(plain)


def _hollow(value: Any, levels: int) -> Any:
    if levels > 0 and isinstance(value, dict):
        return {key: _hollow(one, levels - 1) for key, one in value.items()}
    return None


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one) for key, one in value.items()}
    return ERASED if value is None else value


class OutlinedField(models.JSONField):
    """A column of JSON that is kept so. Its model has ``tenant_id`` and ``sealed_record``, the reference of what it
    belongs to."""

    def __init__(self, *args: Any, outline: Outline, kind: KeyKind = KeyKind.VALUES, **kwargs: Any) -> None:
        self.outline, self.kind = outline, kind
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs  # to the database it is nothing else

    def clone(self) -> OutlinedField:
        _, _, args, kwargs = self.deconstruct()
        return OutlinedField(*args, outline=self.outline, kind=self.kind, **kwargs)

    @property
    def place(self) -> str:
        return f"{self.model._meta.db_table}.{self.column}"

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        return read if isinstance(expression, KeyTransform) else self.revealed(read)

    def concealed(self, value: Any, *, tenant_id: int, record: str) -> Any:
        """``value`` as a statement of ours writes it."""
        return concealed(value, self.outline, subject=KeySubject(tenant_id, record, self.kind), place=self.place)

    def revealed(self, stored: Any) -> Any:
        """What a statement of ours has read."""
        return revealed(stored, self.outline, place=self.place)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        tenant_id, record = model_instance.tenant_id, model_instance.sealed_record  # type: ignore[attr-defined]
        return self.concealed(value, tenant_id=tenant_id, record=record)
