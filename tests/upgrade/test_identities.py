"""Identities that an earlier version kept by ``sub`` alone: they get the configured issuer, and an audit event each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from handrail.access import actions, queries
from handrail.access.identities import NoEntry, NotAdmitted
from handrail.access.models import Identity, User
from handrail.audit.models import AuditEvent
from tests import databases
from tests.upgrade.conftest import read

ISSUER = "https://login.example.com/realms/acme"
JOIN = """INSERT INTO socialaccount_socialaccount (provider, uid, user_id, last_login, date_joined, extra_data)
          SELECT 'sso', %s, id, now(), %s::timestamptz, '{}' FROM access_user WHERE email = %s"""


def _join(there: psycopg.Connection[Any], *joined: tuple[str, str, str]) -> None:
    for row in joined:
        there.execute(JOIN, row)


@pytest.fixture(scope="module")
def emails(django_db_setup: None, django_db_blocker: Any) -> Iterator[list[str]]:
    """A filled installation in which two people have an identity, and one of them a second; migrated."""
    with django_db_blocker.unblock(), databases.clone("template0") as name:
        with psycopg.connect(databases.url(name), autocommit=True) as there:
            there.execute(read("database.sql.xz"))
            there.execute("SET search_path = public")
            people = "SELECT email FROM access_user JOIN access_membership ON user_id = access_user.id ORDER BY email"
            found = [row[0] for row in there.execute(people).fetchall()][:2]
            _join(
                there,
                ("first-sub", "2026-01-01", found[0]),
                ("recycled-sub", "2026-02-01", found[0]),
                ("other-sub", "2026-03-01", found[1]),
            )
        with databases.connected(name), override_settings(HANDRAIL_SIGN_ON_ISSUER=ISSUER + "/"):
            call_command("migrate", verbosity=0, interactive=False)
            yield found


def test_identities_get_the_configured_issuer(emails: list[str]) -> None:
    found = Identity.objects.order_by("pk").values_list("issuer", "subject", "user__email")
    assert list(found) == [(ISSUER, "first-sub", emails[0]), (ISSUER, "other-sub", emails[1])]


def test_each_is_audited_and_the_second_of_an_account_is_named(emails: list[str]) -> None:
    events = AuditEvent.objects.filter(event__startswith="identity.").order_by("pk")
    assert [(e.event, e.subject, e.context["identity"]) for e in events] == [
        ("identity.moved", emails[0], "first-sub"),
        ("identity.removed", emails[0], "recycled-sub"),
        ("identity.moved", emails[1], "other-sub"),
    ]
    assert {e.context["issuer"] for e in events} == {ISSUER}


def test_nothing_is_left_of_the_old_tables(emails: list[str]) -> None:
    assert not [name for name in connection.introspection.table_names() if name.startswith("socialaccount")]


def test_first_identity_still_opens_its_account_and_the_recycled_one_none(emails: list[str]) -> None:
    given = {"issuer": ISSUER, "email": emails[0], "email_verified": True}
    assert actions.admit(subject="first-sub", **given) == User.objects.get(email=emails[0])
    with pytest.raises(NotAdmitted) as refused:
        actions.admit(subject="recycled-sub", **given)
    assert refused.value.cause is NoEntry.JOINED


def test_provider_at_another_address_is_another_until_identities_are_moved(emails: list[str]) -> None:
    new = "https://id.example.com"
    given = {"issuer": new, "subject": "other-sub", "email": "somebody@example.com", "email_verified": True}
    with pytest.raises(NotAdmitted):
        actions.admit(**given)
    assert actions.move_identities(old=ISSUER, new=new + "/", by=queries.operator()) == 2
    assert actions.admit(**given).email == emails[1]
    actions.move_identities(old=new, new=ISSUER, by=queries.operator())
