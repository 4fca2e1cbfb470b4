"""The database itself refuses changes to what is only ever added to."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

APPEND_ONLY = [
    "audit_auditevent",
    "runbooks_checkpoint",
    "runbooks_retryledgerentry",
    "runbooks_completionrecord",
    "audit_auditleaf",
    "audit_auditnode",
    "audit_auditcheckpoint",
]
KEPT = [
    "runbooks_operationrun",
    "runbooks_exceptionpacket",
    "definitions_definition",
    "support_supportrequest",
]


def refused(statement: str) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(caught.value)


@pytest.mark.django_db
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_update_append_only_table_is_refused(table: str) -> None:
    assert "append-only: UPDATE" in refused(f"UPDATE {table} SET id = id")


@pytest.mark.django_db
@pytest.mark.parametrize("table", APPEND_ONLY + KEPT)
def test_delete_is_refused(table: str) -> None:
    assert "append-only: DELETE" in refused(f"DELETE FROM {table}")


@pytest.mark.django_db
@pytest.mark.parametrize("table", APPEND_ONLY + KEPT)
def test_truncate_is_refused(table: str) -> None:
    assert "append-only: TRUNCATE" in refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.django_db
def test_replication_role_does_not_switch_the_refusal_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    assert "append-only: DELETE" in refused("DELETE FROM audit_auditevent")
