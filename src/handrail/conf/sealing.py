"""Hands the audit log its origin, its keys and its high-water mark, and who outside vouches for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from pathlib import Path

from cryptography import x509

from handrail.anchoring.services import AnchorServices, configured
from handrail.audit import anchors, cosignature, mark, policy, signing
from handrail.audit.anchors import AnchorTrust
from handrail.audit.checkpoint import NoteKey
from handrail.audit.cosignature import CosignerKey
from handrail.audit.mark import MarkStore
from handrail.audit.policy import TrustPolicy
from handrail.audit.signing import Signing
from handrail.audit.stamps import StampTrust
from handrail.conf import config
from handrail.conf.config import AuditSection
from handrail.conf.keys import audit_second_key, audit_signing_key
from handrail.connectors.anchors import TimestampService, WitnessService
from handrail.connectors.http import Client
from handrail.kernel.errors import Invalid, Misconfigured


def connect() -> None:
    """The key is read, or made, when it is needed first. Raises Misconfigured naming section and field."""
    loaded = config.load()
    signing.configure(_signing)
    mark.configure(MarkStore(loaded.state_directory))
    anchors.trust.set(trusted(loaded.audit))
    configured.set(services(loaded.audit))


@cache
def _signing() -> Signing:
    loaded = config.load()
    return Signing(
        origin=loaded.audit.origin,
        key=audit_signing_key(loaded),
        earlier=tuple(map(_verifier_key, loaded.audit.verifier_keys)),
        second=audit_second_key(loaded),
    )


def trusted(section: AuditSection) -> AnchorTrust:
    """The keys of witnesses, their quorum, and the certificates of time-stamp services."""
    witnesses = {name: _witness_key(name, one.key) for name, one in section.witnesses.items()}
    if len({key.public for key in witnesses.values()}) < len(witnesses):
        raise Misconfigured("[audit.witnesses] has the same key twice: each counts once.", code="audit-witness")
    if section.policy_file is not None:
        chosen = _policy(section.policy_file, section.origin, witnesses.values())
    else:
        chosen = policy.all_of(list(witnesses.values()))
    services = {
        name: StampTrust(_certificates(name, one.authorities), one.policy) for name, one in section.timestamps.items()
    }
    return AnchorTrust(chosen, witnesses, services, timedelta(seconds=section.quorum_seconds))


def services(section: AuditSection) -> AnchorServices:
    """The clients. Calls nobody."""
    witnesses = {
        name: WitnessService(name, Client(one.http(), config.secrets())) for name, one in section.witnesses.items()
    }
    timestamps = {
        name: TimestampService(name, Client(one.http(), config.secrets()), every_seconds=one.every_seconds)
        for name, one in section.timestamps.items()
    }
    return AnchorServices(witnesses, timestamps)


def _policy(path: Path, origin: str, configured_keys: Iterable[CosignerKey]) -> TrustPolicy:
    """Raises Misconfigured: a quorum that can't be reached would never be missed at the right time."""
    try:
        found = policy.parse(path.read_bytes())
    except OSError as error:
        message = f"[audit] policy_file {path} can't be read: {error.strerror}."
        raise Misconfigured(message, code="audit-policy") from None
    except Invalid as error:
        raise Misconfigured(f"[audit] policy_file: {error.message}", code="audit-policy") from None
    if found.logs and all(key.name != origin for key in found.logs):
        raise Misconfigured(f"[audit] policy_file names no log {origin}.", code="audit-policy")
    if not found.is_reached(list(configured_keys)):
        message = (
            "[audit] policy_file asks for witnesses that [audit.witnesses] does not have: add them with their url."
        )
        raise Misconfigured(message, code="audit-policy")
    return found


def _witness_key(name: str, text: str) -> CosignerKey:
    try:
        return CosignerKey.from_text(text)
    except Invalid as error:
        raise Misconfigured(f"[audit.witnesses.{name}] key: {error.message}", code="audit-witness") from None


def _certificates(name: str, path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        message = (
            f"[audit.timestamps.{name}] authorities {path} can't be used: {type(error).__name__}. It is a PEM file."
        )
        raise Misconfigured(message, code="audit-timestamp") from None


def _verifier_key(text: str) -> NoteKey:
    try:
        return cosignature.read_key(text)
    except Invalid as error:
        raise Misconfigured(f"[audit] verifier_keys: {error.message}", code="audit-key") from None
