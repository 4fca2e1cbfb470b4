"""Passkeys of people: which ones there are, and which of them count for signing.

A passkey belongs to a person and opens every workspace of theirs. For signing it counts in a workspace once a second
person there, who manages members, has confirmed it, and until it ends.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from allauth.mfa.models import Authenticator
from django.db import transaction

from handrail.access.capabilities import Capability, bundled
from handrail.access.models import Membership, Passkey, PasskeyConfirmation, User
from handrail.kernel.assertions import RelyingParty
from handrail.kernel.clock import now
from handrail.kernel.configured import Configured

SIGNING = frozenset({Capability.PACKET_APPROVE, Capability.DEFINITION_DECIDE})
# Of allauth's row: the reference of the passkey, and the signature counter that was seen last.
REF, COUNTER = "passkey", "counter"


# ``id`` is empty where the pages have no host name, because passkeys need one.
settings: Configured[RelyingParty] = Configured(RelyingParty("", ()))


@dataclass(frozen=True, slots=True)
class SigningKeyOfPerson:
    """``public_key``: SubjectPublicKeyInfo in DER; ``alg``: COSE's number. ``confirmed_at`` with ``confirmed_by``: in
    the workspace that was asked about. ``removed_at`` with ``removed_by``: the earlier of suspension and removal."""

    ref: str
    user_id: int
    credential_id: bytes
    public_key: bytes
    alg: int
    aaguid: str
    attestation: str
    relying_party: str
    user_verified: bool
    enrolled_at: datetime
    enrolled_by: str
    enrolled_with: str
    confirmed_at: datetime | None
    confirmed_by: str | None
    removed_at: datetime | None
    removed_by: str | None

    @property
    def counts(self) -> bool:
        """Whether what it signs now counts for its person."""
        return self.user_verified and self.confirmed_at is not None and self.removed_at is None


def relying_party(address: str | None, *, port: int) -> RelyingParty:
    """What passkeys are bound to where the pages have the public ``address``; without one, this machine's own pages at
    ``port``. Without an ``id`` where the address has no host name, or isn't one that browsers take passkeys from."""
    parts = urlsplit(address or f"http://localhost:{port}")
    host = (parts.hostname or "").lower()
    secure = parts.scheme == "https" or host == "localhost" or host.endswith(".localhost")
    if not host or not secure or _is_ip(host):
        return RelyingParty("", ())
    return RelyingParty(host, (origin_of(address or f"http://localhost:{port}"),))


def origin_of(address: str) -> str:
    """The origin of an address as browsers write it: without the port that its scheme has anyway."""
    parts = urlsplit(address.lower())
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def is_here(address: str) -> bool:
    """Whether passkeys can be used on a page at ``address``."""
    return origin_of(address) in settings.get().origins


def signs(roles: Iterable[str]) -> bool:
    """Whether a member with these ``roles`` may approve packets or definitions, so that two people stand behind each
    passkey of theirs."""
    return bool(bundled(roles) & SIGNING)


def signing_keys(user_id: int, workspace_id: int) -> tuple[SigningKeyOfPerson, ...]:
    """Every passkey that the person has ever enrolled, the oldest first, as it stands in the workspace: ask ``counts``.
    Call it in the workspace's scope."""
    rows = Passkey.objects.filter(user_id=user_id).prefetch_related("removals").order_by("at", "pk")
    confirmed = PasskeyConfirmation.objects.filter(passkey__in=rows, workspace_id=workspace_id)
    by_key = {one.passkey_id: one for one in confirmed}
    return tuple(_key(row, by_key.get(row.pk)) for row in rows)


def signers_without_key(workspace_id: int) -> list[str]:
    """The addresses of the active members who may approve packets or definitions, and have no passkey that counts.
    Call it in the workspace's scope."""
    rows = Membership.objects.filter(workspace_id=workspace_id, is_active=True, user__is_active=True)
    signers = [one for one in rows.select_related("user").order_by("user__email") if signs(one.roles)]
    return [one.user.email for one in signers if not any(k.counts for k in signing_keys(one.user_id, workspace_id))]


def find(credential_id: bytes, workspace_id: int) -> SigningKeyOfPerson | None:
    """The passkey with this credential id, whosever it is, as it stands in the workspace. Call it in its scope."""
    row = Passkey.objects.filter(credential_id=encoded(credential_id)).prefetch_related("removals").first()
    if row is None:
        return None
    return _key(row, row.confirmations.filter(workspace_id=workspace_id).first())


def key_of(row: Passkey) -> bytes:
    """Its public key, as SubjectPublicKeyInfo in DER."""
    return b64decode(row.public_key)


def usable_ids(user: User | None) -> list[str]:
    """The credential ids, as columns have them, of the passkeys that open the account of ``user``."""
    if user is None:
        return []
    return list(Passkey.objects.filter(user=user, removals=None).order_by("pk").values_list("credential_id", flat=True))


def is_usable(ref: str) -> bool:
    """Whether the passkey still opens its person's account."""
    kept = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN, data__passkey=ref)
    return kept.exists() and Passkey.objects.filter(ref=ref, removals=None).exists()


@transaction.atomic
def advance(ref: str, counter: int) -> bool:
    """Notes that the passkey was used now, at this signature ``counter``. False, and nothing noted, when the passkey
    doesn't open the account any more, or its counter has not gone up: it was copied, or somebody repeats an answer.
    Synchronised passkeys don't count: theirs is always 0."""
    row = Authenticator.objects.select_for_update().filter(type=Authenticator.Type.WEBAUTHN, data__passkey=ref).first()
    if row is None:
        return False
    seen = int(row.data.get(COUNTER, 0))
    if (seen or counter) and counter <= seen:
        return False
    row.data[COUNTER], row.last_used_at = counter, now()
    row.save(update_fields=["data", "last_used_at"])
    return True


def encoded(credential_id: bytes) -> str:
    """As columns have it: base64url without padding."""
    return urlsafe_b64encode(credential_id).rstrip(b"=").decode()


def decoded(credential_id: str) -> bytes:
    return urlsafe_b64decode(credential_id + "=" * (-len(credential_id) % 4))


def _key(row: Passkey, confirmed: PasskeyConfirmation | None) -> SigningKeyOfPerson:
    ended = min(row.removals.all(), key=lambda one: (one.at, one.pk), default=None)
    return SigningKeyOfPerson(
        ref=row.ref,
        user_id=row.user_id,
        credential_id=decoded(row.credential_id),
        public_key=key_of(row),
        alg=row.alg,
        aaguid=row.aaguid,
        attestation=row.attestation,
        relying_party=row.relying_party,
        user_verified=row.user_verified,
        enrolled_at=row.at,
        enrolled_by=row.by,
        enrolled_with=row.enrolled_with,
        confirmed_at=confirmed.at if confirmed else None,
        confirmed_by=confirmed.by if confirmed else None,
        removed_at=ended.at if ended else None,
        removed_by=ended.by if ended else None,
    )


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
