"""Which rows of this slice go into the sealed log: those that are only ever added. None is shown in clear in an export:
passkeys belong to people, not to a workspace."""

from __future__ import annotations

from handrail.audit.sources import Source

_KEY = ("id", "at", "ref", "user_id", "name", "credential_id", "public_key", "alg", "aaguid", "attestation")

SOURCES = (
    Source(
        "access.passkey",
        "access_passkey",
        (*_KEY, "user_verified", "relying_party", "origin", "enrolled_with", "by"),
        since=7,
    ),
    Source(
        "access.passkey_confirmation",
        "access_passkeyconfirmation",
        ("id", "at", "passkey_id", "workspace_id", "user_id", "by"),
        since=7,
    ),
    Source(
        "access.passkey_removal",
        "access_passkeyremoval",
        ("id", "at", "passkey_id", "kind", "within", "user_id", "by", "reason"),
        since=7,
    ),
)
