"""The key ring as a directory: one PEM file a public key, and ``ring.json``, which lists those that count."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from handrail.kernel import keyfiles
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.errors import Conflict, Invalid, Misconfigured
from handrail.packets.proof.durable import replacing
from handrail.packets.proof.keys import KeyRing, PublicKey, public_keys
from handrail.packets.proof.reading import read, strict
from handrail.packets.proof.rules import Length
from handrail.packets.proof.terms import Hexadecimal

FILE = "ring.json"
_Ids = Annotated[tuple[Hexadecimal, ...], Length(0, 1000)]


@strict
class _Ring:
    ring: Literal["key-ring/v1"]
    current: Hexadecimal | None
    accepted: _Ids
    retired: _Ids
    revoked: _Ids


@dataclass(frozen=True, slots=True)
class KeyRingDirectory:
    """Files ``ID.pem`` and ``ring.json``. Public keys only: nothing in it is secret, but who writes it decides."""

    directory: Path

    def load(self) -> KeyRing:
        """The ring; an empty one where there is no directory yet. Raises Misconfigured for a damaged one."""
        file = self.directory / FILE
        if not file.exists():
            return KeyRing(())
        try:
            found = read(_Ring, file.read_bytes(), what="key ring")
            accepted = tuple(self._key(key_id) for key_id in found.accepted)
            return KeyRing(accepted, found.current, frozenset(found.retired), frozenset(found.revoked))
        except (OSError, Conflict, Invalid) as error:
            said = error.message if isinstance(error, Conflict | Invalid) else type(error).__name__
            raise Misconfigured(f"The key ring in {self.directory} can't be used: {said}", code="key-ring") from None

    def save(self, ring: KeyRing) -> None:
        """Writes the ring: keys first, then ``ring.json``, each whole or not at all."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key in ring.accepted:
            with replacing(self._file(key.key_id)) as out:
                out.write(key.to_pem().encode())
        document = {
            "ring": "key-ring/v1",
            "current": ring.current,
            "accepted": [key.key_id for key in ring.accepted],
            "retired": sorted(ring.retired),
            "revoked": sorted(ring.revoked),
        }
        with replacing(self.directory / FILE) as out:
            out.write(canonical_bytes(document))

    def _file(self, key_id: str) -> Path:
        return self.directory / f"{key_id}.pem"

    def _key(self, key_id: str) -> PublicKey:
        found = public_keys(keyfiles.text_of(self._file(key_id).read_bytes(), name=f"{key_id}.pem"))
        if len(found) != 1 or found[0].key_id != key_id:
            raise Invalid(f"{key_id}.pem does not hold the key of that name.", code="key-ring")
        return found[0]
