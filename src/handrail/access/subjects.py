"""What may be forgotten is encrypted under the key of its subject, and forgotten by destroying that key.

A subject is one record of one tenant and one kind of what it holds, so that retention can forget a packet's originals
and keep its values, and an erasure can forget all of a tenant. Its key is kept outside the database and its backups
(``keystore``), for good before the row that needs it is committed. A key whose transaction was rolled back is of no
harm: the next write uses it.

A ciphertext names its key, and is bound to the row and column that it is written to. Digests, leaves and proofs are
made of ciphertexts where they are made of such columns, and stay whole.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from handrail.access.keystore import (
    KEY_BYTES,
    KeyName,
    KeyRecord,
    SubjectKeyDamaged,
    SubjectKeyMissing,
    SubjectKeys,
    SubjectKeysUnavailable,
)
from handrail.kernel.clock import now, steady
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Conflict

__all__ = ["KeyName", "SubjectKeyDamaged", "SubjectKeyMissing", "SubjectKeysUnavailable"]
# How long a process goes on with a key that it has read: after this long a destroyed key is gone everywhere.
CACHED_SECONDS = 5.0
CACHED_KEYS = 2048
_FORM = "v1"
_NONCE = 12
# A record whose key was destroyed gets another one when it is written to again: so often at most.
_MOST_KEYS = 1000

_configured = Configured[SubjectKeys](missing="No store of subject keys is configured. Add [subject_keys].")


class KeyKind(StrEnum):
    """What of a record a key is for."""

    ORIGINAL = "original"
    ANNEX = "annex"
    VALUES = "values"
    RELEASED = "released"


class ForgetReason(StrEnum):
    RETENTION = "retention"
    ERASURE = "erasure"


@dataclass(frozen=True, slots=True)
class KeySubject:
    """``record``: the reference of what it belongs to, such as PKT-7K3M9QX2ZA."""

    tenant_id: int
    record: str
    kind: KeyKind = KeyKind.VALUES


@dataclass(frozen=True, slots=True)
class SubjectKey:
    name: KeyName
    secret: bytes


class KeyDestroyed(Conflict):
    """What this key was for has been forgotten, at ``at``."""

    code = "forgotten"

    def __init__(self, record: KeyRecord) -> None:
        super().__init__(f"This was erased on {record.at:%Y-%m-%d} and can't be read any more.")
        self.at = record.at
        self.reason = record.reason


class _Cache:
    """Records as they were read, each for ``CACHED_SECONDS``, and at most ``CACHED_KEYS`` of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, KeyName], tuple[float, KeyRecord]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, name: KeyName) -> KeyRecord | None:
        with self._lock:
            until, record = self._kept.get(self._key(name), (0.0, None))
            return record if until > steady() else None

    def keep(self, record: KeyRecord) -> None:
        key = self._key(record.name)
        with self._lock:
            self._kept[key] = (steady() + CACHED_SECONDS, record)
            self._kept.move_to_end(key)
            while len(self._kept) > CACHED_KEYS:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    @staticmethod
    def _key(name: KeyName) -> tuple[int, KeyName]:
        return id(_configured.get()), name


_cache = _Cache()
forget_cached = _cache.clear
store, use = _configured.get, _configured.use


def configure(keys: SubjectKeys | None) -> None:
    """Called once a process, by ``conf``."""
    _cache.clear()
    _configured.set(keys)


def _read(name: KeyName) -> KeyRecord | None:
    """The key or the mark of its end, None where there is neither. Raises SubjectKeysUnavailable, SubjectKeyDamaged."""
    if (known := _cache.find(name)) is not None:
        return known
    text = store().read(name)
    if text is None:
        return None
    record = KeyRecord.parse(name, text)
    _cache.keep(record)
    return record


def key_of(name: KeyName) -> SubjectKey:
    """The key of that name. Raises KeyDestroyed, SubjectKeyMissing, SubjectKeyDamaged, SubjectKeysUnavailable."""
    record = _read(name)
    if record is None:
        message = (
            f"The subject key {name} is missing. Bring back the store of subject keys that belongs to this database; "
            "see docs/guides/retention.md#keys-that-are-missing."
        )
        raise SubjectKeyMissing(message)
    if record.secret is None:
        raise KeyDestroyed(record)
    return SubjectKey(name, record.secret)


def key_for(subject: KeySubject) -> SubjectKey:
    """The key that is written with now, made first if need be. A record of an erased tenant gets no other one.

    Raises KeyDestroyed where its tenant was erased, SubjectKeyDamaged, SubjectKeysUnavailable.
    """
    for number in range(_MOST_KEYS):
        name = KeyName(subject.tenant_id, subject.record, subject.kind, number)
        record = _read(name) or _created(name)
        if record.secret is not None:
            return SubjectKey(name, record.secret)
        if record.reason == ForgetReason.ERASURE and subject != _of_tenant(subject.tenant_id):
            raise KeyDestroyed(record)
    raise Conflict(f"The keys of {subject.record} were destroyed {_MOST_KEYS} times.", code="forgotten")


def _of_tenant(tenant_id: int) -> KeySubject:
    """Not by a random reference: in a database that was set up again it is another tenant's."""
    return KeySubject(tenant_id, f"TEN-{tenant_id}")


def _end(mark: KeyRecord) -> None:
    store().replace(mark.name, mark.text())
    _cache.keep(mark)


def _created(name: KeyName) -> KeyRecord:
    made = KeyRecord(name, now(), secrets.token_bytes(KEY_BYTES))
    if store().create(name, made.text()):
        _cache.keep(made)
        return made
    found = _read(name)  # another process was faster: its key counts
    if found is None:
        raise SubjectKeyMissing(f"The subject key {name} went away while it was being made.")
    return found


def names_of(subject: KeySubject) -> list[KeyName]:
    """Its keys so far, destroyed ones too, the oldest first. Raises SubjectKeyDamaged, SubjectKeysUnavailable."""
    found: list[KeyName] = []
    for number in range(_MOST_KEYS):
        name = KeyName(subject.tenant_id, subject.record, subject.kind, number)
        if _read(name) is None:
            break
        found.append(name)
    return found


def seal(subject: KeySubject, plain: bytes, *, bound: str) -> str:
    """``plain`` for the place that ``bound`` says, which has to be said again to read it."""
    key = key_for(subject)
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(key.secret).encrypt(nonce, plain, _associated(key.name, bound))
    return f"{_FORM}:{key.name}:{base64.b64encode(nonce + sealed).decode()}"


def unseal(text: str, *, tenant_id: int | None, bound: str) -> bytes:
    """What was sealed. ``tenant_id``: whose it must be.

    Raises KeyDestroyed, SubjectKeyMissing, SubjectKeysUnavailable, and SubjectKeyDamaged where it is not what was
    sealed for this place.
    """
    name, content = _parts(text)
    if tenant_id is not None and name.tenant_id != tenant_id:
        raise SubjectKeyDamaged(f"What stands here is sealed with the key {name}, which is another tenant's.")
    key = key_of(name)
    try:
        return AESGCM(key.secret).decrypt(content[:_NONCE], content[_NONCE:], _associated(name, bound))
    except (InvalidTag, ValueError):
        message = f"What stands here was changed, or was sealed for another place (the key {name})."
        raise SubjectKeyDamaged(message) from None


def name_in(text: str) -> KeyName:
    """The key that a ciphertext names. Raises SubjectKeyDamaged."""
    return _parts(text)[0]


def _parts(text: str) -> tuple[KeyName, bytes]:
    form, _, rest = text.partition(":")
    name, _, content = rest.partition(":")
    try:
        if form != _FORM:
            raise ValueError
        return KeyName.parse(name), base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        raise SubjectKeyDamaged("What stands here is not a sealed value.") from None


def _associated(name: KeyName, bound: str) -> bytes:
    return f"handrail {_FORM}\n{name}\n{bound}".encode("utf-8", errors="surrogatepass")


def reach() -> None:
    """Asks the store for nothing in particular. Raises SubjectKeysUnavailable."""
    store().read(KeyName(1, "readiness", KeyKind.VALUES))


def keys(tenant_id: int, *, record: str = "", kinds: Collection[KeyKind] = tuple(KeyKind)) -> Iterator[KeyName]:
    """The names of a tenant's keys, of one record where it is named; destroyed ones too."""
    return (name for name in store().names(tenant_id, record) if name.kind in kinds)


def destroyed(name: KeyName) -> KeyRecord | None:
    """The mark of a key's end; None while it is there."""
    record = _read(name)
    return record if record is not None and record.secret is None else None


def destroy(
    tenant_id: int,
    *,
    reason: ForgetReason,
    at: datetime,
    record: str = "",
    kinds: Collection[KeyKind] = tuple(KeyKind),
) -> list[KeyName]:
    """Destroys these keys; gives those that were still there. Again it destroys what is left: it may be killed at any
    time. A damaged record is destroyed too. What an erasure destroys gets no other key. Raises
    SubjectKeysUnavailable."""
    ended: list[KeyName] = []
    for name in list(keys(tenant_id, record=record, kinds=kinds)):
        found = _found(name)
        if found is None:
            _end(KeyRecord(name, at, None, reason))
            ended.append(name)
        elif reason is ForgetReason.ERASURE and found.reason != reason:  # from now on it gets no other key
            _end(KeyRecord(name, found.at, None, reason))
    return ended


def _found(name: KeyName) -> KeyRecord | None:
    """The mark that stands for this key; None for a key that is there, damaged or not."""
    try:
        record = KeyRecord.parse(name, store().read(name) or "")
    except SubjectKeyDamaged:
        return None
    return record if record.secret is None else None


def keyed_digest(tenant_id: int, text: str) -> str:
    """A digest of ``text`` under a key of the tenant: who has the key and the text can compare them; once the key is
    destroyed, nobody can try texts."""
    key = key_for(_of_tenant(tenant_id))
    return f"hmac-sha256:{hmac.digest(key.secret, text.encode(), 'sha256').hex()[:32]}"
