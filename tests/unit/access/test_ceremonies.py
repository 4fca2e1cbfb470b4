"""Passkeys made and shown: by an authenticator that does it right, and in every way that it may not be."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handrail.access import ceremonies, enrolment, passkeys, queries
from handrail.access.capabilities import Role
from handrail.access.ceremonies import CeremonyRefused, Purpose
from handrail.access.models import Passkey, PasskeyRemoval, User, Workspace
from handrail.kernel.assertions import RelyingParty
from tests.factories import rows
from tests.factories.authenticator import SoftAuthenticator, SoftPasskey, b64

pytestmark = pytest.mark.django_db
Session = dict[str, Any]


@pytest.fixture(autouse=True)
def party() -> Iterator[None]:
    with passkeys.settings.use(RelyingParty("localhost", ("http://localhost:8000",))):
        yield


@pytest.fixture
def house(db: None) -> Workspace:
    return rows.workspace()


@pytest.fixture
def ann(house: Workspace) -> User:
    return rows.member(house, Role.OPERATOR)


def enrolled(user: User, device: SoftAuthenticator, house: Workspace) -> Passkey:
    session: Session = {}
    answer = device.make(ceremonies.begin_enrolment(session, user))
    made = ceremonies.complete_enrolment(session, user, json.dumps(answer))
    ref = enrolment.enrol(made, name="laptop", by=queries.actor_for(user, house.slug))
    return Passkey.objects.get(ref=ref)


def shown(
    device: SoftAuthenticator, user: User | None = None, *, purpose: Purpose = Purpose.LOG_IN, **how: Any
) -> Passkey:
    session: Session = {}
    answer = device.sign(ceremonies.begin_assertion(session, purpose, user), **how)
    return ceremonies.complete_assertion(session, purpose, json.dumps(answer), user)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(CeremonyRefused) as caught:
        act()
    return caught.value.cause


def test_passkey_is_enrolled_with_its_key_and_then_shown(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator()
    row = enrolled(ann, device, house)
    (key,) = passkeys.signing_keys(ann.pk, house.pk)
    assert (key.public_key, key.alg, key.credential_id) == (
        device.passkeys[0].public_key,
        -7,
        device.passkeys[0].credential_id,
    )
    assert shown(device).pk == row.pk


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ({"origin": "https://evil.example"}, "malformed"),
        ({"origin": "http://localhost:8001"}, "malformed"),
        ({"crossOrigin": True}, "assertion-cross-origin"),
        ({"topOrigin": "http://localhost:8000"}, "assertion-cross-origin"),
        ({"verified": False}, "malformed"),
        ({"rp_id": "example.com"}, "malformed"),
        ({"type": "webauthn.get"}, "malformed"),
        ({"challenge": b64(bytes(32))}, "not-begun"),
    ],
)
def test_enrolment_that_is_not_ours_is_refused(ann: User, how: dict[str, Any], cause: str) -> None:
    session: Session = {}
    answer = SoftAuthenticator().make(ceremonies.begin_enrolment(session, ann), **how)
    assert refused(lambda: ceremonies.complete_enrolment(session, ann, json.dumps(answer))) == cause


@pytest.mark.parametrize("answer", ["", "[]", "null", "{}", '{"id": 1, "response": []}', "[" * 9000, "x" * 20_000])
def test_answer_that_is_none_is_refused(ann: User, answer: str) -> None:
    session: Session = {}
    ceremonies.begin_enrolment(session, ann)
    assert refused(lambda: ceremonies.complete_enrolment(session, ann, answer)) == "malformed"
    assert refused(lambda: ceremonies.complete_assertion(session, Purpose.LOG_IN, answer)) == "malformed"


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ({"origin": "https://evil.example"}, "assertion-other-origin"),
        ({"crossOrigin": True}, "assertion-cross-origin"),
        ({"verified": False}, "assertion-not-verified"),
        ({"type": "webauthn.create"}, "assertion-wrong-type"),
        ({"challenge": b64(bytes(32))}, "not-begun"),
    ],
)
def test_assertion_that_is_not_ours_is_refused(house: Workspace, ann: User, how: dict[str, Any], cause: str) -> None:
    device = SoftAuthenticator()
    enrolled(ann, device, house)
    assert refused(lambda: shown(device, **how)) == cause


def test_passkey_of_another_relying_party_is_refused(ann: User) -> None:
    key = SoftPasskey("example.com", b"")
    rows.passkey(ann, key=key)
    assert refused(lambda: shown(SoftAuthenticator(passkeys=[key]))) in {"assertion-other-rp", "other-person"}


def test_unknown_passkey_is_refused() -> None:
    assert refused(lambda: shown(SoftAuthenticator(passkeys=[SoftPasskey("localhost", b"")]))) == "unknown-key"


def test_passkey_of_another_person_proves_nothing(house: Workspace, ann: User) -> None:
    device, bob = SoftAuthenticator(), rows.member(house, Role.OPERATOR)
    enrolled(bob, device, house)
    assert refused(lambda: shown(device, ann, purpose=Purpose.PROVE)) == "other-person"
    assert shown(device, bob, purpose=Purpose.PROVE).user_id == bob.pk


def test_passkey_that_claims_another_user_handle_is_refused(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator()
    enrolled(ann, device, house)
    device.passkeys[0].user_handle = b"somebody-else"
    assert refused(lambda: shown(device)) == "other-person"


def test_answer_counts_once_also_in_a_request_that_read_the_session_before(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator(counts=False)
    enrolled(ann, device, house)
    session: Session = {}
    answer = json.dumps(device.sign(ceremonies.begin_assertion(session, Purpose.LOG_IN, None)))
    beside = json.loads(json.dumps(session))
    ceremonies.complete_assertion(session, Purpose.LOG_IN, answer)
    assert refused(lambda: ceremonies.complete_assertion(session, Purpose.LOG_IN, answer)) == "not-begun"
    assert refused(lambda: ceremonies.complete_assertion(beside, Purpose.LOG_IN, answer)) == "not-begun"


def test_answer_to_a_challenge_of_another_purpose_is_refused(house: Workspace, ann: User) -> None:
    device, session = SoftAuthenticator(), {}
    enrolled(ann, device, house)
    answer = json.dumps(device.sign(ceremonies.begin_assertion(session, Purpose.LOG_IN, None)))
    assert refused(lambda: ceremonies.complete_assertion(session, Purpose.PROVE, answer, ann)) == "not-begun"


def test_two_tabs_each_finish_what_they_began(house: Workspace, ann: User) -> None:
    device, session = SoftAuthenticator(), {}
    enrolled(ann, device, house)
    first, second = (ceremonies.begin_assertion(session, Purpose.LOG_IN, None) for _ in range(2))
    for options in (second, first):
        ceremonies.complete_assertion(session, Purpose.LOG_IN, json.dumps(device.sign(options)))


def test_challenge_ends_after_some_minutes(house: Workspace, ann: User) -> None:
    device, session = SoftAuthenticator(), {}
    enrolled(ann, device, house)
    answer = json.dumps(device.sign(ceremonies.begin_assertion(session, Purpose.LOG_IN, None)))
    session[ceremonies.SESSION_KEY][0]["at"] -= ceremonies.SECONDS
    assert refused(lambda: ceremonies.complete_assertion(session, Purpose.LOG_IN, answer)) == "not-begun"


def test_counter_that_goes_back_is_refused(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator()
    enrolled(ann, device, house)
    shown(device)
    device.passkeys[0].counter = 1
    assert refused(lambda: shown(device)) == "counter"


def test_synchronised_passkey_that_does_not_count_is_taken(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator(counts=False)
    enrolled(ann, device, house)
    shown(device)
    shown(device)


def test_passkey_that_has_ended_shows_nothing(house: Workspace, ann: User) -> None:
    device = SoftAuthenticator()
    row = enrolled(ann, device, house)
    enrolment.end_own(ref=row.ref, by=queries.actor_for(ann, house.slug))
    assert PasskeyRemoval.objects.get(passkey=row).kind == "removed"
    assert refused(lambda: shown(device)) == "unknown-key"


@pytest.mark.parametrize(
    ("address", "id_"),
    [
        ("https://handrail.example.com", "handrail.example.com"),
        ("https://Handrail.Example.com:8443/x", "handrail.example.com"),
        (None, "localhost"),
        ("http://localhost:9000", "localhost"),
        ("http://handrail.example.com", ""),
        ("https://192.0.2.7", ""),
        ("https://[2001:db8::1]:8000", ""),
        ("http://127.0.0.1:8000", ""),
    ],
)
def test_relying_party_is_the_host_name_of_the_pages(address: str | None, id_: str) -> None:
    assert passkeys.relying_party(address, port=8000).id == id_


def test_origin_has_no_port_that_its_scheme_has_anyway() -> None:
    assert passkeys.relying_party("https://a.example:443/", port=1).origins == ("https://a.example",)
    assert passkeys.relying_party(None, port=8000).origins == ("http://localhost:8000",)
