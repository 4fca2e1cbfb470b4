"""``handrail find``."""

from __future__ import annotations

import pytest

from handrail.access.capabilities import Role
from tests.factories import references, rows
from tests.factories.people import secret_of
from tests.factories.references import References
from tests.factories.runs import Runs
from tests.integration.cli.conftest import Handrail


@pytest.fixture
def own(estate: Runs) -> References:
    return references.everything(estate.workspace, mark="A")


def test_each_text_finds_its_thing(own: References, handrail: Handrail) -> None:
    for name, text in own.texts().items():
        found = handrail("find", text, "--json").json
        assert found["groups"][0]["hits"][0]["exact"], name


def test_a_task_key_names_its_run_and_the_command_that_shows_it(own: References, handrail: Handrail) -> None:
    ended = handrail("find", own.run.task_key)
    assert ended.code == 0
    assert own.run.ref in ended.out
    assert "handrail runs show" in ended.out


def test_nothing_found_says_so(own: References, handrail: Handrail) -> None:
    ended = handrail("find", "RUN-0000000000")
    assert (ended.code, ended.out.strip()) == (0, "Not found, or you don't have access.")


@pytest.mark.parametrize("text", ["", "  ", "x" * 129])
def test_text_that_is_none_is_refused(own: References, handrail: Handrail, text: str) -> None:
    ended = handrail("find", text)
    assert (ended.code, "[search-text]" in ended.err) == (2, True)


def test_foreign_is_answered_like_missing(own: References, handrail: Handrail, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = references.everything(rows.workspace("Elsewhere"), mark="B")
    empty = rows.tenant(own.tenant.workspace, name="Another customer")
    for tenants, foreign in ((None, theirs), ([empty], own)):
        user = rows.member(own.tenant.workspace, *Role, tenants=tenants)
        monkeypatch.setenv("HANDRAIL_TOKEN", secret_of(user.email, own.tenant.workspace_id))
        for text in foreign.texts().values():
            assert handrail("find", text) == handrail("find", "RUN-0000000000"), text
