"""A hostile identity provider: each lie is refused with its cause; nobody gets in, and no account is joined."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from structlog.testing import capture_logs

from handrail.access.capabilities import Role
from handrail.access.identities import NoEntry
from handrail.access.models import Identity, User
from handrail.audit.models import AuditEvent
from handrail.connectors import oidc
from handrail.connectors.oidc import Cause
from tests.factories import rows
from tests.factories.identity_provider import (
    CLIENT,
    KID,
    IdentityProvider,
    at_hash,
    identity_provider,
    private_key,
    public_jwk,
)
from tests.lanes import NIGHTLY

pytestmark = pytest.mark.django_db

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "when-something-is-wrong.md"
HOUR = 3600
TOKEN, KEYS, USERINFO, DISCOVERY = "/token", "/keys", "/userinfo", "/.well-known/openid-configuration"

Act = Callable[[IdentityProvider], None]


@dataclass(frozen=True)
class Lie:
    name: str
    cause: str
    tell: Act


def _in_token(**changed: Any) -> Act:
    """The ID token says otherwise; None leaves the claim out."""

    def tell(provider: IdentityProvider) -> None:
        provider.says_in_token = lambda claims: {k: v for k, v in {**claims, **changed}.items() if v is not None}

    return tell


def _of_person(**changed: Any) -> Act:
    """Both the ID token and userinfo say so of the person."""

    def tell(provider: IdentityProvider) -> None:
        provider.person = {k: v for k, v in {**provider.person, **changed}.items() if v is not None}

    return tell


def _userinfo(**changed: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.says_of_person = lambda claims: {k: v for k, v in {**claims, **changed}.items() if v is not None}

    return tell


def _of_itself(**changed: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.says_of_itself = lambda doc: {k: v for k, v in {**doc, **changed}.items() if v is not None}

    return tell


def _with_token(**changed: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.says_with_token = lambda answer: {k: v for k, v in {**answer, **changed}.items() if v is not None}

    return tell


def _back(**changed: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.sends_back = lambda query: {k: v for k, v in {**query, **changed}.items() if v is not None}

    return tell


def _signed(**otherwise: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.sign = lambda claims: provider.signed(claims, **otherwise)

    return tell


def _raw(path: str, status: int, body: bytes, **headers: str) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.raw[path] = (status, {"content-type": "application/json", **headers}, body)

    return tell


def _silent(path: str) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.silent.add(path)

    return tell


def _later(seconds: int, *names: str) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.says_in_token = lambda claims: {**claims, **dict.fromkeys(names, int(time.time()) + seconds)}

    return tell


def _segment(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _payload(change: Callable[[bytes], bytes]) -> Act:
    """A payload that JSON libraries read in more than one way, with a good signature."""

    def tell(provider: IdentityProvider) -> None:
        provider.sign = lambda claims: jwt.PyJWS().encode(
            change(json.dumps(claims).encode()), private_key(), "RS256", headers={"kid": KID, "typ": "JWT"}
        )

    return tell


def _unsigned(provider: IdentityProvider) -> None:
    header = _segment(json.dumps({"alg": "none"}).encode())
    provider.sign = lambda claims: f"{header}.{_segment(json.dumps(claims).encode())}."


def _public_key_as_secret(provider: IdentityProvider) -> None:
    """The classic confusion: HS256 with the public key as its secret."""
    pem = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = _segment(json.dumps({"alg": "HS256", "kid": KID, "typ": "JWT"}).encode())

    def sign(claims: dict[str, Any]) -> str:
        signing = f"{header}.{_segment(json.dumps(claims).encode())}"
        return f"{signing}.{_segment(hmac.digest(pem, signing.encode(), 'sha256'))}"

    provider.sign = sign


def _client_secret_as_key(provider: IdentityProvider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, "x" * 64, "HS256", headers={"kid": KID})


def _altered(provider: IdentityProvider) -> None:
    def sign(claims: dict[str, Any]) -> str:
        header, _, signature = provider.signed(claims).split(".")
        return f"{header}.{_segment(json.dumps({**claims, 'sub': 'somebody-else'}).encode())}.{signature}"

    provider.sign = sign


def _own_key(name: str) -> Act:
    """The token brings, or points at, the key that it is signed with."""

    def tell(provider: IdentityProvider) -> None:
        theirs = private_key(which=1)
        value: Any = public_jwk(theirs, kid="theirs") if name == "jwk" else f"{provider.url}/theirs"
        provider.raw["/theirs"] = (200, {}, json.dumps({"keys": [public_jwk(theirs, kid="theirs")]}).encode())
        provider.sign = lambda claims: provider.signed(claims, key=theirs, kid="theirs", **{name: value})

    return tell


def _key(**changed: Any) -> Act:
    def tell(provider: IdentityProvider) -> None:
        provider.keys = [{k: v for k, v in {**provider.keys[0], **changed}.items() if v is not None}]

    return tell


def _weak_key(provider: IdentityProvider) -> None:
    provider.keys = [public_jwk(private_key("short"), kid=KID, alg="RS256")]
    provider.sign = lambda claims: provider.signed(claims, key=private_key("short"))


def _two_keys_without_name(provider: IdentityProvider) -> None:
    provider.keys = [public_jwk(private_key(which=number), alg="RS256") for number in range(2)]
    provider.sign = lambda claims: provider.signed(claims, kid=None)


def _no_keys(provider: IdentityProvider) -> None:
    provider.raw[KEYS] = (200, {}, b'{"keys": "none"}')


def _promises_issuer(provider: IdentityProvider) -> None:
    _of_itself(authorization_response_iss_parameter_supported=True)(provider)


def _denies(provider: IdentityProvider) -> None:
    provider.denies = True


def _breaks(provider: IdentityProvider) -> None:
    provider.breaks = True


LIES = [
    # Whether the address is verified: JSON true, and nothing that looks like it.
    *(
        Lie(f"email_verified is {value!r}", "email-unverified", _of_person(email_verified=value))
        for value in (False, "false", "true", "True", 1, 0, [], [True], {}, {"true": True}, "yes", 1.0, None)
    ),
    Lie("verified only in userinfo, denied in the token", "claims-contradict", _in_token(email_verified=False)),
    Lie("verified in the token, as 1 in userinfo", "claims-contradict", _userinfo(email_verified=1)),
    Lie("another address in userinfo", "claims-contradict", _userinfo(email="other@example.com")),
    # Claims of the wrong type.
    Lie("email is a list", "claim-type", lambda p: _of_person(email=[p.person["email"]])(p)),
    Lie("email is an object", "claim-type", _of_person(email={"value": "a@example.com"})),
    Lie("email is a number", "claim-type", _of_person(email=7)),
    Lie("email is true", "claim-type", _of_person(email=True)),
    Lie("email is over-long", "claim-type", _of_person(email="a" * 300 + "@example.com")),
    Lie("email is absent", "email-unverified", _of_person(email=None)),
    Lie("email is empty", "email-malformed", _of_person(email="")),
    Lie("email holds two addresses", "email-malformed", lambda p: _of_person(email=p.person["email"] + ",x@e.com")(p)),
    Lie("email ends in a line break", "email-malformed", lambda p: _of_person(email=p.person["email"] + "\n")(p)),
    Lie("email begins with a space", "email-malformed", lambda p: _of_person(email=" " + p.person["email"])(p)),
    Lie(
        "email has a look-alike letter",
        "email-malformed",
        lambda p: _of_person(
            email=p.person["email"].replace("o", "о", 1)  # noqa: RUF001 - Cyrillic
        )(p),
    ),
    Lie(
        "email has a full-width letter",
        "email-malformed",
        lambda p: _of_person(
            email=p.person["email"].replace("example", "ｅxample")  # noqa: RUF001 - full width
        )(p),
    ),
    Lie("email holds NUL", "token-malformed", lambda p: _of_person(email=p.person["email"] + "\0")(p)),
    Lie("email holds half a surrogate pair", "token-malformed", _of_person(email="\ud800@example.com")),
    Lie("email of nobody here", "no-account", _of_person(email="stranger@example.com")),
    Lie("sub is a number", "claim-type", _of_person(sub=17)),
    Lie("sub is a list", "claim-type", _of_person(sub=["person-1"])),
    Lie("sub is true", "claim-type", _of_person(sub=True)),
    Lie("sub is empty", "claim-type", _of_person(sub="")),
    Lie("sub is a space", "claim-type", _of_person(sub=" ")),
    Lie("sub is over-long", "claim-type", _of_person(sub="s" * 256)),
    Lie("sub is not ASCII", "claim-type", _of_person(sub="реrson-1")),  # noqa: RUF001 - Cyrillic
    Lie("sub holds a control character", "claim-type", _of_person(sub="person\x7f")),
    Lie("sub holds NUL", "token-malformed", _of_person(sub="person-1\0")),
    Lie("sub is absent", "claim-missing", _in_token(sub=None)),
    Lie("sub is absent from userinfo", "claim-missing", _userinfo(sub=None)),
    Lie("sub of userinfo is another's", "userinfo-subject", _userinfo(sub="person-2")),
    Lie("sub of userinfo differs in case", "userinfo-subject", _userinfo(sub="PERSON-1")),
    # Whose token it is.
    Lie("nonce of another log-in", "token-nonce", _in_token(nonce="0" * 43)),
    Lie("nonce is absent", "token-nonce", _in_token(nonce=None)),
    Lie("nonce is empty", "token-nonce", _in_token(nonce="")),
    Lie(
        "nonce is a list",
        "claim-type",
        lambda p: setattr(p, "says_in_token", lambda claims: {**claims, "nonce": [claims["nonce"]]}),
    ),
    Lie("issuer of the token is another", "token-issuer", _in_token(iss="https://login.example.com")),
    Lie("issuer of the token has a slash more", "token-issuer", lambda p: _in_token(iss=p.url + "/")(p)),
    Lie("issuer of the token is a list", "claim-type", lambda p: _in_token(iss=[p.url])(p)),
    Lie("issuer of the token is absent", "claim-missing", _in_token(iss=None)),
    Lie("audience is another client", "token-audience", _in_token(aud="payroll")),
    Lie("audience is absent", "claim-missing", _in_token(aud=None)),
    Lie("audience is empty", "token-audience", _in_token(aud=[])),
    Lie("audience is an object", "claim-type", _in_token(aud={CLIENT: True})),
    Lie("audience has others besides", "token-audience", _in_token(aud=[CLIENT, "payroll"], azp=CLIENT)),
    Lie("audience is a prefix", "token-audience", _in_token(aud=CLIENT[:-1])),
    Lie("audience holds a list", "token-audience", _in_token(aud=[[CLIENT]])),
    Lie("azp is another client", "token-audience", _in_token(azp="payroll")),
    Lie("azp is a list", "claim-type", _in_token(azp=[CLIENT])),
    Lie("at_hash of another access token", "token-hash", _in_token(at_hash=at_hash("other"))),
    Lie("at_hash is a number", "claim-type", _in_token(at_hash=1)),
    # When it counts.
    Lie("token expired an hour ago", "token-expired", _later(-HOUR, "exp")),
    Lie("token is of the next hour", "token-not-yet-valid", _later(HOUR, "iat", "exp")),
    Lie("token begins to count in an hour", "token-not-yet-valid", _later(HOUR, "nbf")),
    Lie("exp is absent", "claim-missing", _in_token(exp=None)),
    Lie("iat is absent", "claim-missing", _in_token(iat=None)),
    Lie("exp is text", "claim-type", _in_token(exp="9999999999")),
    Lie("exp is true", "claim-type", _in_token(exp=True)),
    Lie("exp is beyond all calendars", "claim-type", _in_token(exp=10**400)),
    Lie("exp is infinite", "token-malformed", _in_token(exp=float("inf"))),
    Lie("iat is below zero", "claim-type", _in_token(iat=-1)),
    # Who signed it.
    Lie("alg none", "token-algorithm", _unsigned),
    Lie("HS256 with the public key", "token-algorithm", _public_key_as_secret),
    Lie("HS256 with a secret", "token-algorithm", _client_secret_as_key),
    Lie("an algorithm that it does not publish", "token-algorithm", _signed(algorithm="RS512")),
    Lie("signed by another key under its name", "token-signature", _signed(key=private_key(which=1))),
    Lie("payload altered after signing", "token-signature", _altered),
    Lie("a key that nobody published", "token-key", _signed(kid="key-2")),
    Lie("kid is a number", "token-malformed", lambda p: setattr(p, "sign", lambda claims: _with_kid(claims, 1))),
    Lie("brings its own key", "token-key", _own_key("jwk")),
    Lie("points at its own key set", "token-key", _own_key("jku")),
    Lie("points at its own certificate", "token-key", _own_key("x5u")),
    Lie("unknown critical header", "token-malformed", lambda p: setattr(p, "sign", _critical)),
    Lie("key is for encryption", "token-key", _key(use="enc")),
    Lie("key may only sign", "token-key", _key(use=None, key_ops=["sign"])),
    Lie("key is for another algorithm", "token-key", _key(alg="PS256")),
    Lie("key has 1024 bits", "token-key", _weak_key),
    Lie("two keys, and no name", "token-key", _two_keys_without_name),
    Lie("key set is no key set", "answer-malformed", _no_keys),
    Lie("token has two segments", "token-malformed", lambda p: setattr(p, "sign", lambda _: "e30.e30")),
    Lie("token is encrypted, or looks so", "token-malformed", lambda p: setattr(p, "sign", lambda _: "a.b.c.d.e")),
    Lie("token is not ASCII", "token-missing", lambda p: setattr(p, "sign", lambda _: "é.é.é")),
    Lie("a claim twice", "token-malformed", _payload(lambda raw: raw.replace(b"{", b'{"sub": "person-9", ', 1))),
    Lie("NaN in the token", "token-malformed", _payload(lambda raw: raw.replace(b"{", b'{"x": NaN, ', 1))),
    Lie("token's payload is a list", "token-malformed", _payload(lambda raw: b"[" + raw + b"]")),
    Lie(
        "token nested 5,000 deep",
        "token-malformed",
        _payload(lambda raw: raw.replace(b"{", b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b", ", 1)),
    ),
    # What comes beside it.
    Lie("no ID token", "token-missing", _with_token(id_token=None)),
    Lie("ID token is a list", "token-missing", _with_token(id_token=["x"])),
    Lie("no access token", "answer-malformed", _with_token(access_token=None)),
    Lie("access token breaks the header", "answer-malformed", _with_token(access_token="a\r\nx: y")),
    Lie("token type is another", "token-type", _with_token(token_type="mac")),
    Lie("token type is absent", "token-type", _with_token(token_type=None)),
    Lie("code is refused", "code-refused", _breaks),
    Lie("client is refused", "client-refused", _raw(TOKEN, 401, b'{"error": "invalid_client"}')),
    Lie("token endpoint refuses in its own words", "provider-error", _raw(TOKEN, 400, b"<html>no</html>")),
    Lie("token endpoint is down", "provider-unreachable", _raw(TOKEN, 502, b"")),
    Lie("token endpoint is a page", "answer-malformed", _raw(TOKEN, 200, b"<html>")),
    Lie("token endpoint answers a list", "answer-malformed", _raw(TOKEN, 200, b"[]")),
    Lie("token endpoint redirects", "provider-redirect", _raw(TOKEN, 307, b"", location="http://127.0.0.1:1/")),
    Lie("token endpoint sends a flood", "answer-too-large", _raw(TOKEN, 200, b"[" + b" " * 300_000 + b"]")),
    Lie("token endpoint never answers", "provider-unreachable", _silent(TOKEN)),
    Lie("key set redirects", "provider-redirect", _raw(KEYS, 302, b"", location="http://127.0.0.1:1/")),
    Lie("key set never comes", "provider-unreachable", _silent(KEYS)),
    Lie("userinfo is forbidden", "provider-error", _raw(USERINFO, 403, b"{}")),
    Lie("userinfo never comes", "provider-unreachable", _silent(USERINFO)),
    Lie("userinfo says a name twice", "answer-malformed", _raw(USERINFO, 200, b'{"sub":"person-1","sub":"x"}')),
    Lie("userinfo holds NUL", "answer-malformed", _userinfo(name="\0")),
    # What the browser brings back.
    Lie("another state", "callback-state", _back(state="x" * 43)),
    Lie("no state", "callback-state", _back(state=None)),
    Lie(
        "state twice",
        "callback-malformed",
        lambda p: setattr(p, "sends_back", lambda query: {**query, "state": [query["state"], query["state"]]}),
    ),
    Lie("callback names another issuer", "callback-issuer", _back(iss="https://login.example.com")),
    Lie("callback names no issuer, though promised", "callback-issuer", _promises_issuer),
    Lie("no code", "callback-malformed", _back(code=None)),
    Lie("code is over-long", "callback-malformed", _back(code="c" * 5000)),
    Lie("code of nobody", "code-refused", _back(code="guessed")),
    Lie("cancelled there", "cancelled", _denies),
    Lie("an error of its own", "provider-error", _back(code=None, error="server_error")),
    # What it publishes of itself.
    Lie("discovery names another issuer", "discovery-issuer", _of_itself(issuer="https://login.example.com")),
    Lie("discovery names no issuer", "discovery-issuer", _of_itself(issuer=None)),
    Lie("discovery's issuer has a slash more", "discovery-issuer", lambda p: _of_itself(issuer=p.url + "/")(p)),
    Lie("discovery is a page", "answer-malformed", _raw(DISCOVERY, 200, b"<html>")),
    Lie("discovery is not there", "provider-error", _raw(DISCOVERY, 404, b"{}")),
    Lie("discovery is down", "provider-unreachable", _raw(DISCOVERY, 503, b"{}")),
    Lie("discovery redirects", "provider-redirect", _raw(DISCOVERY, 301, b"", location="http://127.0.0.1:1/")),
    Lie("discovery never comes", "provider-unreachable", _silent(DISCOVERY)),
    Lie("no token endpoint", "discovery-malformed", _of_itself(token_endpoint=None)),
    Lie("token endpoint is a list", "discovery-malformed", _of_itself(token_endpoint=["x"])),
    Lie("token endpoint over plain http", "discovery-endpoint", _of_itself(token_endpoint="http://example.com/t")),
    Lie("keys from a file", "discovery-endpoint", _of_itself(jwks_uri="file:///etc/passwd")),
    Lie("log-in page is a script", "discovery-endpoint", _of_itself(authorization_endpoint="javascript:alert(1)")),
    Lie("endpoint with a password", "discovery-endpoint", _of_itself(userinfo_endpoint="https://a:b@example.com/")),
    Lie("endpoint with a bad port", "discovery-endpoint", _of_itself(token_endpoint="https://example.com:99999/")),
    Lie("endpoint that climbs", "discovery-endpoint", lambda p: _of_itself(jwks_uri=p.url + "/a/../keys")(p)),
    Lie(
        "only shared-secret signatures",
        "discovery-algorithms",
        _of_itself(id_token_signing_alg_values_supported=["HS256", "none"]),
    ),
    Lie("algorithms are text", "discovery-malformed", _of_itself(id_token_signing_alg_values_supported="RS256")),
    Lie(
        "no client authentication that fits",
        "discovery-client-authentication",
        _of_itself(token_endpoint_auth_methods_supported=["private_key_jwt"]),
    ),
    Lie("RFC 9207 as text", "discovery-malformed", _of_itself(authorization_response_iss_parameter_supported="false")),
]


def _with_kid(claims: dict[str, Any], kid: Any) -> str:
    header = _segment(json.dumps({"alg": "RS256", "kid": kid}).encode())
    return f"{header}.{_segment(json.dumps(claims).encode())}.{_segment(b'x' * 256)}"


def _critical(claims: dict[str, Any]) -> str:
    header = _segment(json.dumps({"alg": "RS256", "kid": KID, "crit": ["exp"]}).encode())
    return f"{header}.{_segment(json.dumps(claims).encode())}.{_segment(b'x' * 256)}"


@pytest.fixture(scope="module")
def server() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def provider(server: IdentityProvider) -> Iterator[IdentityProvider]:
    """Honest until a test says otherwise."""
    server.reset()
    with oidc.use(server.sign_on(deadline_seconds=20)):
        yield server


@pytest.fixture
def victim(db: None) -> User:
    """A governance owner whose address the stranger claims."""
    return rows.member(rows.workspace(), Role.GOVERNANCE_OWNER)


def attempt(client: Client) -> Any:
    """The whole way, as far as it goes: our button, their page, our callback."""
    started = client.post("/accounts/oidc/sso/login/")
    if started.status_code != 302:
        return started
    back = urlsplit(httpx2.get(started.headers["Location"], follow_redirects=False).headers["Location"])
    return client.get(f"{back.path}?{back.query}")


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("lie", LIES if NIGHTLY else LIES[::3], ids=lambda lie: lie.name)
def test_lie_lets_nobody_in_and_joins_no_account(provider: IdentityProvider, victim: User, lie: Lie) -> None:
    before = User.objects.values().get(pk=victim.pk)
    provider.person["email"] = victim.email
    lie.tell(provider)
    client = Client(raise_request_exception=True)
    # What is waited out is known after half a second. To hear a lie takes as long as it takes on a busy machine.
    deadline = 0.5 if lie.cause == "provider-unreachable" else 20
    with capture_logs() as logged, oidc.use(provider.sign_on(deadline_seconds=deadline)):
        answer = attempt(client)
    assert answer.status_code in {200, 401, 403, 503}
    assert "You were not logged in" in answer.content.decode() or "You have no account here" in answer.content.decode()
    assert victim.email not in answer.content.decode()
    assert "_auth_user_id" not in client.session
    assert not Identity.objects.exists()
    assert User.objects.values().get(pk=victim.pk) == before
    event = AuditEvent.objects.get(event="user.login_refused")
    assert (event.outcome, event.context["cause"], event.context["method"]) == ("denied", lie.cause, "sso")
    assert event.context["address"] == "127.0.0.1"
    assert [entry["cause"] for entry in logged if entry["event"] == "sign-on refused"] == [lie.cause]
    assert not AuditEvent.objects.filter(event__in=("user.logged_in", "identity.joined")).exists()


def test_lies_are_many_and_every_cause_has_one(counted: Callable[[str], None]) -> None:
    counted(f"{len(LIES)} lies of a hostile provider, {len({lie.cause for lie in LIES})} causes")
    assert len({lie.name for lie in LIES}) == len(LIES) >= 25
    told = {lie.cause for lie in LIES}
    # The others have tests of their own, in test_single_sign_on.py and test_places.py.
    assert {*Cause, *NoEntry} - told == {Cause.TLS, Cause.BUSY, NoEntry.CLOSED, NoEntry.REMOVED, NoEntry.JOINED}


def test_honest_provider_lets_the_same_person_in(provider: IdentityProvider, victim: User) -> None:
    provider.person["email"] = victim.email
    client = Client()
    assert attempt(client).headers["Location"] == "/admin"
    assert client.session["_auth_user_id"] == str(victim.pk)


@pytest.mark.parametrize("cause", [*Cause, *NoEntry], ids=lambda cause: cause.value)
def test_cause_is_explained(cause: Cause | NoEntry) -> None:
    assert f"`{cause.value}`" in GUIDE.read_text(encoding="utf-8")
