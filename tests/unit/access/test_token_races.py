"""A token made while its member is removed: whichever comes first, no token of a removed member is left."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from handrail.access import actions, queries, tokens
from handrail.access.capabilities import Role
from handrail.access.models import AccessToken
from handrail.kernel.errors import HandrailError
from tests.factories import rows

OWNER = "olga@example.com"


@pytest.mark.parametrize("turn", range(3))
def test_removing_a_member_while_they_make_tokens_leaves_none(committed_db: str, turn: int) -> None:
    workspace = rows.workspace()
    owner = queries.actor_for(rows.member(workspace, Role.OPERATOR, email=OWNER))
    operator = queries.command_line(workspace.slug)
    start, refused = threading.Barrier(4), []

    def run(act: Callable[[], object]) -> None:
        try:
            start.wait()
            act()
        except HandrailError as error:
            refused.append(error.code)
        finally:
            connection.close()

    acts: list[Callable[[], object]] = [lambda: tokens.issue(name="ci", by=owner)] * 3
    acts.insert(turn, lambda: actions.change_member(email=OWNER, by=operator, is_active=False))
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert set(refused) <= {"not-found"}
    assert AccessToken.objects.count() == 3 - len(refused)
    assert not AccessToken.objects.filter(revoked_at=None).exists()
