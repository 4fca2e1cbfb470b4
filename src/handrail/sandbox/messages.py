"""The messages of the practice log-in as products write them: SAML requests and responses, tokens of OAuth.

Signatures, ids and names are planted secrets (``plants.Plants``); certificates are the published ones.
"""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from handrail.sandbox import federation
from handrail.sandbox.plants import Plants

SUCCESS, RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Success", "urn:oasis:names:tc:SAML:2.0:status:Responder"
AUTHN_FAILED = "urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"
APP, AUDIENCE = "https://app.alder.example", "https://app.alder.example/saml/metadata"
_NAMES = 'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
_VALID = timedelta(minutes=5)
# The key with which the vendor's service signs since 07:58: no metadata names it.
KEY_ID = "kid-2026-12"
# The identity provider's clock is this far ahead: assertions begin to be valid only after they have arrived.
SKEW = timedelta(seconds=97)


@dataclass(frozen=True, slots=True)
class SamlAnswer:
    """``sub_status``: the second-level code, empty for none. ``assertion``: whether one is inside, signed."""

    status: str = SUCCESS
    sub_status: str = ""
    assertion: bool = True


def request(p: Plants, n: int, at: datetime) -> str:
    """An AuthnRequest as the redirect binding carries it: deflated, in base64."""
    text = (
        f'<samlp:AuthnRequest {_NAMES} ID="_{p.hexadecimal(f"AuthnRequest id {n}")}" Version="2.0"'
        f' IssueInstant="{_instant(at)}" Destination="https://idp.alder.example/saml/sso"'
        f' AssertionConsumerServiceURL="{APP}/saml/acs"'
        ' ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
        f"<saml:Issuer>{AUDIENCE}</saml:Issuer>"
        '<samlp:NameIDPolicy Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" AllowCreate="true"/>'
        f"<saml:Subject><saml:NameID>{p.opaque(f'AuthnRequest name id {n}')}</saml:NameID></saml:Subject>"
        "</samlp:AuthnRequest>"
    )
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    return base64.b64encode(packed.compress(text.encode()) + packed.flush()).decode()


def response(p: Plants, n: int, at: datetime, answer: SamlAnswer) -> str:
    """A Response as the POST binding carries it, in base64."""
    inner = f'<samlp:StatusCode Value="{answer.sub_status}"/>' if answer.sub_status else ""
    issued = _instant(at + SKEW)
    text = (
        f'<samlp:Response {_NAMES} ID="_{p.hexadecimal(f"Response id {n}")}" Version="2.0" IssueInstant="{issued}"'
        f' Destination="{APP}/saml/acs" InResponseTo="_{p.hexadecimal(f"AuthnRequest id {n}")}">'
        f"<saml:Issuer>{federation.ENTITY_ID}</saml:Issuer>"
        f'<samlp:Status><samlp:StatusCode Value="{answer.status}">{inner}</samlp:StatusCode></samlp:Status>'
        f"{_assertion(p, n, at) if answer.assertion else ''}</samlp:Response>"
    )
    return base64.b64encode(text.encode()).decode()


def _assertion(p: Plants, n: int, at: datetime) -> str:
    begins, ends = _instant(at + SKEW), _instant(at + SKEW + _VALID)
    ident = p.hexadecimal(f"assertion id {n}")
    return (
        f'<saml:Assertion ID="_{ident}" Version="2.0" IssueInstant="{begins}">'
        f"<saml:Issuer>{federation.ENTITY_ID}</saml:Issuer>{_signature(p, n, ident)}"
        "<saml:Subject>"
        '<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">'
        f"{p.opaque(f'Response name id {n}')}</saml:NameID>"
        '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f'<saml:SubjectConfirmationData NotOnOrAfter="{ends}" Recipient="{APP}/saml/acs"/>'
        "</saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}"><saml:AudienceRestriction>'
        f"<saml:Audience>{AUDIENCE}</saml:Audience></saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{begins}" SessionIndex="_{p.hexadecimal(f"session index {n}")}">'
        "<saml:AuthnContext><saml:AuthnContextClassRef>"
        "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
        '<saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3" FriendlyName="mail">'
        f"<saml:AttributeValue>{p.marked(f'mail {n}')}@alder.example</saml:AttributeValue></saml:Attribute>"
        "</saml:AttributeStatement></saml:Assertion>"
    )


def _signature(p: Plants, n: int, ident: str) -> str:
    certificate = "".join(federation.SIGNING.split())
    return (
        '<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo>'
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>'
        f'<ds:Reference URI="#_{ident}"><ds:Transforms>'
        '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{p.opaque(f'digest value {n}')}=</ds:DigestValue></ds:Reference></ds:SignedInfo>"
        f"<ds:SignatureValue>{p.opaque(f'signature value {n}')}{p.opaque(f'signature value, end {n}')}"
        "</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:KeyName>{KEY_ID}</ds:KeyName><ds:X509Data><ds:X509Certificate>{certificate}"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>"
    )


def token(p: Plants, place: str, at: datetime) -> str:
    """A signed token (JWT) of an hour; what it says of its subject is a secret too."""
    head = {"alg": "ES256", "typ": "JWT", "kid": p.opaque(f"{place} key id")[:12]}
    claims = {
        "iss": "https://idp.alder.example",
        "aud": "app",
        "sub": p.opaque(f"{place} subject"),
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=1)).timestamp()),
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=")
        for part in (head, claims)
    ]
    return p.keep(place, ".".join([*parts, p.opaque(f"{place} signature")]))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
