"""Log-in by passkey, and the second step after a password: who is let in, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import Client

from handrail.access import factors, passkeys, queries
from handrail.access.capabilities import Role
from handrail.access.models import LoginSession, User
from handrail.audit.models import AuditEvent
from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from tests.factories import rows
from tests.factories.authenticator import SoftAuthenticator, SoftPasskey

pytestmark = pytest.mark.django_db
BEGIN, LOGIN = "/accounts/passkey/begin/", "/accounts/passkey/"


@pytest.fixture(autouse=True)
def party() -> Iterator[None]:
    with passkeys.settings.use(RelyingParty("testserver", ("http://testserver",))):
        yield


@pytest.fixture
def ann(db: None) -> User:
    return rows.member(rows.workspace(), Role.OPERATOR)


@pytest.fixture
def device(ann: User) -> SoftAuthenticator:
    key = SoftPasskey("testserver", b"")
    rows.passkey(ann, key=key)
    return SoftAuthenticator("http://testserver", passkeys=[key])


def is_in(client: Client) -> bool:
    return client.get("/admin/sessions").status_code == 200


def by_password(client: Client, user: User) -> str:
    answer = client.post("/accounts/login/", {"login": user.email, "password": rows.PASSWORD})
    return answer.headers.get("Location", "")


def by_passkey(client: Client, device: SoftAuthenticator) -> int:
    answer = json.dumps(device.sign(client.post(BEGIN).json()))
    return client.post(LOGIN, {"proof_credential": answer}).status_code


def test_passkey_logs_in_under_a_new_session_key(ann: User, device: SoftAuthenticator) -> None:
    client = Client()
    client.post(BEGIN)
    before = client.session.session_key
    assert by_passkey(client, device) == 302
    assert is_in(client)
    assert client.session.session_key != before
    assert not LoginSession.objects.filter(session_key=before).exists()
    event = AuditEvent.objects.get(event="user.logged_in")
    assert (event.actor, event.context["method"]) == (ann.email, "passkey")


def test_person_who_was_closed_between_begin_and_complete_is_not_let_in(ann: User, device: SoftAuthenticator) -> None:
    client = Client()
    answer = json.dumps(device.sign(client.post(BEGIN).json()))
    User.objects.filter(pk=ann.pk).update(is_active=False)
    client.post(LOGIN, {"proof_credential": answer})
    assert not is_in(client)
    assert AuditEvent.objects.get(event="user.login_refused").context["cause"] == "closed"


def test_answer_begun_in_another_browser_is_refused(device: SoftAuthenticator) -> None:
    answer = json.dumps(device.sign(Client().post(BEGIN).json()))
    client = Client()
    client.post(BEGIN)
    assert client.post(LOGIN, {"proof_credential": answer}).status_code == 401
    assert not is_in(client)
    event = AuditEvent.objects.get(event="user.login_refused")
    assert (event.subject, event.context["cause"], event.context["method"]) == ("unknown", "not-begun", "passkey")


def test_password_alone_is_not_enough_for_who_has_a_passkey(ann: User, device: SoftAuthenticator) -> None:
    client = Client()
    assert by_password(client, ann) == "/accounts/second-step/"
    assert not is_in(client)
    answer = json.dumps(device.sign(client.post("/accounts/second-step/begin/").json()))
    client.post("/accounts/second-step/", {"proof_with": "passkey", "proof_credential": answer})
    assert is_in(client)
    assert AuditEvent.objects.get(event="user.logged_in").context["method"] == "password+passkey"


def test_second_step_without_the_first_is_none(device: SoftAuthenticator) -> None:
    assert Client().get("/accounts/second-step/").headers["Location"] == "/accounts/login/"
    assert Client().post("/accounts/second-step/begin/").headers["Location"] == "/accounts/login/"


def test_person_who_was_closed_before_the_second_step_is_not_let_in(ann: User, device: SoftAuthenticator) -> None:
    client = Client()
    by_password(client, ann)
    answer = json.dumps(device.sign(client.post("/accounts/second-step/begin/").json()))
    User.objects.filter(pk=ann.pk).update(is_active=False)
    client.post("/accounts/second-step/", {"proof_with": "passkey", "proof_credential": answer})
    assert not is_in(client)


def shown_now(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(now().timestamp()) // factors.STEP_SECONDS))


def with_app(user: User) -> tuple[str, list[str]]:
    session: dict[str, object] = {}
    secret = factors.begin_app(session)
    return secret, factors.add_app(session, code=shown_now(secret), by=queries.actor_for(user))


def test_code_of_an_app_counts_once_within_its_window(ann: User) -> None:
    secret, _ = with_app(ann)
    ahead = format_hotp_value(hotp_value(secret, int(now().timestamp()) // factors.STEP_SECONDS + 1))
    first, second = Client(), Client()
    for client in (first, second):
        by_password(client, ann)
        client.post("/accounts/second-step/", {"proof_with": "code", "proof_code": ahead})
    assert (is_in(first), is_in(second)) == (True, False)
    assert AuditEvent.objects.get(event="user.logged_in").context["method"] == "password+totp"


def test_recovery_code_counts_once_and_its_use_is_told(ann: User) -> None:
    _, codes = with_app(ann)
    first, second = Client(), Client()
    for client in (first, second):
        by_password(client, ann)
        client.post("/accounts/second-step/", {"proof_with": "code", "proof_code": codes[3]})
    assert (is_in(first), is_in(second)) == (True, False)
    assert AuditEvent.objects.filter(event="factor.code_used", subject=ann.email).count() == 1


def test_codes_are_not_guessed_for_ever(ann: User) -> None:
    _, codes = with_app(ann)
    client = Client()
    by_password(client, ann)
    wrong = {"proof_with": "code", "proof_code": "000000"}
    said = [client.post("/accounts/second-step/", wrong).content.decode() for _ in range(7)]
    assert "Too many attempts" in said[-1]
    client.post("/accounts/second-step/", {"proof_with": "code", "proof_code": codes[0]})
    assert not is_in(client)


def test_secrets_of_apps_lie_encrypted(ann: User) -> None:
    from allauth.mfa.models import Authenticator

    secret, codes = with_app(ann)
    kept = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert not [code for code in codes if code in kept]
