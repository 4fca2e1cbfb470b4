"""Decisions that meet: one follows the other, on transactions that really commit."""

from __future__ import annotations

import threading

from django.db import connection

from handrail.access import queries as access
from handrail.access.capabilities import Role
from handrail.definitions import actions
from handrail.definitions.models import Definition
from handrail.kernel.errors import Conflict
from tests.factories import rows
from tests.unit.definitions.bad import edited
from tests.unit.definitions.samples import RUNBOOK


def test_approve_two_versions_at_once_leaves_the_newer_in_force(committed_db: str) -> None:
    workspace = rows.workspace()
    author, owner = (
        access.actor_for(rows.member(workspace, role), workspace.slug)
        for role in (Role.SENIOR_SUPPORT, Role.GOVERNANCE_OWNER)
    )
    texts = [edited(RUNBOOK, "version: 3", f"version: {number}") for number in (3, 4)]
    proposals = [actions.propose(text=text, by=author) for text in texts]
    start, refused = threading.Barrier(2), []

    def approve(definition_id: int) -> None:
        try:
            start.wait()
            actions.approve(definition_id=definition_id, by=owner)
        except Conflict as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=(proposal.id,)) for proposal in proposals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    states = dict(Definition.objects.values_list("version", "state"))
    assert states in ({3: "deprecated", 4: "active"}, {3: "proposed", 4: "active"})
    assert refused == (["version-not-newer"] if states[3] == "proposed" else [])
