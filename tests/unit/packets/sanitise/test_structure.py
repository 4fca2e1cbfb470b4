from __future__ import annotations

import base64
import hashlib
import html
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.packets.sanitise import SanitiseContext, sanitise
from handrail.packets.sanitise.structure import saml
from handrail.packets.sanitise.structure.terms import TERMS
from tests.factories import federation as f
from tests.factories.standins import numbered
from tests.lanes import examples

CONTEXT = SanitiseContext.of_packet(b"1" * 32, vendor=["sign.vendor.example"], identity_providers=["okta.com"])
POST = f.posted(f.response())
PAGE_IN_BASE64 = base64.b64encode(f'<input name="SAMLResponse" value="{POST}">'.encode()).decode()
TRUST = "http://schemas.xmlsoap.org/ws/2005/02/trust"
WRESULT = f'<t:RequestSecurityTokenResponse xmlns:t="{TRUST}">{f.response()}</t:RequestSecurityTokenResponse>'
GRAM = 6
JSON = "application/json"


def digests(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    """The digests of each entry."""
    result = sanitise("har/v1", f.capture(*entries), context=CONTEXT)
    assert result.data is not None, result.reasons
    made = [e.get("_handrail", {}) for e in json.loads(result.data)["log"]["entries"]]
    found: list[dict[str, Any]] = json.loads(numbered(json.dumps(made)))
    return found


def message(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = digests(f.entry(**more))[0]["saml"][0]
    return found


def test_a_saml_response_leaves_its_structure() -> None:
    assert message(post=f.form(SAMLResponse=POST, RelayState="abc")) == {
        "at": "request.postData", "in": "SAMLResponse", "kind": "Response", "version": "2.0",
        "issuer": {"of": "identity-provider", "host": "hidden1.okta.com"},
        "destination": {"of": "vendor", "host": "sign.vendor.example"},
        "id": "~text1", "in_response_to": "~text2", "status": ["Success"],
        "signed": {"message": False, "assertion": True},
        "algorithms": {"signature": ["rsa-sha256"], "digest": ["sha256"]},
        "certificates": [hashlib.sha256(base64.b64decode(f.CERTIFICATE)).hexdigest()],
        "issued_at": "2026-11-22T10:14:58Z", "issued_in": -2,
        "not_before": "2026-11-22T10:14:00Z", "begins_in": -60,
        "not_on_or_after": "2026-11-22T10:20:00Z", "ends_in": 300, "confirmation_ends_in": 300,
        "audience": [{"of": "vendor", "host": "sign.vendor.example"}],
        "recipient": {"of": "vendor", "host": "sign.vendor.example"},
        "name_id_format": "persistent", "attributes": {"count": 2, "names": ["mail"]},
        "encrypted": {"assertion": False, "name_id": False},
    }  # fmt: skip


def test_a_redirected_request_and_the_posted_answer_match() -> None:
    address = "https://acme.okta.com/sso?SAMLRequest=" + quote(f.redirected(f.request()), safe="")
    asked, answered = digests(f.entry(address), f.entry(post=f.form(SAMLResponse=POST)))

    assert asked["saml"][0]["id"] == answered["saml"][0]["in_response_to"]
    assert (asked["saml"][0]["kind"], asked["saml"][0]["force_authn"]) == ("AuthnRequest", True)
    assert asked["saml"][0]["consumer"] == {"of": "vendor", "host": "sign.vendor.example"}


def test_a_signature_beside_a_redirected_message_counts() -> None:
    algorithm = quote("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", safe="")
    address = f"https://acme.okta.com/sso?SAMLRequest={quote(f.redirected(f.request()), safe='')}&SigAlg={algorithm}"
    unsigned, signed = digests(f.entry(address), f.entry(f"{address}&Signature=abc"))

    assert not unsigned["saml"][0]["signed"]["message"]
    assert signed["saml"][0]["signed"]["message"]
    assert signed["saml"][0]["algorithms"] == {"signature": ["rsa-sha512"]}


@pytest.mark.parametrize(
    "more",
    [
        {"post": {"mimeType": "x", "params": [{"name": "SAMLResponse", "value": POST}]}},
        {"post": {"mimeType": "x", "params": [{"name": "SAMLResponse", "value": quote(POST, safe="")}]}},
        {"post": f.form(SAMLResponse="\r\n".join(POST[i : i + 76] for i in range(0, len(POST), 76)))},
        {"body": f"<form><input type='hidden' value='{POST}' name='SAMLResponse'></form>"},
        {"body": f'<INPUT NAME=SAMLResponse VALUE="{POST.replace("+", "&#43;").replace("=", "&#x3d;")}">'},
        {"response": {"content": {"mimeType": "text/html", "encoding": "base64", "text": PAGE_IN_BASE64}}},
        {"body": f"<soap><Body>{f.response()}</Body></soap>", "kind": "text/xml"},
        {"post": {"mimeType": "application/soap+xml", "text": f"<E><B>{f.response()}</B></E>"}},
        {"post": f.form(wa="wsignin1.0", wresult=WRESULT)},
        {"body": f'<input name="wresult" value="{html.escape(f.response())}">'},
    ],
    ids=["params", "encoded", "lines", "page", "escaped page", "base64", "soap", "posted soap", "wsfed", "wsfed page"],
)  # fmt: skip
def test_a_saml_message_is_found_wherever_it_stands(more: Any) -> None:
    found = message(**more)

    assert found["ends_in"] == 300
    assert found["issuer"]["of"] == "identity-provider"


@pytest.mark.parametrize(
    ("changed", "key", "value"),
    [
        ({"status": "Responder", "sub": "AuthnFailed"}, "status", ["Responder", "AuthnFailed"]),
        ({"status": "acme-secret"}, "status", ["other"]),
        ({"begins": "2026-11-22T10:18:00+01:00"}, "begins_in", -3420),
        ({"begins": "soon"}, "begins_in", None),
        ({"issuer": "urn:acme:idp"}, "issuer", {"of": "other"}),
        ({"issuer": "https://10.0.0.7/idp"}, "issuer", {"of": "internal", "host": "private1"}),
        ({"issuer": "https://acme<!-- -->.signing.net"}, "issuer", {"of": "other", "host": "hidden1.hidden2.net"}),
        ({"audience": "https://wiki.corp"}, "audience", [{"of": "internal", "host": "wiki.corp"}]),
        ({"name": "acme-name"}, "attributes", {"count": 2, "names": []}),
    ],
)  # fmt: skip
def test_a_saml_response_leaves_known_words_only(changed: dict[str, str], key: str, value: Any) -> None:
    assert message(post=f.form(SAMLResponse=f.posted(f.response(**changed)))).get(key) == value


DEEP = "<a>" * 400 + "</a>" * 400
LAUGHS = '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><r>&b;</r>'


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", None),
        ("~", "not-base64"),
        ("a", "not-base64"),
        ("c2VjcmV0", "not-deflate"),
        (f.posted("<a><b></a>"), "not-xml"),
        (f.posted(LAUGHS), "dtd"),
        (f.posted('<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>'), "dtd"),
        (f.posted(DEEP), "not-xml"),
        (f.posted("<html/>"), "not-saml"),
        (base64.b64encode("<r>é</r>".encode("utf-16")).decode(), "not-deflate"),
        (f.posted("<r>" + "a" * saml.MAX_BYTES + "</r>"), "too-large"),
        (f.redirected(b"<r>" + b"a" * 40_000_000), "too-large"),
        (f.posted(f.response())[:-9], "not-xml"),
    ],
)  # fmt: skip
def test_a_malformed_message_says_why(value: str, why: str | None) -> None:
    made = digests(f.entry(post=f.form(SAMLResponse=value)))[0].get("saml")

    unreadable = {"at": "request.postData", "in": "SAMLResponse", "unreadable": True, "why": why}
    assert made == ([unreadable] if why else None)


def test_many_bombs_are_not_all_inflated() -> None:
    bombs = [f.redirected(b"<r>" + bytes([65 + n % 26]) * 250_000 + str(n).encode() + b"</r>") for n in range(200)]

    made = digests(*[f.entry(post=f.form(SAMLRequest=bomb)) for bomb in bombs])

    assert [d["saml"][0]["why"] for d in made][0::199] == ["not-saml", "too-many"]


CLAIMS = {
    "iss": "https://acme.okta.com/oauth2/default", "iat": f.NOW - 20, "nbf": f.NOW - 20, "exp": f.NOW + 280,
    "aud": ["a-client", "b-client"], "scope": "openid profile email", "sub": "jo.doe", "acme": "acme-secret",
}  # fmt: skip
TOKEN = f.token({"alg": "RS256", "typ": "JWT", "kid": "acme-key-7", "acme": 1}, CLAIMS)
STRUCTURE = {
    "form": "JWS", "alg": "RS256", "typ": "JWT", "header": ["alg", "kid", "typ"], "other_parameters": 1,
    "kid": "~text1",
    "issuer": {"of": "identity-provider", "host": "hidden1.okta.com"}, "age": 20, "begins_in": -20, "expires_in": 280,
    "audiences": 2, "scopes": 3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"headers": [{"name": "Authorization", "value": f"Bearer {TOKEN}"}]}, ("request.headers", "authorization")),
        ({"headers": [{"name": "Cookie", "value": f"a=1; session={TOKEN}"}]}, ("request.headers", "cookie")),
        ({"answer": [{"name": "Set-Cookie", "value": f"s={TOKEN}; Secure"}]}, ("response.headers", "set-cookie")),
        ({"answer": [{"name": "X-Acme", "value": TOKEN}]}, ("response.headers", None)),
        ({"url": f"https://sign.vendor.example/cb?id_token={TOKEN}"}, ("request.url", "id_token")),
        ({"url": f"https://sign.vendor.example/cb#access_token={TOKEN}&state=a"}, ("request.url", "access_token")),
        ({"post": f.form(client_assertion=TOKEN)}, ("request.postData", "client_assertion")),
        ({"body": json.dumps({"id_token": TOKEN}), "kind": JSON}, ("response.content", "id_token")),
        ({"answer": [{"name": "Location", "value": f"/cb#id_token={TOKEN}"}]}, ("response.headers", "id_token")),
    ],
)
def test_a_jwt_leaves_its_structure(more: Any, where: tuple[str, str | None]) -> None:
    made = digests(f.entry(**more))[0]["jwt"]

    assert made == [{"at": where[0]} | ({"in": where[1]} if where[1] else {}) | STRUCTURE]


@pytest.mark.parametrize(
    "text", ["", "c2VjcmV0", "MAA=", "not base64", base64.b64encode(b"0\x82" + bytes(300)).decode()]
)
def test_what_is_no_certificate_has_no_fingerprint(text: str) -> None:
    made = message(post=f.form(SAMLResponse=f.posted(f.response().replace(f.CERTIFICATE, text))))

    assert "certificates" not in made


@pytest.mark.parametrize(
    ("known", "shown"), [({"acme-key-7"}, "acme-key-7"), ({"acme-key-8"}, "~text1"), (set(), "~text1")]
)
def test_the_id_of_a_key_stays_only_if_the_packet_shows_it(known: set[str], shown: str) -> None:
    context = SanitiseContext.of_packet(b"1" * 32, key_ids=known)
    signed = f.response().replace("<d:KeyInfo>", "<d:KeyInfo><d:KeyName>acme-key-7</d:KeyName>")
    data = f.capture(
        f.entry(
            headers=[{"name": "Authorization", "value": f"Bearer {TOKEN}"}], post=f.form(SAMLResponse=f.posted(signed))
        )
    )

    result = sanitise("har/v1", data, context=context)

    assert result.data is not None, result.reasons
    made = json.loads(result.data)["log"]["entries"][0]["_handrail"]
    assert {numbered(made["jwt"][0]["kid"]), numbered(made["saml"][0]["key_name"])} == {shown}


@pytest.mark.parametrize(
    ("header", "claims", "expected"),
    [
        ({"alg": "none"}, {}, {"form": "JWS", "alg": "none", "header": ["alg"]}),
        ({"alg": "acme"}, {"exp": "soon", "iat": 1e300, "aud": 7}, {"form": "JWS", "alg": "other", "header": ["alg"]}),
        ({"alg": "RS256"}, [1], {"form": "JWS", "alg": "RS256", "header": ["alg"]}),
        ({"alg": ["x"], "typ": {}}, {"iss": "x" * 5000},
         {"form": "JWS", "alg": "other", "typ": "other", "header": ["alg", "typ"]}),
    ],
)  # fmt: skip
def test_an_odd_jwt_leaves_known_words_only(header: Any, claims: Any, expected: dict[str, Any]) -> None:
    made = digests(f.entry(headers=[{"name": "A", "value": f.token(header, claims)}]))[0]["jwt"][0]

    assert made == {"at": "request.headers"} | expected


def test_an_encrypted_jwt_leaves_its_header() -> None:
    sealed = f.token({"alg": "RSA-OAEP", "enc": "A256GCM"}, {}).rsplit(".", 1)[0] + ".aaaa.bbbb.cccc"

    made = digests(f.entry(headers=[{"name": "A", "value": sealed}]))[0]["jwt"][0]

    assert made == {
        "at": "request.headers",
        "form": "JWE",
        "alg": "RSA-OAEP",
        "enc": "A256GCM",
        "header": ["alg", "enc"],
    }


@pytest.mark.parametrize(
    "text", ["eyJ", "eyJhbGciOiJub25lIn0", "eyJhbGciOiJub25lIn0.x", "eyJ.eyJ.eyJ", "eyJ9999.a.b", "eyJ" * 5000]
)
def test_what_is_no_jwt_leaves_nothing(text: str) -> None:
    assert digests(f.entry(headers=[{"name": "Authorization", "value": text}])) == [{}]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"url": "https://sign.vendor.example/cb?error=access_denied&error_description=acme"},
         {"at": "request.url", "error": "access_denied", "described": True}),
        ({"url": "https://sign.vendor.example/cb#error=login_required&state=s"},
         {"at": "request.url", "error": "login_required", "described": False}),
        ({"url": "https://sign.vendor.example/cb?error=acme-secret&state=s"},
         {"at": "request.url", "error": "other", "described": False}),
        ({"response": {"redirectURL": "/cb?error=server_error"}},
         {"at": "response.redirectURL", "error": "server_error", "described": False}),
        ({"answer": [{"name": "WWW-Authenticate", "value": 'Bearer error="invalid_token", error_description="acme"'}]},
         {"at": "response.headers", "error": "invalid_token", "described": True}),
        ({"body": '{"error": "invalid_grant", "error_description": "AADSTS50105: acme", "acme": 1}', "kind": JSON},
         {"at": "response.content", "error": "invalid_grant", "described": True, "code": "AADSTS50105",
          "keys": ["error", "error_description"], "other_keys": 1}),
        ({"body": '{"access_token": "abcdefgh", "token_type": "Bearer", "expires_in": 3600}', "kind": JSON},
         {"at": "response.content", "keys": ["access_token", "expires_in", "token_type"], "token_type": "bearer",
          "expires_in": 3600}),
    ],
)  # fmt: skip
def test_an_oauth_answer_leaves_its_code_and_known_keys(more: Any, expected: dict[str, Any]) -> None:
    assert digests(f.entry(**more))[0]["oauth"] == [expected]


def test_an_error_of_no_log_in_leaves_nothing() -> None:
    assert digests(f.entry("https://ads.example.com/pixel?error=acme-secret")) == [{}]


@pytest.mark.parametrize(
    "body", ['{"error":', '["error"]', '{"a": "\\"error\\""}', "[" * 100_000, '{"error": {"code": 1}}', ""]
)
def test_any_other_json_leaves_nothing_of_an_error(body: str) -> None:
    made = digests(f.entry(body=body, kind=JSON))[0].get("oauth", [])

    assert all("error" not in one for one in made)


VALUES = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=12, max_size=30).filter(
    lambda s: len({*s.lower()}) > GRAM
)


@given(secret=VALUES, key=st.sampled_from([
    "id", "request", "status", "sub", "user", "role", "name", "signature", "value", "begins", "destination", "issuer",
    "audience",
]))  # fmt: skip
@settings(max_examples=examples(40), deadline=None)
def test_no_six_characters_of_a_value_in_a_saml_message_leave(secret: str, key: str) -> None:
    planted = f"https://{secret}.example.net/{secret}" if key in {"destination", "issuer", "audience"} else secret
    result = sanitise(
        "har/v1", f.capture(f.entry(post=f.form(SAMLResponse=f.posted(f.response(**{key: planted}))))), context=CONTEXT
    )

    assert six_of(secret, result.data) == []


@given(secret=VALUES, key=st.sampled_from(["kid", "typ", "alg", "sub", "iss", "aud", "scope", "acme", "exp"]))
@settings(max_examples=examples(40), deadline=None)
def test_no_six_characters_of_a_value_in_a_jwt_leave(secret: str, key: str) -> None:
    jwt = f.token({"alg": "RS256", key: secret}, {"iss": "https://a.okta.com", key: secret})
    result = sanitise("har/v1", f.capture(f.entry(headers=[{"name": "Authorization", "value": jwt}])), context=CONTEXT)

    assert six_of(secret, result.data) == []


def six_of(secret: str, data: bytes | None) -> list[str]:
    """Its parts that stand in ``data``, but for those that our own words have."""
    hay, ours = (data or b"").decode().lower(), "\n".join(TERMS).lower()
    parts = {secret[i : i + GRAM].lower() for i in range(len(secret) - GRAM + 1)}
    return [part for part in parts if part in hay and part not in ours]


@given(st.text(max_size=200), st.binary(max_size=200))
@settings(max_examples=examples(100), deadline=None)
def test_any_value_is_survived(text: str, raw: bytes) -> None:
    value = base64.b64encode(raw).decode()
    token = f"eyJ{value}.{value}.{text}"
    post = {
        "mimeType": "application/x-www-form-urlencoded",
        "params": [{"name": "SAMLResponse", "value": value}],
        "text": text,
    }

    sanitise("har/v1", f.capture(f.entry(f"https://a/{text}?SAMLRequest={value}#{token}", post=post, body=text)))
