"""A SAML message as a structural digest: what it is, from which host to which, and whether it holds.

Nothing that authenticates is in it. SAML 2.0 and 1.1, and the SAML inside a WS-Federation answer. Fingerprints of
certificates are public: metadata has them, and the packet names those of the connector.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator
from typing import Any

from cryptography import x509
from lxml import etree

from handrail.connectors.saml.document import CERTIFICATE_FAULTS, MetadataRefused, parse
from handrail.packets.sanitise.structure import terms
from handrail.packets.sanitise.structure.frame import Frame, filled, instant, written
from handrail.packets.sanitise.structure.terms import OTHER, among

MAX_BYTES = 256 * 1024  # of one message as XML
_MAX_TEXT = 4 * MAX_BYTES
_MOST = 5  # of anything that a message repeats
_PROTOCOLS = ("urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:1.0:protocol")
_ASSERTIONS = ("urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:1.0:assertion")
_TRUST = (
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
    "http://schemas.xmlsoap.org/ws/2005/02/trust",
)
_SIGNED = "{http://www.w3.org/2000/09/xmldsig#}"
_SPACES = (*_PROTOCOLS, *_ASSERTIONS, *_TRUST)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{2,}={0,2}")
_TRUE = frozenset({"true", "1"})


class NoMessage(Exception):
    """It can't be read; the argument is one of ``terms.WHY``."""


def unwrapped(value: str, budget: int) -> bytes:
    """The XML in ``value``: as it is, in base64, or deflated in base64. At most ``budget`` bytes. Raises NoMessage."""
    text = value.strip()
    if text.startswith("<"):
        return text.encode("utf-8", "replace")
    if len(text) > _MAX_TEXT:
        raise NoMessage("too-large")
    packed = "".join(text.replace(" ", "+").split()).translate(_URL_SAFE)
    if not _BASE64.fullmatch(packed):
        raise NoMessage("not-base64")
    whole = packed.rstrip("=")
    whole = whole[:-1] if len(whole) % 4 == 1 else whole  # cut short by the capture: a lone letter holds no byte
    raw = binascii.a2b_base64(whole + "=" * (-len(whole) % 4))
    if raw.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
        return raw
    return _inflated(raw, budget)


_URL_SAFE = str.maketrans("-_", "+/")


def _inflated(raw: bytes, budget: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    most = min(MAX_BYTES, budget)
    try:
        data = inflater.decompress(raw, most + 1)
    except zlib.error:
        raise NoMessage("not-deflate") from None
    if len(data) > most:
        raise NoMessage("too-large" if most == MAX_BYTES else "too-many")
    if not data.lstrip().startswith((b"<", b"\xef\xbb\xbf<")):
        raise NoMessage("not-deflate")
    return data


def described(data: bytes, frame: Frame) -> dict[str, Any]:
    """The digest of the message in ``data``. Raises NoMessage."""
    try:
        root = parse(data.strip(), max_bytes=MAX_BYTES)
    except MetadataRefused as refused:
        raise NoMessage(refused.code) from None
    message = next((e for e in root.iter(etree.Element) if _is_message(e)), None)
    if message is None:
        raise NoMessage("not-saml")
    assertion = _first(message, _ASSERTIONS, "Assertion")
    within = assertion if assertion is not None else message
    return filled(
        {
            "kind": among(_local(message), terms.MESSAGES),
            "version": _version(message, assertion),
            "issuer": frame.whose(_issuer(message) or _issuer(within)),
            "destination": frame.whose(message.get("Destination")),
            "consumer": frame.whose(message.get("AssertionConsumerServiceURL")),
            "id": frame.stand_in(message.get("ID") or message.get("ResponseID") or message.get("RequestID")),
            "in_response_to": frame.stand_in(_in_response_to(message)),
            "status": _statuses(message),
            "binding": _ending(message.get("ProtocolBinding"), terms.BINDINGS),
            "force_authn": _flag(message, "ForceAuthn"),
            "is_passive": _flag(message, "IsPassive"),
            **_signatures(message, assertion, frame),
            **_times(message, within, frame),
            **_subject(within, frame),
            "encrypted": {
                "assertion": _first(message, _ASSERTIONS, "EncryptedAssertion") is not None,
                "name_id": _first(message, _ASSERTIONS, "EncryptedID") is not None,
            },
        }
    )


def _is_message(element: etree._Element) -> bool:
    name = etree.QName(element)
    return name.namespace in _SPACES and name.localname in terms.MESSAGES


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _all(element: etree._Element, spaces: tuple[str, ...], name: str) -> Iterator[etree._Element]:
    return element.iter(*[f"{{{space}}}{name}" for space in spaces])


def _first(element: etree._Element, spaces: tuple[str, ...], name: str) -> etree._Element | None:
    return next(_all(element, spaces, name), None)


def _text(element: etree._Element | None) -> str | None:
    """All of its text around any comment, so that none can cut it short."""
    return str(element.xpath("string()")).strip() if element is not None else None


def _issuer(element: etree._Element) -> str | None:
    """Its own issuer, not one of something inside; SAML 1.1 has an attribute."""
    own = next(element.iterchildren(*[f"{{{space}}}Issuer" for space in _ASSERTIONS]), None)
    return _text(own) or element.get("Issuer")


def _version(message: etree._Element, assertion: etree._Element | None) -> str | None:
    for element in (message, assertion):
        if element is None:
            continue
        if element.get("Version") == "2.0":
            return "2.0"
        if element.get("MajorVersion") == "1":
            return "1.1" if element.get("MinorVersion") == "1" else "1.0"
    return None


def _in_response_to(message: etree._Element) -> str | None:
    found = message.get("InResponseTo")
    if found:
        return found
    confirmed = _first(message, _ASSERTIONS, "SubjectConfirmationData")
    return confirmed.get("InResponseTo") if confirmed is not None else None


def _statuses(message: etree._Element) -> list[str] | None:
    """The code of the answer, and under it the codes that say more."""
    codes = [e.get("Value") or "" for e in _all(message, _PROTOCOLS, "StatusCode")][:_MOST]
    return [_ending(code, terms.STATUSES) or OTHER for code in codes] or None


def _ending(raw: str | None, known: frozenset[str]) -> str | None:
    """The last part of a URN, a URI or a qualified name, if ``known`` has it."""
    if not raw:
        return None
    return among(raw.strip().replace("/", ":").replace("#", ":").rpartition(":")[2], known)


def _flag(element: etree._Element, name: str) -> bool | None:
    raw = element.get(name)
    return raw.strip().lower() in _TRUE if raw is not None else None


def _signatures(message: etree._Element, assertion: etree._Element | None, frame: Frame) -> dict[str, Any]:
    def algorithms(name: str) -> list[str]:
        uris = [e.get("Algorithm") for e in message.iter(f"{_SIGNED}{name}")][:_MOST]
        return sorted({terms.XML_ALGORITHMS.get(uri or "", OTHER) for uri in uris})

    own = next(message.iterchildren(f"{_SIGNED}Signature"), None) is not None
    inside = assertion is not None and next(assertion.iterchildren(f"{_SIGNED}Signature"), None) is not None
    carried = list(message.iter(f"{_SIGNED}X509Certificate"))[:_MOST]
    prints = dict.fromkeys(made for e in carried if (made := fingerprint(_text(e) or "", frame)))
    signature, digest = algorithms("SignatureMethod"), algorithms("DigestMethod")
    return {
        "signed": {"message": own, "assertion": inside},
        "algorithms": {"signature": signature, "digest": digest} if signature or digest else None,
        "certificates": [*prints] or None,
        "key_name": frame.key(_text(next(message.iter(f"{_SIGNED}KeyName"), None))),
    }


def fingerprint(text: str, frame: Frame) -> str | None:
    """The SHA-256 of a certificate in base64, as metadata and packet show it."""
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        x509.load_der_x509_certificate(der)
    except x509.InvalidVersion:  # some tools write version 1 where they mean v1
        pass
    except CERTIFICATE_FAULTS:  # of anything else a digest without a key could be tried out
        return None
    made = hashlib.sha256(der).hexdigest()
    frame.redaction.vouch_made(made)
    return made


def _times(message: etree._Element, within: etree._Element, frame: Frame) -> dict[str, Any]:
    issued = instant(message.get("IssueInstant")) or instant(within.get("IssueInstant"))
    conditions = _first(within, _ASSERTIONS, "Conditions")
    begins, ends = (
        instant(conditions.get(name)) if conditions is not None else None for name in ("NotBefore", "NotOnOrAfter")
    )
    confirmed = _first(within, _ASSERTIONS, "SubjectConfirmationData")
    session = _first(within, _ASSERTIONS, "AuthnStatement")
    return {
        "issued_at": written(issued),
        "issued_in": frame.seconds_until(issued),
        "not_before": written(begins),
        "not_on_or_after": written(ends),
        "begins_in": frame.seconds_until(begins),
        "ends_in": frame.seconds_until(ends),
        "confirmation_ends_in": frame.seconds_until(instant(confirmed.get("NotOnOrAfter")))
        if confirmed is not None
        else None,
        "session_ends_in": frame.seconds_until(instant(session.get("SessionNotOnOrAfter")))
        if session is not None
        else None,
    }


def _subject(within: etree._Element, frame: Frame) -> dict[str, Any]:
    """Its audience, and the form in which it names the user: never the user."""
    named = _first(within, _ASSERTIONS, "NameID")
    if named is None:
        named = _first(within, _ASSERTIONS, "NameIdentifier")
    policy = _first(within, _PROTOCOLS, "NameIDPolicy")
    form = named if named is not None else policy
    audiences = [_text(e) for e in _all(within, _ASSERTIONS, "Audience")][:_MOST]
    attributes = [e.get("Name") or e.get("AttributeName") or "" for e in _all(within, _ASSERTIONS, "Attribute")]
    confirmed = _first(within, _ASSERTIONS, "SubjectConfirmationData")
    context = _first(within, _ASSERTIONS, "AuthnContextClassRef")
    return {
        "audience": [whose for one in audiences if (whose := frame.whose(one))] or None,
        "recipient": frame.whose(confirmed.get("Recipient")) if confirmed is not None else None,
        "name_id_format": (_ending(form.get("Format"), terms.NAME_ID_FORMATS) or "unspecified")
        if form is not None
        else None,
        "authentication": _ending(_text(context), terms.AUTHENTICATIONS),
        "attributes": {"count": len(attributes), "names": sorted({*attributes} & terms.ATTRIBUTES)}
        if attributes
        else None,
    }
