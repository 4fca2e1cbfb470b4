"""A federated log-in as captures and traces hold it: SAML messages, JWTs and OAuth answers, with what they carry."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any
from urllib.parse import quote

from handrail.sandbox.federation import SIGNING

AT = "2026-11-22T10:15:00.000Z"
NOW = 1795342500  # the same, in seconds
P, A = "urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
CERTIFICATE = "".join(SIGNING.split())


def response(**changed: str) -> str:
    """A signed SAML response of an identity provider to the vendor, in which ``changed`` stands for what it carries."""
    v = {
        "id": "_resp-1", "request": "_req-1", "issuer": "https://acme.okta.com/entity", "status": "Success",
        "user": "jo.doe@victim.example", "audience": "https://sign.vendor.example", "role": "auditor", "sub": "",
        "destination": "https://sign.vendor.example/acs", "signature": "c2lnbmF0dXJlLW9mLXRoZS1tZXNzYWdl",
        "value": "", "begins": "2026-11-22T10:14:00Z", "ends": "2026-11-22T10:20:00Z", "name": "mail",
    } | changed  # fmt: skip
    sub = f'<p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{v["sub"]}"/>' if v["sub"] else ""
    return f"""<p:Response xmlns:p="{P}" xmlns:a="{A}" ID="{v["id"]}" InResponseTo="{v["request"]}" Version="2.0"
 IssueInstant="2026-11-22T10:14:58Z" Destination="{v["destination"]}"><a:Issuer>{v["issuer"]}</a:Issuer>
<p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{v["status"]}">{sub}</p:StatusCode></p:Status>
<a:Assertion ID="_a-1" Version="2.0" IssueInstant="2026-11-22T10:14:58Z"><a:Issuer>{v["issuer"]}</a:Issuer>
<d:Signature xmlns:d="{DS}"><d:SignedInfo>
<d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/><d:Reference>
<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>{v["value"]}</d:DigestValue>
</d:Reference></d:SignedInfo><d:SignatureValue>{v["signature"]}</d:SignatureValue><d:KeyInfo><d:X509Data>
<d:X509Certificate>{CERTIFICATE}</d:X509Certificate></d:X509Data></d:KeyInfo></d:Signature>
<a:Subject><a:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{v["user"]}</a:NameID>
<a:SubjectConfirmation><a:SubjectConfirmationData InResponseTo="{v["request"]}" Recipient="{v["destination"]}"
 NotOnOrAfter="{v["ends"]}"/></a:SubjectConfirmation></a:Subject>
<a:Conditions NotBefore="{v["begins"]}" NotOnOrAfter="{v["ends"]}"><a:AudienceRestriction>
<a:Audience>{v["audience"]}</a:Audience></a:AudienceRestriction></a:Conditions>
<a:AttributeStatement><a:Attribute Name="{v["name"]}"><a:AttributeValue>{v["role"]}</a:AttributeValue></a:Attribute>
<a:Attribute Name="acme-secret-name"><a:AttributeValue>{v["role"]}</a:AttributeValue></a:Attribute>
</a:AttributeStatement></a:Assertion></p:Response>"""


def request(ident: str = "_req-1") -> str:
    return (
        f'<p:AuthnRequest xmlns:p="{P}" xmlns:a="{A}" ID="{ident}" Version="2.0" IssueInstant="2026-11-22T10:14:50Z" '
        'Destination="https://acme.okta.com/sso" AssertionConsumerServiceURL="https://sign.vendor.example/acs" '
        'ForceAuthn="1"><a:Issuer>https://sign.vendor.example</a:Issuer></p:AuthnRequest>'
    )


def posted(xml: str) -> str:
    return base64.b64encode(xml.encode()).decode()


def redirected(xml: str | bytes) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = xml.encode() if isinstance(xml, str) else xml
    return base64.b64encode(packer.compress(raw) + packer.flush()).decode()


def token(header: Any, claims: Any, signature: str = "c2lnbmF0dXJlLW9mLXRoZS10b2tlbg") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, signature])


def entry(url: str = "https://sign.vendor.example/acs", **more: Any) -> dict[str, Any]:
    """A HAR entry; ``post``, ``headers``, ``answer`` (its headers), ``body`` and ``kind`` fill its places."""
    asked: dict[str, Any] = {"method": "GET", "url": url, "headers": more.get("headers", [])}
    if "post" in more:
        asked |= {"method": "POST", "postData": more["post"]}
    content = {"mimeType": more.get("kind", "text/html"), "text": more.get("body", "")}
    answered = {"status": 200, "headers": more.get("answer", []), "content": content}
    return {"startedDateTime": AT, "request": asked, "response": answered | more.get("response", {})}


def form(**fields: str) -> dict[str, Any]:
    text = "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())
    return {"mimeType": "application/x-www-form-urlencoded", "text": text}


def capture(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"log": {"entries": list(entries)}}).encode()
