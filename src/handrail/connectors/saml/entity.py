"""What a support packet needs of one entity, as plain data."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from datetime import datetime

from cryptography import x509
from lxml import etree
from pydantic import JsonValue

from handrail.connectors.saml.document import CERTIFICATE_FAULTS, ENTITIES, ENTITY, MD, MetadataRefused, refuse_expired
from handrail.kernel.hostile import clean_text

DS = "{http://www.w3.org/2000/09/xmldsig#}"
RPI = "{urn:oasis:names:tc:SAML:metadata:rpi}"
_ROLES = {"idp": f"{MD}IDPSSODescriptor", "sp": f"{MD}SPSSODescriptor"}
_ENDPOINTS = {
    "single_sign_on": "SingleSignOnService",
    "assertion_consumer": "AssertionConsumerService",
    "single_logout": "SingleLogoutService",
    "artifact_resolution": "ArtifactResolutionService",
}
_LIMIT = 2048
MAX_DESCRIBED = 200


def find_entity(root: etree._Element, entity_id: str | None, at: datetime) -> etree._Element:
    """The entity of that name, or the only one. ``at``: when it, and every group around it, must be valid.

    Raises MetadataRefused: ``no-such-entity``, ``ambiguous-entity``, ``metadata-expired``.
    """
    found = [e for e in _entities(root) if entity_id is None or e.get("entityID") == entity_id]
    if not found:
        raise MetadataRefused("The metadata has no entity of that name.", code="no-such-entity")
    if len(found) > 1:
        raise MetadataRefused(
            "The metadata has several entities that fit; entity_id must name exactly one.", code="ambiguous-entity"
        )
    for element in (found[0], *found[0].iterancestors(ENTITIES)):
        refuse_expired(element, at)
    return found[0]


def _entities(root: etree._Element) -> Iterator[etree._Element]:
    """Entities where metadata may have them: the root, or in nested groups; not those hidden in extensions."""
    if root.tag == ENTITY:
        yield root
        return
    groups = [root]
    while groups:
        group = groups.pop()
        yield from group.iterchildren(ENTITY)
        groups += group.iterchildren(ENTITIES)


def describe(entity: etree._Element, at: datetime, *, signed: bool) -> dict[str, JsonValue]:
    """``{entity_id, registration_authority, valid_until, signed, roles}``.

    Each of ``roles``: ``role`` ("idp" or "sp"), ``protocols``, ``signing_certificates`` (``sha256`` over the DER form,
    ``not_before``, ``not_after`` in UTC, ``expired``) and lists of endpoints (``binding``, ``location``).
    """
    registration = entity.find(f"{MD}Extensions/{RPI}RegistrationInfo")
    roles: list[JsonValue] = [
        _role(name, element, at) for name, tag in _ROLES.items() for element in entity.iterchildren(tag)
    ]
    return {
        "entity_id": _clean(entity.get("entityID")),
        "registration_authority": _clean(registration.get("registrationAuthority"))
        if registration is not None
        else None,
        "valid_until": _clean(entity.get("validUntil")),
        "signed": signed,
        "roles": roles,
    }


def describe_every(root: etree._Element, at: datetime, *, signed: bool) -> Iterator[JsonValue]:
    """Each entity as ``describe`` has it. One that can't be described has its ``entity_id`` and, as ``refused``, the
    code that says why: one customer's broken certificate takes nothing from the others.

    Raises MetadataRefused: ``too-many-entities``.
    """
    for number, entity in enumerate(_entities(root)):
        if number == MAX_DESCRIBED:
            raise MetadataRefused(
                f"The metadata has more than {MAX_DESCRIBED} entities; ask for one of them.", code="too-many-entities"
            )
        try:
            for element in (entity, *entity.iterancestors(ENTITIES)):
                refuse_expired(element, at)
            yield describe(entity, at, signed=signed)
        except MetadataRefused as refused:
            yield {"entity_id": _clean(entity.get("entityID")), "refused": refused.code}


def _role(name: str, element: etree._Element, at: datetime) -> dict[str, JsonValue]:
    refuse_expired(element, at)
    protocols: list[JsonValue] = [_clean(p) for p in (element.get("protocolSupportEnumeration") or "").split()]
    made: dict[str, JsonValue] = {"role": name, "protocols": protocols}
    made["signing_certificates"] = [_certificate(c, at) for c in _signing(element)]
    for field, tag in _ENDPOINTS.items():
        made[field] = [_endpoint(e) for e in element.iterchildren(MD + tag)]
    return made


def _signing(role: etree._Element) -> Iterator[etree._Element]:
    for key in role.iterchildren(f"{MD}KeyDescriptor"):
        if key.get("use") in {None, "signing"}:  # without a use it serves both
            yield from key.iterfind(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")


def _certificate(element: etree._Element, at: datetime) -> dict[str, JsonValue]:
    # All text around any comment, so that none can cut it short.
    text = (element.text or "") + "".join(child.tail or "" for child in element)
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
        certificate = x509.load_der_x509_certificate(der)
        begins_at, ends_at = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    except (binascii.Error, *CERTIFICATE_FAULTS):
        raise MetadataRefused("A signing certificate in the metadata can't be read.", code="bad-certificate") from None
    return {
        "sha256": hashlib.sha256(der).hexdigest(),
        "not_before": begins_at.isoformat(),
        "not_after": ends_at.isoformat(),
        "expired": ends_at <= at,
    }


def _endpoint(element: etree._Element) -> dict[str, JsonValue]:
    return {"binding": _clean(element.get("Binding")), "location": _clean(element.get("Location"))}


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text, limit=_LIMIT)
