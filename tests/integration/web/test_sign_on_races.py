"""Two people with one address come back from the identity provider at the same moment: one joins the account."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from handrail.access import actions
from handrail.access.capabilities import Role
from handrail.access.identities import NotAdmitted
from handrail.access.models import Identity, User
from handrail.audit.models import AuditEvent
from tests.factories import rows

ISSUER = "https://login.example.com"
AT_ONCE = 6


def _admitted(barrier: threading.Barrier, subject: str, email: str) -> str:
    barrier.wait(20)
    try:
        user = actions.admit(issuer=ISSUER, subject=subject, email=email, email_verified=True)
    except NotAdmitted as refused:
        return str(refused.cause)
    else:
        return str(user.email)
    finally:
        connection.close()


def _together(*who: tuple[str, str]) -> list[str]:
    barrier = threading.Barrier(len(who))
    with ThreadPoolExecutor(len(who)) as pool:
        return list(pool.map(lambda one: _admitted(barrier, *one), who))


def test_of_several_identities_at_once_one_joins_the_account(committed_db: str) -> None:
    user: User = rows.member(rows.workspace(), Role.OPERATOR)
    found = _together(*((f"sub-{number}", user.email) for number in range(AT_ONCE)))
    assert sorted(found) == sorted(["account-joined"] * (AT_ONCE - 1) + [user.email])
    assert Identity.objects.count() == AuditEvent.objects.filter(event="identity.joined").count() == 1


def test_one_identity_at_once_for_several_accounts_joins_one(committed_db: str) -> None:
    workspace = rows.workspace()
    people = [rows.member(workspace, Role.OPERATOR).email for _ in range(AT_ONCE)]
    found = _together(*(("the-same", email) for email in people))
    assert len(set(found) - {"account-joined"}) == 1
    assert Identity.objects.count() == 1


def test_one_log_in_twice_at_once_is_the_same_person(committed_db: str) -> None:
    user: User = rows.member(rows.workspace(), Role.OPERATOR)
    assert set(_together(("sub-1", user.email), ("sub-1", user.email))) == {user.email}
