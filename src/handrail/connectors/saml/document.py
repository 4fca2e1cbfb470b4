"""From hostile bytes to the one trusted element: safe parsing, then the signature, then the term of validity."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from handrail.kernel.errors import Invalid

MD = "{urn:oasis:names:tc:SAML:2.0:metadata}"
ENTITY, ENTITIES = f"{MD}EntityDescriptor", f"{MD}EntitiesDescriptor"
# What reading a certificate raises: some tools write versions and dates that there are not.
CERTIFICATE_FAULTS = (ValueError, OverflowError, x509.InvalidVersion, UnsupportedAlgorithm)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']""")
_UTF8 = frozenset({b"utf-8", b"utf8", b"us-ascii", b"ascii"})


class MetadataRefused(Invalid):
    """The document can't be used. Code and message say why and quote nothing of it."""

    code = "metadata-refused"


def trusted_root(data: bytes, *, certificate: x509.Certificate | None, max_bytes: int, at: datetime) -> etree._Element:
    """The element that may be believed: what the signature covers where a ``certificate`` is given, else the root.

    ``at`` is the instant (UTC) at which it must be valid. Raises MetadataRefused.
    """
    root = parse(data, max_bytes=max_bytes)
    if certificate is not None:
        root = _signed(root, certificate, at)
    if root.tag not in {ENTITY, ENTITIES}:
        raise MetadataRefused("The document is not SAML 2.0 metadata.", code="not-metadata")
    refuse_expired(root, at)
    return root


def parse(data: bytes, *, max_bytes: int) -> etree._Element:
    """The root element of ``data``: UTF-8, no DTD, no entities, nothing fetched, bounded in size and depth."""
    if len(data) > max_bytes:
        raise MetadataRefused(f"The metadata has {len(data)} bytes; the limit is {max_bytes}.", code="too-large")
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf").lstrip())
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise MetadataRefused("The metadata is not UTF-8.", code="not-utf8") from None
    if b"\x00" in data or (declared is not None and declared[1].lower() not in _UTF8):
        raise MetadataRefused("The metadata is not UTF-8.", code="not-utf8")
    # Before the parser sees it: a DTD is never needed here, and is where every entity attack begins.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise MetadataRefused("The metadata has a DTD or entities; neither is accepted.", code="dtd")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MetadataRefused("The metadata is not well-formed XML, or nests too deep.", code="not-xml") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise MetadataRefused("The metadata has a DTD or entities; neither is accepted.", code="dtd")
    return root


def _signed(root: etree._Element, certificate: x509.Certificate, at: datetime) -> etree._Element:
    """What the signature really covers, as the verifier gives it back: never the document that carried it."""
    # "./" looks for the signature among the root's own children only: one buried deeper signs something else.
    # A federation's certificate only carries its key (SAML V2.0 Metadata Interoperability Profile, 2.6.1), whose dates
    # don't count: many sign for years with one that has expired.
    within = min(max(at, certificate.not_valid_before_utc), certificate.not_valid_after_utc)
    expected = SignatureConfiguration(location="./", expect_references=1, verification_time=within)
    try:
        verified = XMLVerifier().verify(root, x509_cert=certificate, expect_config=expected)
    except (SignXMLException, etree.LxmlError, InvalidSignature, TypeError, *CERTIFICATE_FAULTS):
        raise MetadataRefused(
            "The metadata's signature is missing, weak (SHA-1), broken, or of another key than certificate_file.",
            code="bad-signature",
        ) from None
    found = verified if not isinstance(verified, list) else verified[0]
    if found.signed_xml is None:
        raise MetadataRefused("The metadata's signature covers no element.", code="bad-signature")
    return found.signed_xml


def refuse_expired(element: etree._Element, at: datetime) -> None:
    """Raises MetadataRefused when the element's ``validUntil`` has passed, or can't be read."""
    raw = element.get("validUntil")
    if raw is None:
        return
    try:
        until = datetime.fromisoformat(raw.strip())
    except ValueError:
        raise MetadataRefused("The metadata's validUntil is not a date and time.", code="bad-valid-until") from None
    # Without a zone it is UTC: SAML 2.0 core, section 1.3.3.
    if (until if until.tzinfo else until.replace(tzinfo=UTC)) <= at:
        raise MetadataRefused("The metadata's validUntil has passed.", code="metadata-expired")
