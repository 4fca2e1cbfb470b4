"""One person added to two workspaces at the same moment becomes a member of both."""

from __future__ import annotations

import threading

from django.db import connection

from handrail.access import actions, queries
from handrail.access.capabilities import Role
from handrail.access.models import Membership, User
from tests.factories import rows

ROUNDS = 10


def test_adding_one_person_to_two_workspaces_at_once_adds_them_to_both(committed_db: str) -> None:
    operators = [queries.command_line(rows.workspace().slug) for _ in range(2)]
    broken: list[BaseException] = []
    for number in range(ROUNDS):
        start = threading.Barrier(len(operators))
        email = f"new-{number}@example.com"

        def add(by: queries.Actor, email: str = email, start: threading.Barrier = start) -> None:
            try:
                start.wait()
                actions.add_member(email=email, roles=[Role.AUDITOR], tenants=None, by=by)
            except Exception as error:  # noqa: BLE001 - any is what this looks for
                broken.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=add, args=(by,)) for by in operators]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert not broken
    assert (User.objects.count(), Membership.objects.count()) == (ROUNDS, 2 * ROUNDS)
