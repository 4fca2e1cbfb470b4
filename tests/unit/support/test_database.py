"""PostgreSQL itself holds what a support request is: which shapes it may have, and the one write after its making."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.kernel.clock import now
from handrail.support.models import SupportRequest
from tests.factories.support import Support, unfinished
from tests.lanes import examples

TABLE = "support_supportrequest"
FOUR = (
    "external_handoff_mode",
    "external_ticket_reference",
    "external_ticket_url",
    "external_handoff_failure_summary",
)
CREATE, LINK, INTERNAL = "create_external_ticket", "link_existing_ticket", "internal_only"


def row(house: Support, **given: Any) -> SupportRequest:
    """A request made directly: one that waits for its finalization unless told otherwise."""
    return unfinished(house.tenant, **given)


@contextmanager
def refused() -> Iterator[None]:
    with pytest.raises(IntegrityError), transaction.atomic():
        yield


def update(request: SupportRequest, **columns: Any) -> None:
    """Past Django's models, as anybody with the database could."""
    sets = ", ".join(f"{name} = %s" for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET {sets} WHERE id = %s", [*columns.values(), request.pk])


FINISHES = [
    pytest.param({"external_ticket_reference": "T-1"}, id="reference"),
    pytest.param({"external_ticket_reference": "T-1", "external_ticket_url": "https://d/t/T-1"}, id="with-url"),
    pytest.param({"external_handoff_failure_summary": "It failed."}, id="failure"),
]


@pytest.mark.requirement("H-04")
@pytest.mark.parametrize("finish", FINISHES)
def test_update_finishes_an_unfinished_request_once(house: Support, finish: dict[str, str]) -> None:
    request = row(house)
    update(request, **finish, updated_at=now())
    with refused():
        update(request, **finish)
    with refused():
        update(request, external_handoff_failure_summary="Other words.")


UNFIT = {
    "nothing": {"updated_at": now()},
    "url-alone": {"external_ticket_url": "https://d/t/T-1"},
    "both": {"external_ticket_reference": "T-1", "external_handoff_failure_summary": "It failed."},
    "failure-with-url": {"external_handoff_failure_summary": "It failed.", "external_ticket_url": "https://d/t/T-1"},
    "empty-reference": {"external_ticket_reference": ""},
    "empty-failure": {"external_handoff_failure_summary": ""},
    "never-handed-over": {"external_handoff_mode": INTERNAL},
    "linked-instead": {"external_handoff_mode": LINK, "external_ticket_reference": "T-1"},
    "unknown-mode": {"external_handoff_mode": "telepathy", "external_ticket_reference": "T-1"},
}


@pytest.mark.requirement("H-21")
@pytest.mark.parametrize("columns", UNFIT.values(), ids=UNFIT)
def test_update_to_an_unfit_shape_is_refused(house: Support, columns: dict[str, Any]) -> None:
    with refused():
        update(row(house), **columns)


@pytest.mark.parametrize(
    "made",
    [
        {"external_handoff_mode": INTERNAL, "handoff_deadline_at": None},
        {"external_handoff_mode": LINK, "handoff_deadline_at": None, "external_ticket_reference": "T-1"},
    ],
)
def test_update_of_a_request_that_asks_for_no_ticket_is_refused(house: Support, made: dict[str, Any]) -> None:
    request = row(house, **made)
    for columns in (
        {"external_ticket_reference": "T-2"},
        {"external_handoff_mode": CREATE},
        {"updated_at": now()},
        {"external_handoff_failure_summary": "It failed."},
    ):
        with refused():
            update(request, **columns)


COLUMNS = sorted(field.column for field in SupportRequest._meta.concrete_fields if field.column not in FOUR)


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "updated_at"])
def test_update_of_another_column_is_refused_even_beside_the_finalization(house: Support, column: str) -> None:
    request = row(house)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_name = %s AND column_name = %s",
            [TABLE, column],
        )
        kind = cursor.fetchone()[0]
    value = {
        "bigint": "coalesce({c}, 0) + 1",
        "jsonb": "'{{\"other\": 1}}'::jsonb",
        "timestamp with time zone": "{c} + interval '1 s'",
    }.get(kind, "left({c}, 1) || 'z'").format(c=column)
    with refused(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {TABLE} SET {column} = {value}, external_ticket_reference = 'T-1' WHERE id = %s", [request.pk]
        )


def test_delete_and_truncate_are_refused(house: Support) -> None:
    request = row(house)
    connection.check_constraints()  # deferred checks of the row just made would be in TRUNCATE's way
    for statement in (f"DELETE FROM {TABLE}", f"TRUNCATE {TABLE}", f"TRUNCATE {TABLE} CASCADE"):
        with refused(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert SupportRequest.objects.filter(pk=request.pk).exists()


def test_update_is_refused_as_a_replica_too(house: Support) -> None:
    """``session_replication_role`` is how a restore switches triggers off; not these."""
    request = row(house, external_handoff_mode=INTERNAL, handoff_deadline_at=None)
    with refused(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(f"UPDATE {TABLE} SET summary = 'other' WHERE id = %s", [request.pk])


@pytest.mark.requirement("H-07", "H-21")
@pytest.mark.parametrize(
    "wrong",
    [
        {"primary_context": "operation_run"},
        {"severity": "awful"},
        {"attachment_mode": "everything"},
        {"handoff_deadline_at": None},
        {"external_handoff_mode": INTERNAL},
        {"external_handoff_mode": LINK, "handoff_deadline_at": None},
        {"external_handoff_mode": INTERNAL, "handoff_deadline_at": None, "external_ticket_reference": "T-1"},
        {"external_ticket_reference": "T-1", "external_handoff_failure_summary": "It failed."},
        {"external_ticket_url": "https://d/t/T-1"},
    ],
)
def test_insert_of_an_impossible_request_is_refused(house: Support, wrong: dict[str, Any]) -> None:
    with refused():
        row(house, **wrong)


def test_insert_of_a_tenants_request_with_a_run_is_refused(house: Support) -> None:
    with refused():
        row(house, run=house.run)


def test_insert_with_a_used_key_is_refused_to_its_user_alone(house: Support) -> None:
    used = row(house).submission_key
    with refused():
        row(house, submission_key=used)
    assert row(house, submission_key=used, initiator="ben@example.com").pk


texts = st.sampled_from([None, "", "T-1", "https://d/t/T-1", "It failed."])
writes = st.fixed_dictionaries(
    {},
    optional={
        "external_handoff_mode": st.sampled_from([CREATE, LINK, INTERNAL]),
        "external_ticket_reference": texts,
        "external_ticket_url": texts,
        "external_handoff_failure_summary": texts,
        "summary": st.sampled_from(["Roles are missing", "Other words"]),
        "severity": st.sampled_from(["normal", "urgent"]),
        "handoff_deadline_at": st.just(None),
    },
).filter(bool)
starts = st.sampled_from(
    [
        {},
        {"external_handoff_mode": INTERNAL, "handoff_deadline_at": None},
        {"external_handoff_mode": LINK, "handoff_deadline_at": None, "external_ticket_reference": "T-1"},
    ]
)


@pytest.mark.requirement("H-04")
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=starts, sequence=st.lists(writes, min_size=1, max_size=8))
def test_any_sequence_of_updates_finishes_a_request_at_most_once(
    house: Support, start: dict[str, Any], sequence: list[dict[str, Any]]
) -> None:
    request = row(house, **start)
    accepted, before = 0, whole(request)
    for columns in sequence:
        try:
            with transaction.atomic():
                update(request, **columns)
        except IntegrityError:
            assert whole(request) == before
            continue
        after = whole(request)
        assert {name for name in after if after[name] != before[name]} <= set(FOUR)
        assert after["external_handoff_mode"] == before["external_handoff_mode"] == CREATE
        assert (after["external_ticket_reference"] is None) != (after["external_handoff_failure_summary"] is None)
        accepted, before = accepted + 1, after
    assert accepted <= (0 if start else 1)


def whole(request: SupportRequest) -> dict[str, Any]:
    return SupportRequest.objects.filter(pk=request.pk).values().get()
