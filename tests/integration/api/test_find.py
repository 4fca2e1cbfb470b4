"""The one search for programs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import references, rows
from tests.factories.references import References
from tests.factories.runs import Runs
from tests.factories.unguarded import unguarded
from tests.integration.api.conftest import Caller

PATH = "/api/v1/find"
ROLES = ("operator", "senior-support", "governance-owner", "workspace-administrator", "auditor")


@pytest.fixture
def own(estate: Runs) -> References:
    return references.everything(estate.workspace, mark="A")


def test_each_text_finds_its_thing(own: References, caller: Caller) -> None:
    client = caller(*ROLES)
    for name, text in own.texts().items():
        answer = client.get(PATH, {"q": text})
        assert answer.status_code == 200, name
        assert answer.json()["groups"][0]["hits"][0]["exact"], name
    (group,) = client.get(PATH, {"q": own.of_run.ref}).json()["groups"]
    assert (group["kind"], group["hits"][0]["opens"], group["hits"][0]["opens_ref"]) == (
        "support-request",
        "run",
        own.run.ref,
    )


def test_kinds_that_roles_leave_out_are_named(own: References, caller: Caller) -> None:
    answer = caller("workspace-administrator").get(PATH, {"q": own.run.ref}).json()
    assert answer["groups"] == []
    assert set(answer["left_out"]) == {"run", "exception", "wave", "packet", "support-request", "refused-task"}


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "x" * 129}, {"q": "   "}])
def test_text_that_is_none_is_refused(caller: Caller, query: dict[str, str]) -> None:
    assert caller("operator").get(PATH, query).status_code == 422


@pytest.mark.parametrize("guards", [True, False], ids=["filters", "rows alone"])
def test_foreign_is_answered_like_missing_byte_for_byte(
    own: References, caller: Caller, guards: bool, counted: Callable[[str], None]
) -> None:
    theirs = references.everything(rows.workspace("Elsewhere"), mark="B")
    rows.tenant(own.tenant.workspace, key="ten_empty")
    looked = 0
    for client, foreign in ((caller(*ROLES), theirs), (caller(*ROLES, tenants=["ten_empty"]), own)):
        for text in foreign.texts().values():
            missing = "".join("Q" if one.isalpha() else one for one in text)
            answers = []
            for one in (text, missing):
                if guards:
                    content = client.get(PATH, {"q": one}).content
                else:
                    with unguarded():
                        content = client.get(PATH, {"q": one}).content
                answers.append(content.replace(one.encode(), b""))
            assert answers[0] == answers[1], text
            looked += 1
    counted(f"{looked} foreign texts are answered like missing ones, byte for byte")
