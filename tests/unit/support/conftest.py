from __future__ import annotations

from collections.abc import Iterator

import pytest

from handrail.connectors import desk as desks
from tests.factories.installation import Installation
from tests.factories.support import Support
from tests.factories.switches import RUNBOOK


@pytest.fixture
def house(db: None) -> Support:
    return Installation.named("Acme", RUNBOOK).support


@pytest.fixture(autouse=True)
def no_desk() -> Iterator[None]:
    """A test that wants a desk says so."""
    with desks.use(None):
        yield


def _refuse_audit(after: int) -> None:
    """The database refuses an audit event when that many are there: the real insert fails, for a real reason."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION audit_down() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF (SELECT count(*) FROM audit_auditevent) >= {after} THEN RAISE EXCEPTION 'audit is down'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER audit_down BEFORE INSERT ON audit_auditevent
                FOR EACH ROW EXECUTE FUNCTION audit_down();
            """
        )


def _audit_events() -> int:
    from handrail.audit.models import AuditEvent

    return AuditEvent.objects.count()


@pytest.fixture
def refusing_audit(house: Support) -> None:
    """No audit event can be written."""
    _refuse_audit(_audit_events())


@pytest.fixture
def refusing_second_event(house: Support) -> None:
    """One more audit event can be written, and no other."""
    _refuse_audit(_audit_events() + 1)
