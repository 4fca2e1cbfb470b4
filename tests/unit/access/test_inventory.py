"""What is kept of whom: every column has a class, and those that are said to be sealed are."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import models

from handrail.access import inventory
from handrail.access.fields import ForgettableBinaryField, ForgettableJSONField, ForgettableTextField
from handrail.access.inventory import KeptAs
from handrail.access.outlines import OutlinedField

MODELS = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
FORGETTABLE = (ForgettableTextField, ForgettableBinaryField, ForgettableJSONField)
FIX = "Say in src/handrail/access/kept.toml what it holds; what can be a tenant's own is sealed (access/fields.py)."


def columns(*, sealed: bool = False) -> set[tuple[str, str]]:
    kinds = (*FORGETTABLE, OutlinedField) if sealed else models.Field
    return {
        (m._meta.db_table, f.column)
        for m in MODELS
        for f in m._meta.concrete_fields
        if f.column and isinstance(f, kinds)
    }


def listed(kept: KeptAs | None = None) -> set[tuple[str, str]]:
    every = (one for table in inventory.columns().values() for one in table.values())
    return {(one.table, one.column) for one in every if kept is None or one.kept is kept}


def test_every_column_has_a_class() -> None:
    assert columns() - listed() == set(), FIX


def test_nothing_has_a_class_that_is_no_column() -> None:
    assert listed() - columns() == set()


def test_what_is_said_to_be_sealed_is_a_sealed_column_and_the_other_way_round() -> None:
    assert listed(KeptAs.SEALED) == columns(sealed=True), FIX


def test_a_column_in_clear_without_a_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        list(inventory._of_table("t", {"clear": {"a": ""}}))


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        list(inventory._of_table("t", {"staff": ["a"], "structure": ["a"]}))
