"""No column of a ledger is left out of its leaf by mistake."""

from __future__ import annotations

import pytest
from django.apps import apps

from handrail.audit.sources import EVENTS, Source, known, register
from handrail.runbooks.audit_sources import SOURCES

# What may change after the row was written, by the frozen_columns trigger of the table.
CHANGEABLE = {
    "runbooks.exception_packet": {"handling", "taken_at", "taken_by", "resolved_at", "resolved_by", "note"},
    "runbooks.brake": {"released_at", "released_by", "release_reason"},
}


@pytest.mark.parametrize("source", [EVENTS, *SOURCES], ids=lambda source: source.name)
def test_source_holds_every_column_that_never_changes(source: Source) -> None:
    model = next(model for model in apps.get_models() if model._meta.db_table == source.table)
    columns = {field.column for field in model._meta.local_concrete_fields}
    assert columns - CHANGEABLE.get(source.name, set()) == set(source.columns)


def test_register_keeps_every_ledger_once() -> None:
    for source in SOURCES:
        register(source)
    names = [source.name for source in known()]
    assert set(names) >= {source.name for source in SOURCES}
    assert len(names) == len(set(names))


def test_register_refuses_another_source_of_the_same_name() -> None:
    with pytest.raises(ValueError, match="another source"):
        register(Source("audit.event", "other", ("id", "at")))


def test_source_without_id_or_time_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a time"):
        Source("x", "x", ("id",))
