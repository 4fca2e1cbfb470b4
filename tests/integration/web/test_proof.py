"""Sensitive acts ask again who it is; what was typed is kept, and nothing weaker than what the person has will do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from handrail.access import factors, passkeys, proofs, queries
from handrail.access.capabilities import Role
from handrail.access.models import AccessToken, User
from handrail.access.proofs import ProofMethod
from handrail.audit.models import AuditEvent
from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from tests.factories import rows
from tests.factories.authenticator import SoftAuthenticator, SoftPasskey
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
TYPED = {"name": "nightly <b>export</b>", "days": "7", "scope": ["read", "member:manage"]}
Enter = Callable[[User], Client]


@pytest.fixture(autouse=True)
def party() -> Iterator[None]:
    with passkeys.settings.use(RelyingParty("testserver", ("http://testserver",))):
        yield


@pytest.fixture
def ann(house: Web) -> User:
    return rows.member(house.workspace, Role.WORKSPACE_ADMINISTRATOR)


def aged(client: Client, minutes: int = 16, **methods: int) -> Client:
    """The same session, last proven so long ago; ``methods`` by name, each so many minutes ago."""
    session = client.session
    given = methods or dict.fromkeys(("password", "passkey", "totp"), minutes)
    at = {name: int((now() - timedelta(minutes=ago)).timestamp()) for name, ago in given.items()}
    session[proofs.SESSION_KEY] = at
    session.save()
    return client


def test_act_goes_on_with_what_was_typed_once_the_password_is_given(house: Web, enter: Enter, ann: User) -> None:
    client = aged(enter(ann))
    asked = client.post("/admin/tokens", TYPED)
    body = asked.content.decode()
    assert asked.status_code == 403
    assert 'name="name" value="nightly &lt;b&gt;export&lt;/b&gt;"' in body
    assert body.count('name="scope"') == 2
    assert not AccessToken.objects.filter(membership__user=ann).exists()
    done = client.post("/admin/tokens", {**TYPED, "proof_with": "password", "proof_password": rows.PASSWORD})
    assert done.status_code == 200
    (token,) = AccessToken.objects.filter(membership__user=ann)
    assert (token.scopes, token.created_by) == (["member:manage", "read"], ann.email)
    assert list(AuditEvent.objects.filter(event__startswith="user.pro").values_list("event", flat=True)) == [
        "user.proven"
    ]


def test_wrong_password_keeps_what_was_typed_and_is_written_down(house: Web, enter: Enter, ann: User) -> None:
    client = aged(enter(ann))
    again = client.post("/admin/tokens", {**TYPED, "proof_with": "password", "proof_password": "wrong"})
    assert (again.status_code, "That password is not right" in again.content.decode()) == (403, True)
    assert 'name="days" value="7"' in again.content.decode()
    event = AuditEvent.objects.get(event="user.proof_refused")
    assert (event.actor, event.context["cause"]) == (ann.email, "password")
    assert not AccessToken.objects.filter(membership__user=ann).exists()


def test_recent_proof_is_not_asked_for_again(house: Web, enter: Enter, ann: User) -> None:
    assert aged(enter(ann), 14).post("/admin/tokens", TYPED).status_code == 200


def test_proof_of_the_future_is_none(house: Web, enter: Enter, ann: User) -> None:
    assert aged(enter(ann), -20).post("/admin/tokens", TYPED).status_code == 403


def test_session_without_the_authenticator_does_nothing_that_matters(house: Web, enter: Enter, ann: User) -> None:
    """The password is known, and was given just now: who has a passkey is asked for it."""
    rows.passkey(ann)
    client = aged(enter(ann), password=0, sso=0, totp=0)
    for form in ({}, {"proof_with": "password", "proof_password": rows.PASSWORD}, {"proof_with": "code"}):
        assert client.post("/admin/tokens", {**TYPED, **form}).status_code == 403
    forged = json.dumps(SoftAuthenticator(passkeys=[SoftPasskey("testserver", b"")]).sign(begun(client)))
    refused = client.post("/admin/tokens", {**TYPED, "proof_with": "passkey", "proof_credential": forged})
    assert refused.status_code == 403
    assert not AccessToken.objects.filter(membership__user=ann).exists()


def test_passkey_confirms_who_it_is(house: Web, enter: Enter, ann: User) -> None:
    key = SoftPasskey("testserver", b"")
    rows.passkey(ann, key=key)
    client = aged(enter(ann), password=0)
    device = SoftAuthenticator("http://testserver", passkeys=[key])
    answer = json.dumps(device.sign(begun(client)))
    form = {**TYPED, "proof_with": "passkey", "proof_credential": answer}
    assert client.post("/admin/tokens", form).status_code == 200
    assert aged(client, password=0).post("/admin/tokens", form).status_code == 403  # the same answer again


def test_passkey_of_a_colleague_confirms_nothing(house: Web, enter: Enter, ann: User) -> None:
    key = SoftPasskey("testserver", b"")
    rows.passkey(rows.member(house.workspace, Role.OPERATOR), key=key)
    rows.passkey(ann)
    client = aged(enter(ann), password=0)
    answer = json.dumps(SoftAuthenticator("http://testserver", passkeys=[key]).sign(begun(client)))
    form = {**TYPED, "proof_with": "passkey", "proof_credential": answer}
    assert client.post("/admin/tokens", form).status_code == 403
    assert AuditEvent.objects.get(event="user.proof_refused").context["cause"] == "other-person"


def test_form_of_another_site_proves_nothing(house: Web, ann: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ann, backend="allauth.account.auth_backends.AuthenticationBackend")
    form = {"proof_with": "password", "proof_password": rows.PASSWORD}
    assert aged(client).post("/admin/tokens", {**TYPED, **form}).status_code == 403
    assert not AuditEvent.objects.filter(event="user.proven").exists()


def test_passwords_are_not_tried_for_ever(house: Web, enter: Enter, ann: User) -> None:
    client = aged(enter(ann))
    wrong = {**TYPED, "proof_with": "password", "proof_password": "wrong"}
    said = [client.post("/admin/tokens", wrong).content.decode() for _ in range(12)]
    assert "Too many attempts" in said[-1]
    assert client.post("/admin/tokens", {**wrong, "proof_password": rows.PASSWORD}).status_code == 403


def test_workspace_that_needs_a_second_factor_opens_nothing_to_a_member_without(
    house: Web, enter: Enter, ann: User
) -> None:
    client = enter(ann)
    factors.require_second_factor(required=True, by=queries.command_line(house.workspace.slug))
    for page in ("/admin", "/admin/packets", "/admin/tokens", "/admin/sessions"):
        assert client.get(page).headers["Location"] == "/admin/factors"
    assert client.get("/admin/factors").status_code == 200
    assert client.get("/admin/factors/passkeys/add").status_code == 200
    assert client.get("/api/v1/tokens").status_code == 403
    assert client.get("/api/v1/tokens").json()["code"] == "factor-needed"


def test_open_session_is_asked_for_the_second_factor_that_its_workspace_needs(
    house: Web, enter: Enter, ann: User
) -> None:
    rows.passkey(ann)
    client = aged(enter(ann), password=0)
    assert client.get("/admin/members").status_code == 200
    factors.require_second_factor(required=True, by=queries.command_line(house.workspace.slug))
    asked = client.get("/admin/members?x=1")
    assert asked.status_code == 403
    assert 'name="next" value="/admin/members?x=1"' in asked.content.decode()


def test_token_of_a_member_without_a_second_factor_opens_nothing(house: Web, ann: User) -> None:
    from tests.factories.people import secret_of

    secret = secret_of(ann.email, house.workspace.pk, "read")
    headers = {"Authorization": f"Bearer {secret}"}
    assert Client().get("/api/v1/tokens", headers=headers).status_code == 200
    factors.require_second_factor(required=True, by=queries.command_line(house.workspace.slug))
    refused = Client().get("/api/v1/tokens", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "factor-needed")
    rows.passkey(ann)
    assert Client().get("/api/v1/tokens", headers=headers).status_code == 200


def test_proof_page_goes_on_to_our_own_pages_alone(house: Web, enter: Enter, ann: User) -> None:
    client = aged(enter(ann))
    form: dict[str, Any] = {"proof_with": "password", "proof_password": rows.PASSWORD}
    assert client.post("/accounts/proof/", {**form, "next": "//evil.example/x"}).headers["Location"] == "/admin"
    assert client.post("/accounts/proof/", {**form, "next": "/admin/find"}).headers["Location"] == "/admin/find"


def test_methods_that_count_are_the_strongest_that_the_person_has() -> None:
    assert proofs.accepted(passkey=True, app=True, required=False) == {ProofMethod.PASSKEY}
    assert proofs.accepted(passkey=False, app=True, required=False) == {ProofMethod.TOTP, ProofMethod.RECOVERY_CODE}
    assert proofs.accepted(passkey=False, app=False, required=False) == proofs.FIRST_FACTORS
    assert proofs.accepted(passkey=False, app=False, required=True) == frozenset()


def begun(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.post("/accounts/proof/begin/").json()
    return found
