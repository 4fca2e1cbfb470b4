"""Which witnesses must have cosigned a checkpoint: https://c2sp.org/tlog-policy, read strictly.

The file is octets. Names mean nothing outside it and are compared octet by octet; keys are what counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from handrail.audit import cosignature
from handrail.audit.checkpoint import NoteKey
from handrail.audit.cosignature import CosignerKey
from handrail.kernel.errors import Fault, Invalid

MAX_BYTES = 1024 * 1024
MAX_DEFINED = 256
NONE = b"none"
Key = TypeVar("Key", bound=NoteKey)

_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")  # "Character set": tab and newline are the only controls
_NUMBER = re.compile(rb"[1-9][0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class WitnessGroup:
    """At least ``least`` of ``members``, which are witnesses or earlier groups."""

    least: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """``witnesses`` and ``groups`` by name, ``quorum`` the name of one of them, or None for no cosignature at all."""

    logs: tuple[NoteKey, ...] = ()
    witnesses: Mapping[bytes, CosignerKey] = field(default_factory=dict)
    groups: Mapping[bytes, WitnessGroup] = field(default_factory=dict)
    quorum: bytes | None = None

    def is_reached(self, cosigned: Collection[CosignerKey]) -> bool:
        """Whether these witnesses are enough."""
        return self.quorum is None or self._holds(self.quorum, frozenset(cosigned))

    def _holds(self, name: bytes, cosigned: frozenset[CosignerKey]) -> bool:
        if name in self.witnesses:
            return self.witnesses[name] in cosigned
        group = self.groups[name]
        return sum(self._holds(member, cosigned) for member in group.members) >= group.least


def all_of(keys: Collection[CosignerKey]) -> TrustPolicy:
    """Every one of ``keys`` must have cosigned; none, if there are none."""
    witnesses = {f"w{number}".encode(): key for number, key in enumerate(keys)}
    if not witnesses:
        return TrustPolicy()
    return TrustPolicy((), witnesses, {b"all": WitnessGroup(len(witnesses), tuple(witnesses))}, b"all")


def parse(octets: bytes) -> TrustPolicy:
    """Raises Invalid naming the first line that is wrong."""
    if len(octets) > MAX_BYTES:
        raise _refused(1, f"a policy has at most {MAX_BYTES} bytes")
    if not octets.endswith(b"\n"):
        raise _refused(octets.count(b"\n") + 1, "each line ends with a newline, the last one too")
    reader = _PolicyReader()
    for number, line in enumerate(octets[:-1].split(b"\n"), start=1):
        if _FORBIDDEN.search(line):
            raise _refused(number, "no control characters but tab and newline")
        words = [word for word in line.replace(b"\t", b" ").split(b" ") if word]
        if words and not words[0].startswith(b"#"):
            reader.take(number, words)
    return reader.policy()


class _PolicyReader:
    def __init__(self) -> None:
        self.logs: dict[bytes, NoteKey] = {}
        self.witnesses: dict[bytes, CosignerKey] = {}
        self.groups: dict[bytes, WitnessGroup] = {}
        self.members: set[bytes] = set()
        self.quorum: list[bytes] = []
        self.verbs: Mapping[bytes, tuple[Callable[[int, list[bytes]], None], int, int]] = {
            b"log": (self._log, 1, 2),
            b"witness": (self._witness, 2, 3),
            b"group": (self._group, 3, MAX_DEFINED + 2),
            b"quorum": (self._quorum, 1, 1),
        }

    def take(self, number: int, words: list[bytes]) -> None:
        verb, least, most = self.verbs.get(words[0], (None, 0, 0))
        if verb is None:
            raise _refused(number, "a line begins with log, witness, group, quorum or #")
        if not least <= len(words) - 1 <= most:
            raise _refused(number, f"{words[0].decode()} is followed by {least} to {most} words")
        verb(number, words[1:])

    def policy(self) -> TrustPolicy:
        if len(self.quorum) != 1:
            raise _refused(0, "there is exactly one quorum line")
        quorum = None if self.quorum[0] == NONE else self.quorum[0]
        return TrustPolicy(tuple(self.logs.values()), self.witnesses, self.groups, quorum)

    def _log(self, number: int, words: list[bytes]) -> None:
        key = _key(number, words[0], cosignature.read_key)
        if _wrapped(key) in self.logs or len(self.logs) == MAX_DEFINED:
            raise _refused(number, "a log's public key stands in one line only")
        self.logs[_wrapped(key)] = key

    def _witness(self, number: int, words: list[bytes]) -> None:
        key = _key(number, words[1], CosignerKey.from_text)
        self._define(number, words[0])
        if any(key.public == other.public for other in self.witnesses.values()):
            raise _refused(number, "a witness's public key stands in one line only")
        self.witnesses[words[0]] = key

    def _group(self, number: int, words: list[bytes]) -> None:
        name, least, members = words[0], words[1], words[2:]
        self._define(number, name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise _refused(number, "a member is a witness or group of a line before")
            if member in self.members:
                raise _refused(number, "a name is a member once, in one group")
            self.members.add(member)
        count = {b"all": len(members), b"any": 1}.get(least)
        if count is None:
            count = int(least) if _NUMBER.fullmatch(least) else 0
        if not 1 <= count <= len(members):
            raise _refused(number, "the threshold is all, any, or a number from 1 to that of the members")
        self.groups[name] = WitnessGroup(count, tuple(members))

    def _quorum(self, number: int, words: list[bytes]) -> None:
        if words[0] != NONE and words[0] not in self.witnesses and words[0] not in self.groups:
            raise _refused(number, "the quorum is none, or a witness or group of a line before")
        if self.quorum:
            raise _refused(number, "there is exactly one quorum line")
        self.quorum.append(words[0])

    def _define(self, number: int, name: bytes) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise _refused(number, "a name is defined once, and none can't be one")
        if len(self.witnesses) + len(self.groups) == MAX_DEFINED:
            raise _refused(number, f"at most {MAX_DEFINED} witnesses and groups")


def _key(number: int, word: bytes, read: Callable[[str], Key]) -> Key:
    try:
        return read(word.decode())
    except (UnicodeDecodeError, Invalid):
        raise _refused(number, "the key is not a verifier key of a known type") from None


def _wrapped(key: NoteKey) -> bytes:
    """The public key itself: "duplicate" is what wraps the same one."""
    public = key.public  # type: ignore[attr-defined]
    return public if isinstance(public, bytes) else bytes(public.public_bytes_raw())


def _refused(line: int, message: str) -> Invalid:
    where = f"line {line}: " if line else ""
    return Invalid(
        f"The witness policy can't be read, {where}{message}.",
        code="witness-policy",
        faults=[Fault("policy", message, line=line or None, column=1 if line else None)],
    )
