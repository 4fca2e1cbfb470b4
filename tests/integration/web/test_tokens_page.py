"""The page of one's own access tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access import tokens
from handrail.access.capabilities import Role
from handrail.access.models import AccessToken
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"hrt_[\w-]{43}")
NEW = {"name": "nightly export", "days": "30", "scope": ["read", "run:start"]}


@pytest.fixture
def operator(house: Web, as_role: Callable[..., Client]) -> Client:
    return as_role(Role.OPERATOR)


def test_without_tokens_the_page_says_what_they_are_for(operator: Client) -> None:
    assert "You have no tokens" in operator.get("/admin/tokens").content.decode()


def test_a_new_tokens_secret_is_shown_once_and_opens_the_api(operator: Client) -> None:
    made = operator.post("/admin/tokens", NEW)
    (secret,) = SECRET.findall(made.content.decode())
    assert made.headers["Cache-Control"] == "no-store"
    assert tokens.bearer(secret).name.startswith("operator")
    again = operator.get("/admin/tokens").content.decode()
    assert not SECRET.search(again)
    assert "nightly export" in again


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"name": " "}, "1 to 80 characters"),
        ({"days": "0"}, "1 to 366"),
        ({"days": "٣"}, "1 to 366"),
        ({"days": "9" * 400}, "1 to 366"),
        ({"scope": []}, "Read, or names"),
        ({"scope": ["packet:release"]}, "Your roles don"),
    ],
)
def test_what_is_wrong_is_named_and_what_was_typed_stays(
    operator: Client, changed: dict[str, object], fault: str
) -> None:
    response = operator.post("/admin/tokens", NEW | changed)
    assert response.status_code == 422
    assert fault in response.content.decode()
    assert "nightly export" in response.content.decode() or "name" in changed
    assert not AccessToken.objects.filter(name="nightly export", membership__roles=["operator"]).exists()


def test_a_member_revokes_their_own(operator: Client) -> None:
    operator.post("/admin/tokens", NEW)
    ref = AccessToken.objects.order_by("-pk")[0].ref
    answer = operator.post(f"/admin/tokens/{ref}/revoke", follow=True)
    assert f"{ref} is revoked" in answer.content.decode()
    assert AccessToken.objects.get(ref=ref).revoked_at is not None


def test_an_administrator_finds_other_members_tokens_and_an_operator_does_not(
    house: Web, as_role: Callable[..., Client], operator: Client
) -> None:
    assert house.token.ref not in operator.get("/admin/tokens").content.decode()
    administrator = as_role(Role.WORKSPACE_ADMINISTRATOR)
    assert house.token.ref in administrator.get("/admin/tokens").content.decode()
    administrator.post(f"/admin/tokens/{house.token.ref}/revoke", follow=True)
    assert house.token.ref not in administrator.get("/admin/tokens").content.decode()
