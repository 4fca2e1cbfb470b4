"""The database itself refuses changes to what is only ever added to, and to what of a row never changes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.db.models import Field
from django.db.utils import IntegrityError

from handrail.audit import sources
from handrail.audit.sources import Source
from tests.factories import rows
from tests.factories.support import unfinished

# What else must stay: the log itself, and rows of which only some columns may change.
LOG = [
    *("audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint"),
    *("audit_cosignature", "audit_checkpointtimestamp"),
]
KEPT = ["runbooks_operationrun", "runbooks_exceptionnote", "runbooks_wave", "runbooks_wavestop"]
# Tables whose rows may be changed and deleted: who belongs where, and what is only waited for. A new table has to be
# put here, or be given its triggers.
FREE = {
    "access_user",
    "access_user_groups",
    "access_user_user_permissions",
    "access_workspace",
    "access_tenant",
    "access_membership",
    "access_tenantentitlement",
    "access_accesstoken",
    "access_identity",
    "access_loginsession",
    "access_signingceremony",
    "access_visit",
    "audit_anchor",
    "audit_outbox",
    "notifications_channeldelivery",
    "notifications_notification",
    "notifications_notificationchoice",
    "notifications_notifiedevent",
    "notifications_reminder",
    "runbooks_connectorgate",
    "runbooks_runbookgate",
    "runbooks_pausedrun",
    "runbooks_report",
    "runbooks_taskpull",
    "runbooks_taskupdate",
    "runbooks_taskmessage",
    "runbooks_taskrefusal",
}
SEALED = sorted(source.table for source in sources.known())
RUN_MOVES = {"state", "updated_at", "due_at", "finished_at", "failures", "turn", "held_by", "unattended_seconds"} | {
    *("wave_round", "admitted_at", "not_attempted"),
}


def refused(statement: str) -> str:
    with pytest.raises(IntegrityError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(caught.value)


def guarded() -> dict[str, set[str]]:
    """The triggers of every table that has one of ours, with those that are always enabled only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " WHERE t.tgname LIKE 'handrail%' AND t.tgenabled = 'A'"
        )
        found: dict[str, set[str]] = {}
        for table, trigger in cursor.fetchall():
            found.setdefault(table, set()).add(trigger)
    return found


def changed(field: Field[object, object]) -> str:
    """SQL for another value of a column than any that a test's row has."""
    kinds = {"jsonb": "'{\"changed\": true}'::jsonb", "timestamp with time zone": "'1999-01-01Z'", "boolean": "NULL"}
    kind = str(field.db_type(connection))
    if kind in kinds:
        return kinds[kind]
    return "'changed'" if kind.startswith(("varchar", "text")) else f'coalesce("{field.column}", 0) + 1'


def fields_of(table: str, columns: Sequence[str] | None = None) -> list[Field[object, object]]:
    model = next(model for model in apps.get_models() if model._meta.db_table == table)
    own = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    return [field for field in own if columns is None or field.column in columns]


@pytest.mark.django_db
def test_every_table_is_guarded_or_free_on_purpose() -> None:
    own = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model.__module__.startswith("handrail.")
    }
    assert own - set(guarded()) - FREE == set()
    assert FREE - own == set()
    assert FREE & set(guarded()) == set()


@pytest.mark.django_db
@pytest.mark.parametrize("table", [*SEALED, *LOG, *KEPT])
def test_delete_is_refused(table: str) -> None:
    assert "append-only: DELETE" in refused(f"DELETE FROM {table}")


@pytest.mark.django_db
@pytest.mark.parametrize("table", [*SEALED, *LOG, *KEPT])
def test_truncate_is_refused(table: str) -> None:
    assert "append-only: TRUNCATE" in refused(f"TRUNCATE {table} CASCADE")


@pytest.mark.requirement("R2-21")
@pytest.mark.django_db
@pytest.mark.parametrize("source", sources.known(), ids=lambda source: source.name)
def test_update_of_what_is_sealed_is_refused(source: Source) -> None:
    tenant = rows.tenant(rows.workspace())
    rows.exception(tenant, rows.definition(tenant.workspace))
    unfinished(tenant)
    rows.brake(tenant)
    for field in fields_of(source.table, source.columns):
        told = refused(f'UPDATE {source.table} SET "{field.column}" = {changed(field)}')
        assert "append-only: UPDATE" in told or "frozen: only" in told, field.column


@pytest.mark.django_db
@pytest.mark.parametrize("table", LOG)
def test_update_of_the_log_is_refused(table: str) -> None:
    assert "append-only: UPDATE" in refused(f"UPDATE {table} SET id = id")


@pytest.mark.django_db
def test_update_of_what_a_run_was_received_with_is_refused() -> None:
    tenant = rows.tenant(rows.workspace())
    rows.run(tenant, rows.definition(tenant.workspace))
    frozen = [field for field in fields_of("runbooks_operationrun") if field.column not in RUN_MOVES]
    for field in frozen:
        assert "frozen: only" in refused(f'UPDATE runbooks_operationrun SET "{field.column}" = {changed(field)}')
    assert {"task", "task_key", "runbook", "definition_digest", "tenant_id"} <= {field.column for field in frozen}


@pytest.mark.django_db
def test_replication_role_does_not_switch_the_refusal_off() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
    assert "append-only: DELETE" in refused("DELETE FROM audit_auditevent")
