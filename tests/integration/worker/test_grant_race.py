"""Two administrators at the same moment, on a database that really commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection

from handrail.access import actions, queries
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Membership
from handrail.kernel.errors import HandrailError
from tests.factories import rows
from tests.factories.installation import Installation

ADMIN = Role.WORKSPACE_ADMINISTRATOR


def administrator(house: Installation, name: str) -> Actor:
    return queries.actor_for(rows.member(house.workspace, ADMIN, email=f"{name}@example.com"))


def test_two_administrators_who_demote_each_other_leave_one(committed_db: str) -> None:
    house = Installation()
    one, other = administrator(house, "one"), administrator(house, "other")
    barrier = Barrier(2)

    def demote(by: Actor, whom: Actor) -> str:
        try:
            barrier.wait(timeout=30)
            actions.change_member(email=whom.name, by=by, roles=[Role.AUDITOR])
        except HandrailError as refused:
            return refused.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(max_workers=2) as pool:
        ended = sorted(pool.map(demote, (one, other), (other, one)))
    assert ended == ["denied", "done"]
    assert Membership.objects.filter(roles__contains=[ADMIN]).count() == 1
