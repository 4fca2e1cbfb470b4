"""Hands the audit log its origin, its key and its pace."""

from __future__ import annotations

from functools import cache

from handrail.audit import signing
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.signing import Signing
from handrail.conf import config
from handrail.conf.keys import audit_signing_key
from handrail.kernel.errors import Invalid, Misconfigured


def connect() -> None:
    """The key is read, or made, when it is needed first."""
    signing.configure(_signing)


@cache
def _signing() -> Signing:
    loaded = config.load()
    return Signing(
        origin=loaded.audit.origin,
        key=audit_signing_key(loaded),
        earlier=tuple(map(_verifier_key, loaded.audit.verifier_keys)),
    )


def _verifier_key(text: str) -> VerifierKey:
    try:
        return VerifierKey.from_text(text)
    except Invalid as error:
        raise Misconfigured(f"[audit] verifier_keys: {error.message}", code="audit-key") from None
