"""Cleared annexes in the store of blobs, each encrypted under the key of its packet: destroying that forgets them.

A blob is ``HRB1``, a salt, and chunks of AES-256-GCM under a key made of the packet's and the salt. A chunk's nonce is
its number and whether it is the last, so chunks that are missing, swapped or added are refused. Its name is a digest
of the key's name and the content's digest: the same content of two packets is two blobs, and the name follows from
the rows when the key is gone. Blobs from before are in clear, under the digest of their content.
"""

from __future__ import annotations

import io
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from handrail.access import subjects
from handrail.access.subjects import KeyDestroyed, KeyKind, KeySubject, SubjectKey
from handrail.connectors.blobs import BlobRefused
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import NotFound
from handrail.packets import settings
from handrail.packets.models import Packet

_MAGIC = b"HRB1"
_SALT = 32
_TAG = 16
CHUNK = 1024 * 1024
_SPOOLED = CHUNK


def put(packet: Packet, content: bytes) -> str:
    """Keeps it, and gives the digest of the content. Raises BlobUnavailable, Invalid, SubjectKeysUnavailable."""
    digest = digest_bytes(content)
    key = subjects.key_for(_subject(packet))
    with tempfile.SpooledTemporaryFile(max_size=_SPOOLED) as sealed:
        for piece in seal(key, digest, io.BytesIO(content)):
            sealed.write(piece)
        sealed.seek(0)
        settings.blobs().put_as(name_of(str(key.name), digest), sealed)  # type: ignore[arg-type] # it is one, from 3.11
    return digest


def open_annex(packet: Packet, digest: str) -> BinaryIO:
    """The content with this digest, verified.

    Raises NotFound, KeyDestroyed where it was forgotten, BlobRefused, BlobUnavailable, SubjectKeysUnavailable.
    """
    store, gone = settings.blobs(), None
    for name in subjects.names_of(_subject(packet)):
        try:
            key = subjects.key_of(name)
            with store.open_as(name_of(str(name), digest)) as sealed:
                return _verified(key, digest, sealed)
        except KeyDestroyed as error:
            gone = error
        except NotFound:
            continue
    if gone is not None:
        raise gone
    return store.open(digest)


def remove(packet: Packet, digests: Iterable[str]) -> int:
    """Takes away the ciphertexts of these contents, whose key need not be there any more; how many there may have been.
    Raises BlobUnavailable."""
    store, names = settings.blobs(), subjects.names_of(_subject(packet))
    named = [name_of(str(name), digest) for digest in digests for name in names]
    for blob in named:
        store.remove(blob)
    return len(named)


def name_of(key: str, digest: str) -> str:
    return sha256(f"handrail annex\n{key}\n{digest}".encode()).hexdigest()


def seal(key: SubjectKey, digest: str, content: BinaryIO) -> Iterator[bytes]:
    """A blob, piece by piece; no more than two chunks are in memory."""
    salt = secrets.token_bytes(_SALT)
    yield _MAGIC + salt
    cipher, bound = _cipher(key, salt), _bound(key, digest)
    number, chunk = 0, content.read(CHUNK)
    while True:
        following = content.read(CHUNK)
        yield cipher.encrypt(_nonce(number, last=not following), chunk, bound)
        if not following:
            return
        number, chunk = number + 1, following


def unseal(key: SubjectKey, digest: str, sealed: BinaryIO) -> Iterator[bytes]:
    """The content of a blob, piece by piece. Raises BlobRefused where it was changed or cut short; what came before
    that is not to be used."""
    head = sealed.read(len(_MAGIC) + _SALT)
    if head[: len(_MAGIC)] != _MAGIC or len(head) != len(_MAGIC) + _SALT:
        raise _corrupt()
    cipher, bound = _cipher(key, head[len(_MAGIC) :]), _bound(key, digest)
    number, chunk = 0, sealed.read(CHUNK + _TAG)
    while True:
        following = sealed.read(CHUNK + _TAG)
        try:
            yield cipher.decrypt(_nonce(number, last=not following), chunk, bound)
        except (InvalidTag, ValueError):
            raise _corrupt() from None
        if not following:
            return
        number, chunk = number + 1, following


def _verified(key: SubjectKey, digest: str, sealed: BinaryIO) -> BinaryIO:
    copy = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - the caller reads and closes it
    hashed = sha256()
    try:
        for piece in unseal(key, digest, sealed):
            hashed.update(piece)
            copy.write(piece)
        if f"sha256:{hashed.hexdigest()}" != digest:
            raise _corrupt()
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy  # type: ignore[return-value]


def _subject(packet: Packet) -> KeySubject:
    return KeySubject(packet.tenant_id, packet.ref, KeyKind.ANNEX)


def _cipher(key: SubjectKey, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt, b"handrail annex").derive(key.secret))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _bound(key: SubjectKey, digest: str) -> bytes:
    return f"handrail annex\n{key.name}\n{digest}".encode()


def _corrupt() -> BlobRefused:
    return BlobRefused("The stored bytes don't match the digest; restore the blob.", code="blob-corrupt")
