"""No two rows make the same leaf."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.audit import rows
from handrail.audit.sources import EVENTS, Source
from tests.factories.log import event, run, superuser

pytestmark = pytest.mark.django_db


def leaf_of(context: str) -> bytes:
    made = event().pk
    with superuser("audit_auditevent"):
        run("UPDATE audit_auditevent SET at = '2026-01-01', context = %s WHERE id = %s", context, made)
    (row,) = rows.read(EVENTS, [made])
    return row.leaf().replace(f'"id":{made},'.encode(), b"")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"n": 9007199254740993}', '{"n": 9007199254740992}'),
        ('{"n": 9007199254740993}', '{"n": {"$number": "9007199254740993"}}'),
        ('{"n": {"$number": "1"}}', '{"n": {"$$number": "1"}}'),
        ('{"n": 0.1}', '{"n": 0.10000000000000000001}'),
        ('{"n": 1e400}', '{"n": 1e401}'),
        ('{"n": null}', "{}"),
        ('{"n": ""}', '{"n": null}'),
    ],
)
def test_leaf_differs_where_the_rows_differ(one: str, other: str) -> None:
    assert leaf_of(one) != leaf_of(other)


def test_leaf_is_the_row_in_utc_without_what_is_null() -> None:
    leaf: dict[str, Any] = json.loads(leaf_of('{"b": 1, "a": [true, 2.5]}'))
    assert leaf == {
        "source": "audit.event",
        "row": {
            "at": "2026-01-01T00:00:00+00:00",
            "actor_kind": "worker",
            "actor": "worker-1",
            "event": "run.received",
            "outcome": "done",
            "workspace_id": 1,
            "subject_kind": "run",
            "subject": "s",
            "context": {"a": [True, 2.5], "b": 1},
        },
    }


def test_leaf_stays_the_same_bytes_after_columns_were_renamed() -> None:
    made = event(tenant_id=7).pk
    (before,) = rows.read(EVENTS, [made])
    run("ALTER TABLE audit_auditevent RENAME COLUMN subject TO about")
    run("ALTER TABLE audit_auditevent RENAME COLUMN context TO subject")  # even to a name that another column had
    columns = tuple({"subject": "about", "context": "subject"}.get(name, name) for name in EVENTS.columns)
    moved = Source(EVENTS.name, EVENTS.table, columns, renamed={"about": "subject", "subject": "context"})
    (after,) = rows.read(moved, [made])
    assert (after.leaf(), after.values, after.at()) == (before.leaf(), before.values, before.at())


@pytest.mark.parametrize(
    ("columns", "renamed"),
    [
        (("id", "name"), {}),
        (("id", "at"), {"at": "time"}),
        (("id", "at", "name"), {"title": "name"}),
        (("id", "at", "name", "title"), {"title": "name"}),
        (("id", "at", "at"), {}),
    ],
)
def test_source_is_refused_when_its_leaves_would_be_doubtful(columns: tuple[str, ...], renamed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the source thing "):
        Source("thing", "thing", columns, renamed)
