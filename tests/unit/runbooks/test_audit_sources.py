"""No column that never changes is left out of its leaf by mistake."""

from __future__ import annotations

import pytest
from django.apps import apps

from handrail.access.rights import RIGHTS
from handrail.audit.sources import Source, known, register
from handrail.runbooks.audit_sources import SOURCES

# What no leaf holds, though it never changes. A source keeps its columns for ever (CF-14), so the list may only shrink.
LEFT_OUT = {
    # The digests of the documents and of the manifest are sealed, and the manifest states the rest.
    "packets.assembly": {"packet", "trace", "holds", "manifest", "schema_digest"}
    | {"fault", "tables", "audience", "expires_at"},
    # Who it was is sealed as the address, and by the event, which also says whether it masked or cleared.
    "packets.clearance": {"user_id", "masks"},
    # Signed, and over the manifest whose digest is sealed.
    "packets.release": {"manifest_envelope", "approvals_envelope"},
}


@pytest.mark.parametrize("source", known(), ids=lambda source: source.name)
def test_source_holds_every_column_that_never_changes(source: Source) -> None:
    """All but those that access/rights.py lets the serving role change, which the table's trigger lets change too."""
    model = next(model for model in apps.get_models() if model._meta.db_table == source.table)
    columns = {field.column for field in model._meta.local_concrete_fields}
    left_out = LEFT_OUT.get(source.name, set())
    assert columns - set(RIGHTS[source.table].update) - left_out == set(source.columns)
    assert left_out <= columns


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
