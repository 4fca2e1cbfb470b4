"""The API's tests of isolation once more, with row security as the only guard: no query has a filter of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.guards import tenants_of
from handrail.access.queries import command_line
from tests.factories.runs import Runs
from tests.factories.unguarded import looking, unguarded
from tests.integration.api import test_scope as isolation
from tests.integration.api.conftest import Caller
from tests.integration.api.test_scope import foreign  # noqa: F401 - a fixture
from tests.lanes import swept

Operation = tuple[str, str, str]


@pytest.mark.parametrize("operation", swept(isolation.NAMED), ids=lambda operation: operation[0])
def test_foreign_thing_is_answered_like_a_missing_one_by_rows_alone(
    operation: Operation,
    foreign: dict[str, str],  # noqa: F811 - as above
    caller: Caller,
) -> None:
    with unguarded():
        isolation.test_a_foreign_thing_is_answered_like_a_missing_one(operation, foreign, caller)


LACKED = [operation for operation in isolation.NAMED if operation[0] not in isolation.ADMINISTERED]


@pytest.mark.parametrize("operation", swept(LACKED), ids=lambda operation: operation[0])
def test_in_scope_without_the_capability_is_denied_by_rows_alone(
    operation: Operation,
    foreign: dict[str, str],  # noqa: F811 - as above
    caller: Caller,
) -> None:
    with unguarded():
        isolation.test_in_scope_without_the_capability_is_denied_and_audited(operation, foreign, caller)


def test_task_key_of_another_tenant_tells_nothing_by_rows_alone(estate: Runs, board: object, caller: Caller) -> None:
    with unguarded():
        isolation.test_another_tenants_task_key_tells_nothing_of_its_run(estate, board, caller)


# A checkpoint is of the one log, and here none was made; what is looked for has tests of its own (test_find.py).
OTHERS = {"get_audit_checkpoint", "get_audit_timestamp", "find"}
LISTS = [op for op in isolation.OPERATIONS if op[1] == "GET" and "{" not in op[2] and op[0] not in OTHERS]


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation[0])
def test_lists_show_nothing_foreign_by_rows_alone(
    operation: Operation,
    foreign: dict[str, str],  # noqa: F811 - as above
    caller: Caller,
) -> None:
    client = caller("operator", "senior-support", "governance-owner", "workspace-administrator", "auditor")
    with unguarded():
        status, body = isolation.call(client, operation, {})
    assert status == 200
    words = [word for word in foreign.values() if not word.isdigit()]
    assert [word for word in words if word.encode() in body] == []


def test_filters_of_the_api_are_really_taken_away(
    estate: Runs,
    foreign: dict[str, str],  # noqa: F811 - as above
    caller: Caller,
    counted: Callable[[str], None],
) -> None:
    """Where no row security binds, the foreign tenant is there; and each operation passes a filter."""
    with unguarded():
        assert foreign["tenants"] in {tenant.key for tenant in tenants_of(command_line(estate.workspace.slug))}
    client: Client = caller("operator", "senior-support", "governance-owner", "workspace-administrator")
    without = []
    for operation in isolation.NAMED:
        sites: set[str] = set()
        with looking(sites.add):
            isolation.call(client, operation, foreign)
        if not sites:
            without.append(operation[0])
    # The filter of the one is a sub-query; the other is refused first, since none of these roles releases.
    assert set(without) <= {"revoke_token", "export_recalls"}
    counted(f"{len(isolation.NAMED)} operations by name, {len(LISTS)} lists, without any filter")
