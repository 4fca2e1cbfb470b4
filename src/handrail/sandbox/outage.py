"""The practice outage: a customer's federated log-in fails, and the vendor's signing service seems to be the reason.

Records as their owners keep them, with what must never leave: internal notes, private numbers, tokens in captures.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from handrail.sandbox.faults import CANARY

Record = dict[str, Any]
CASE, TENANT, VENDOR = "CASE-7001", "ten_alder", "signing-co"
ENTITY_ID = "https://idp.alder.example/saml"


def _entry(at: str, kind: str, visibility: str, text: str) -> Record:
    return {"at": at, "kind": kind, "visibility": visibility, "text": text}


def case() -> Record:
    return {
        "id": CASE,
        "tenant_id": TENANT,
        "vendor": VENDOR,
        "revision": 1,
        "title": "Federated log-in fails for all users",
        "state": "open",
        "timeline": [
            _entry("2026-11-20T07:58:00Z", "impact-start", "vendor", "Federated log-in began to fail for all users."),
            _entry("2026-11-20T08:04:00Z", "note", "internal", f"Customer threatens to leave. {CANARY}internal"),
            _entry("2026-11-20T08:10:00Z", "observation", "vendor", "Assertions carry an unknown signing key id."),
            _entry("2026-11-20T08:31:00Z", "bridge", "vendor", "Bridge call opened with identity operations."),
            _entry("2026-11-20T08:40:00Z", "bridge", "internal", f"Bridge PIN {CANARY}pin was shared."),
            _entry("2026-11-20T09:12:00Z", "impact-end", "vendor", "Log-in works again on the old signing key."),
        ],
    }


def roster() -> Record:
    return {
        "vendor": VENDOR,
        "revision": 1,
        "items": [
            {"name": "Intake desk", "email": "intake@signing-co.example", "scope": "vendor-intake", "approved": True},
            {"name": "Ada Quill", "email": "ada@handrail.example", "scope": "vendor-intake", "approved": True},
            {"name": "Night line", "phone": f"{CANARY}phone", "scope": "private", "approved": False},
        ],
    }


def vendor_tickets() -> Record:
    items = [{"reference": "SC-20417", "case": CASE, "state": "closed", "at": "2026-08-02T10:00:00Z"}]
    return {"revision": 1, "items": items}


def hold_history() -> Record:
    held = {"case": CASE, "code": "unsanitised-artifact", "cleared_by": "privacy@handrail.example"}
    return {"revision": 1, "items": [{**held, "at": "2026-08-02T09:30:00Z", "reason": "Rebuilt by the sanitiser."}]}


def plans() -> Record:
    rows = {"premium-support": "SC-PREMIUM", "standard-support": "SC-STANDARD"}
    return {"vendor": VENDOR, "revision": 1, "rows": rows}


def inventory() -> Record:
    item = {"id": "conn_alder_saml", "tenant": TENANT, "kind": "saml-idp", "entity_id": ENTITY_ID, "state": "active"}
    return {"revision": 1, "items": [{**item, "signing_key_id": "kid-2026-10", "client_secret": f"{CANARY}client"}]}


def metadata(entity_id: str = ENTITY_ID) -> str:
    """The identity provider's SAML metadata, as its operator publishes it."""
    certificate = base64.b64encode(b"practice estate, not a certificate").decode()
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity_id}"'
        ' validUntil="2027-11-20T00:00:00Z">\n'
        '  <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">\n'
        '    <md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f"<ds:KeyName>kid-2026-10</ds:KeyName><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\n"
        "    <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>\n"
        '    <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'
        ' Location="https://idp.alder.example/saml/sso"/>\n'
        "  </md:IDPSSODescriptor>\n</md:EntityDescriptor>\n"
    )


def _pairs(**values: str) -> list[Record]:
    return [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]


def _har_entry(
    second: int, method: str, url: str, status: int, *, wait: float, sent: str = "", got: str = ""
) -> Record:
    request: Record = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/2",
        "headers": _pairs(accept="text/html", authorization=f"Bearer {CANARY}har-bearer", x_trace=f"{CANARY}har-trace"),
        "cookies": _pairs(session=f"{CANARY}har-cookie"),
        "queryString": _pairs(state=f"{CANARY}har-state") if "?" in url else [],
        "headersSize": 412,
        "bodySize": len(sent),
    }
    if sent:
        request["postData"] = {"mimeType": "application/x-www-form-urlencoded", "text": sent}
    content: Record = {"size": len(got), "mimeType": "text/html", "text": got}
    return {
        "startedDateTime": f"2026-11-20T08:02:{second:02}.250Z",
        "time": wait + 2,
        "request": request,
        "response": {
            "status": status,
            "statusText": "",
            "httpVersion": "HTTP/2",
            "headers": _pairs(content_type="text/html", set_cookie=f"session={CANARY}har-set-cookie"),
            "cookies": _pairs(session=f"{CANARY}har-set-cookie"),
            "content": content,
            "redirectURL": f"https://app.alder.example/cb#token={CANARY}har-fragment" if status == 302 else "",
            "headersSize": 301,
            "bodySize": len(got),
        },
        "cache": {},
        "timings": {"send": 1, "wait": wait, "receive": 1},
        "_initiator": {"type": "script", "stack": {"callFrames": [{"url": f"https://x.example/{CANARY}har-stack"}]}},
    }


def har() -> bytes:
    """A browser's capture of a failing log-in, with a secret in every place where captures have them."""
    assertion = base64.b64encode(
        f"<samlp:Response><Secret>{CANARY}har-saml</Secret></samlp:Response>".encode()
    ).decode()
    sso = f"https://idp.alder.example/saml/sso?state={CANARY}har-state&SAMLRequest={assertion}"
    acs = "https://app.alder.example/saml/acs"
    entries = [
        _har_entry(1, "GET", f"https://app.alder.example/login?code={CANARY}har-code", 302, wait=48.0),
        _har_entry(2, "GET", sso, 200, wait=210.5, got=f"<form><input value='{assertion}'></form>"),
        _har_entry(3, "POST", acs, 500, wait=1830.0, sent=f"SAMLResponse={assertion}", got=f"key {CANARY}har-body"),
    ]
    log = {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": [], "entries": entries}
    return json.dumps({"log": log}).encode()


def trace() -> bytes:
    """A trace of the same log-in as OTLP/JSON."""
    attributes = [
        {"key": "http.response.status_code", "value": {"intValue": "500"}},
        {"key": "http.request.header.authorization", "value": {"stringValue": f"Bearer {CANARY}otlp"}},
        {"key": "enduser.id", "value": {"stringValue": f"{CANARY}otlp-user"}},
    ]
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "verify-assertion",
        "kind": 3,
        "startTimeUnixNano": "1795161723250000000",
        "endTimeUnixNano": "1795161725080000000",
        "attributes": attributes,
        "status": {"code": 2, "message": f"signature of unknown key, token {CANARY}otlp-status"},
    }
    name = {"key": "service.name", "value": {"stringValue": "sso-gateway"}}
    scopes = [{"scope": {"name": "gateway"}, "spans": [span]}]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": [name]}, "scopeSpans": scopes}]}).encode()


def attachments() -> dict[str, tuple[str, str, bytes]]:
    """By id: name, kind and bytes. The last is of a kind that nothing can clear."""
    screenshot = f"not really a picture {CANARY}screenshot".encode()
    return {
        "att_har": ("login-failure.har", "har", har()),
        "att_trace": ("verify-assertion.json", "trace", trace()),
        "att_note": ("bridge-whiteboard.txt", "other", screenshot),
    }
