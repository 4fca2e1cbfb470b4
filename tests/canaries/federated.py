# ruff: noqa: E501  one element or member a line reads better than wrapped
"""Captures of a federation log-in whose messages have a canary in every place: SAML, tokens, OAuth's answers."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape, quoteattr

from tests.canaries.kinds import Canary
from tests.canaries.planting import Canaries
from tests.canaries.shapes import base64url

_SIGNED = 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
_NAMES = (
    'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ' + _SIGNED
)
_AT = "2026-11-22T10:15:02Z"


class _Xml:
    """Elements and attributes that each hold a canary."""

    def __init__(self, p: Canaries, of: str) -> None:
        self._p, self._of = p, of

    def text(self, place: str) -> str:
        return escape(self._p(f"{self._of} {place}"))

    def attribute(self, name: str) -> str:
        return f"{name}={quoteattr(self._p(f'{self._of} @{name}'))}"

    def element(self, name: str, *attributes: str, inner: str | None = None) -> str:
        said = " ".join(self.attribute(one) for one in attributes)
        return f"<{name} {said}>{self.text(name) if inner is None else inner}</{name}>"


def response(p: Canaries, of: str) -> bytes:
    """A Response in which whatever can be chosen is a canary; only what makes it one is as it must be."""
    x = _Xml(p, of)
    signature = x.element(
        "ds:Signature",
        inner=x.element(
            "ds:SignedInfo",
            inner=x.element("ds:SignatureMethod", "Algorithm")
            + x.element("ds:Reference", "URI")
            + x.element("ds:DigestValue"),
        )
        + x.element("ds:SignatureValue")
        + x.element(
            "ds:KeyInfo",
            inner=x.element("ds:KeyName")
            + x.element("ds:X509Data", inner=x.element("ds:X509Certificate") + x.element("ds:X509SubjectName")),
        ),
    )
    subject = x.element(
        "saml:Subject",
        inner=x.element("saml:NameID", "Format", "NameQualifier", "SPNameQualifier")
        + x.element(
            "saml:SubjectConfirmation",
            "Method",
            inner=x.element("saml:SubjectConfirmationData", "Recipient", "InResponseTo", "Address"),
        ),
    )
    conditions = f'<saml:Conditions NotBefore="{_AT}" {x.attribute("NotOnOrAfter")}>' + x.element(
        "saml:AudienceRestriction", inner=x.element("saml:Audience")
    ) + "</saml:Conditions>"  # fmt: skip
    statements = x.element(
        "saml:AuthnStatement", "SessionIndex", "AuthnInstant",
        inner=x.element("saml:SubjectLocality", "Address", "DNSName") + x.element("saml:AuthnContext", inner=x.element("saml:AuthnContextClassRef")),
    ) + x.element("saml:AttributeStatement", inner=x.element("saml:Attribute", "Name", "FriendlyName", inner=x.element("saml:AttributeValue")))  # fmt: skip
    assertion = x.element(
        "saml:Assertion",
        "ID",
        "IssueInstant",
        inner=x.element("saml:Issuer") + signature + subject + conditions + statements,
    )
    status = x.element(
        "samlp:Status",
        inner=x.element("samlp:StatusCode", "Value", inner=x.element("samlp:StatusCode", "Value"))
        + x.element("samlp:StatusMessage")
        + x.element("samlp:StatusDetail"),
    )
    said = " ".join(x.attribute(name) for name in ("ID", "InResponseTo", "Destination", "Consent", "IssueInstant"))
    body = (
        x.element("saml:Issuer", "Format")
        + signature
        + status
        + assertion
        + f"<!-- {x.text('comment').replace('--', '')} -->"
    )
    return f'<samlp:Response {_NAMES} Version="2.0" {said}>{body}</samlp:Response>'.encode()


def token(p: Canaries, of: str) -> str:
    """A JWT with a canary in each parameter and claim that can be chosen, and in the names of two."""
    head = {name: p(f"{of} header {name}") for name in ("kid", "typ", "cty", "jku", "x5t")} | {
        "alg": "RS256",
        p(f"{of} header name"): 1,
    }
    claims = {
        name: p(f"{of} claim {name}") for name in ("iss", "sub", "aud", "jti", "email", "scope", "nonce", "azp", "tid")
    }
    return ".".join(
        [
            base64url(head),
            base64url({**claims, p(f"{of} claim name"): 1, "exp": 1795161723}),
            base64url(p(f"{of} signature").encode()),
        ]
    )


def capture(seed: str) -> tuple[bytes, list[Canary]]:
    """All of it in one capture, by each way that messages travel."""
    p = Canaries(f"{seed}/federated")
    posted = base64.b64encode(response(p, "posted")).decode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = base64.b64encode(packer.compress(response(p, "redirected")) + packer.flush()).decode()
    query = urlencode(
        {"SAMLResponse": packed, "RelayState": p("relay"), "SigAlg": p("algorithm"), "Signature": p("signature")}
    )
    problem = {
        "error": p("error"),
        "error_description": p("description"),
        "error_uri": p("uri"),
        p("member"): 1,
        "token_type": p("token type"),
        "scope": p("scope"),
    }
    page = f'<form action="https://app.example.com/{quote(p("action"))}"><input type="hidden" name="SAMLResponse" value="{base64.b64encode(response(p, "page")).decode()}"><input type="hidden" name="RelayState" value={quoteattr(p("page relay"))}></form>'
    fragment = f"#id_token={token(p, 'fragment')}&state={quote(p('fragment state'))}&error={quote(p('fragment error'))}"
    entries = [
        _entry("https://app.example.com/saml/acs", post={"mimeType": "application/x-www-form-urlencoded", "text": urlencode({"SAMLResponse": posted, "RelayState": p("posted relay")})}),
        _entry(f"https://app.example.com/saml/acs?{query}"),
        _entry("https://idp.example.com/sso", body=page, kind="text/html"),
        _entry("https://idp.example.com/oauth2/token", status=400, body=json.dumps(problem), kind="application/json"),
        _entry("https://idp.example.com/oauth2/token", body=json.dumps({"access_token": token(p, "access"), "id_token": token(p, "id"), "token_type": "Bearer"}), kind="application/json"),
        _entry("https://api.example.com/v1/me", headers={"authorization": f"Bearer {token(p, 'bearer')}", "dpop": token(p, "proof")}, status=401, answers={"www-authenticate": f'Bearer realm="{p("realm")}", error="{p("challenge")}", error_description="{p("challenge text")}"'}),
        _entry(f"https://app.example.com/callback?error={quote(p('query error'))}&error_description={quote(p('query description'))}&state={quote(p('query state'))}{fragment}"),
        _entry("https://sts.example.com/adfs/ls", post={"mimeType": "application/soap+xml", "text": response(p, "soap").decode()}),
    ]  # fmt: skip
    return json.dumps(
        {"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "entries": entries}}
    ).encode(), p.all


def _entry(
    url: str,
    *,
    status: int = 200,
    post: dict[str, Any] | None = None,
    body: str = "",
    kind: str = "text/html",
    headers: dict[str, str] | None = None,
    answers: dict[str, str] | None = None,
) -> dict[str, Any]:
    def pairs(found: dict[str, str] | None) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in (found or {}).items()]

    request = {"method": "POST" if post else "GET", "url": url, "httpVersion": "h2", "headers": pairs(headers)}
    response_ = {
        "status": status,
        "headers": pairs(answers),
        "content": {"size": len(body), "mimeType": kind, "text": body},
    }
    return {
        "startedDateTime": "2026-11-22T10:15:03Z",
        "time": 5,
        "request": request | ({"postData": post} if post else {}),
        "response": response_,
    }
