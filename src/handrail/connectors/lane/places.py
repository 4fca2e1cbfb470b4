"""One place a manifest in a folder of another machine, where nothing is atomic but creating a name and leaving one.

incoming/HEX.zip      delivered; the receiver consumes it by renaming it into consumed/
consumed/HEX.zip      consumed
withdrawn/HEX.zip     taken back by the same rename
notices/HEX-….json    the notice of one for the receiver; recalls/HEX-….json: a signed recall
replies/HEX-….json    what the receiver answers, renamed to here whole
taken/HEX.N.json      round N: which token has the place of this manifest; never removed
staged/HEX-N-….zip    the token of a package, whole; ``.no`` that of a withdrawal; ``.part`` while it is written

A token is whole before its writer creates the round's marker, which names it. The decision takes effect when the token
leaves ``staged/``: to ``incoming/``, or into ``withdrawn/``. A writer that dies between creating its marker and writing
it leaves one that says nothing. Then every token of that round is renamed to ``.void`` and the next round is open: of
that rename and the one that takes effect only one succeeds. A token of one round never gets the place of another.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from handrail.connectors.lane.lane import MAX_REPLY_BYTES, ErrorKind, LaneFailed, LaneState, Receipt
from handrail.kernel.canonical import canonical_bytes, digest_bytes

SHELVES = {LaneState.DELIVERED: "incoming", LaneState.CONSUMED: "consumed", LaneState.WITHDRAWN: "withdrawn"}
FOLDERS = (*SHELVES.values(), "notices", "replies", "recalls", "taken", "staged")
# Each round but the last was left by a writer that died within one write.
MOST_ROUNDS = 20
MOST_TURNS = 100
MAX_MARKER = 1000
_VOID, _PART, _NO = ".void", ".part", ".no"


class Files(Protocol):
    """The folder, by paths below it. Every method raises LaneFailed or OSError when it doesn't know."""

    def prepare(self, folder: str) -> None:
        """Makes the folder, unless it is there."""

    def exists(self, path: str) -> bool:
        """Whether a file of that name is there. Raises LaneFailed where it is something else than a file."""

    def read(self, path: str, limit: int) -> bytes | None: ...

    def create(self, path: str, data: bytes) -> bool:
        """Creates the name, then writes. False where the name is taken: nothing was changed then."""

    def move(self, source: str, target: str) -> bool:
        """The name leaves for another in one step. False where it is not there."""

    def names(self, folder: str) -> list[str]:
        """All of them, or an error; none where there is no such folder."""

    def remove(self, path: str) -> None: ...


class _Stands(Enum):
    OPEN = "open"  # ``number`` is the round to be taken
    UNCLEAR = "unclear"  # the marker of ``number`` says nothing
    PENDING = "pending"  # decided, and its token has not left yet
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class _ManifestPlace:
    stands: _Stands
    number: int
    package: str = ""
    token: str = ""
    state: LaneState = LaneState.ABSENT

    @property
    def suffix(self) -> str:
        return self.token.partition(".")[2]


class LanePlaces:
    """``danger`` is called before anything that may deliver or withdraw: up to then nothing has come of the call."""

    def __init__(self, files: Files, danger: Callable[[], None] = lambda: None) -> None:
        self._files = files
        self._danger = danger

    def find(self, name: str) -> Receipt:
        found = self._look(name)
        if found.stands is not _Stands.DECIDED:
            return Receipt(LaneState.ABSENT)
        if not found.package:
            return Receipt(found.state)
        shelf = SHELVES.get(found.state)
        return Receipt(found.state, f"{shelf}/{name[:12]}" if shelf else "", found.package)

    def deliver(self, name: str, data: bytes, suffix: str) -> Receipt:
        self._prepare()
        digest = digest_bytes(data)
        for _ in range(MOST_TURNS):
            found = self._look(name)
            if found.package not in ("", digest):
                raise LaneFailed("The lane holds another package under this manifest.", ErrorKind.REFUSED)
            if found.stands is _Stands.DECIDED:
                return self.find(name)
            if found.stands is _Stands.OPEN:
                self._take(name, found.number, data, suffix, package=digest)
            elif found.stands is _Stands.PENDING:
                self._effect(name, found)
            elif self._void(name, found.number):
                self._take(name, found.number + 1, data, suffix, package=digest)
        raise _never_settles()

    def withdraw(self, name: str, notice: bytes) -> Receipt:
        self._prepare()
        for _ in range(MOST_TURNS):
            found = self._look(name)
            if found.stands is _Stands.OPEN:
                self._take(name, found.number, notice, _NO[1:], package="")
            elif found.stands is _Stands.UNCLEAR:
                if self._void(name, found.number):
                    self._take(name, found.number + 1, notice, _NO[1:], package="")
            elif found.stands is _Stands.PENDING:
                self._effect(name, found, back=True)
            elif found.state is LaneState.DELIVERED:
                self._danger()
                source, target = (f"{SHELVES[state]}/{name}.{found.suffix}" for state in _BACK)
                self._files.move(source, target)
            else:
                if found.package:
                    self.leave("notices", name, notice)
                return self.find(name)
        raise _never_settles()

    def leave(self, folder: str, name: str, body: bytes) -> None:
        """One file a content, whole or not at all."""
        self._prepare()
        target = f"{folder}/{name}-{digest_bytes(body)[7:23]}.json"
        if not self._files.exists(target):
            part = f"{folder}/.writing-{secrets.token_hex(16)}"
            self._files.create(part, body)
            self._files.move(part, target)

    def replies(self, name: str) -> Iterator[bytes]:
        for found in sorted(self._files.names("replies")):
            if found.startswith(f"{name}-") and "/" not in found:
                yield self._files.read(f"replies/{found}", MAX_REPLY_BYTES + 1) or b""

    def _prepare(self) -> None:
        for folder in FOLDERS:
            self._files.prepare(folder)

    def _look(self, name: str) -> _ManifestPlace:
        number = 0
        while self._files.exists(_marker(name, number + 1)):
            number += 1
            if number > MOST_ROUNDS:
                raise LaneFailed("The lane's folder taken/ has more markers than can be.", ErrorKind.UNKNOWN)
        if number == 0:
            return _ManifestPlace(_Stands.OPEN, 1)
        said = self._said(name, number)
        if said is None:
            return _ManifestPlace(_Stands.UNCLEAR, number)
        package, token = said
        if self._files.exists(f"staged/{token}"):
            return _ManifestPlace(_Stands.PENDING, number, package, token)
        if self._files.exists(f"staged/{token}{_VOID}"):
            return _ManifestPlace(_Stands.OPEN, number + 1)
        if not package:
            return _ManifestPlace(_Stands.DECIDED, number, state=LaneState.WITHDRAWN)
        return self._on_shelf(name, _ManifestPlace(_Stands.DECIDED, number, package, token))

    def _on_shelf(self, name: str, found: _ManifestPlace) -> _ManifestPlace:
        """A package moves on only, so looking in the order of its way can't miss it."""
        state = next(
            (state for state, shelf in SHELVES.items() if self._files.exists(f"{shelf}/{name}.{found.suffix}")),
            LaneState.GONE,
        )
        return _ManifestPlace(found.stands, found.number, found.package, found.token, state)

    def _said(self, name: str, number: int) -> tuple[str, str] | None:
        """Package and token; None while the marker isn't whole: not written yet, or never."""
        raw = self._files.read(_marker(name, number), MAX_MARKER)
        try:
            said = json.loads(raw or b"")
            package, token = str(said["package"]), str(said["staged"])
        except (ValueError, TypeError, KeyError):
            return None
        return (package, token) if token.startswith(f"{name}-{number}-") and "/" not in token else None

    def _take(self, name: str, number: int, data: bytes, suffix: str, *, package: str) -> None:
        """Stages a whole token, then takes the round for it, unless somebody else was first."""
        token = f"{name}-{number}-{secrets.token_hex(16)}.{suffix}"
        self._files.create(f"staged/{token}{_PART}", data)
        self._files.move(f"staged/{token}{_PART}", f"staged/{token}")
        self._danger()
        marker = canonical_bytes({"package": package, "staged": token})
        if not self._files.create(_marker(name, number), marker):
            self._files.remove(f"staged/{token}")

    def _effect(self, name: str, found: _ManifestPlace, *, back: bool = False) -> None:
        self._danger()
        if not found.package:
            target = f"withdrawn/{found.token}"
        else:
            target = f"{'withdrawn' if back else 'incoming'}/{name}.{found.suffix}"
        self._files.move(f"staged/{found.token}", target)

    def _void(self, name: str, number: int) -> bool:
        """Ends a round whose marker says nothing, and whether it did. Its writer, should it live, finds its token gone.

        The token was there before the marker, and leaves only after the marker was written. So where the marker still
        says nothing after this, no token of the round has left or ever will, and the next round may be taken.
        """
        self._danger()
        for token in self._files.names("staged"):
            if token.startswith(f"{name}-{number}-") and not token.endswith((_VOID, _PART)):
                self._files.move(f"staged/{token}", f"staged/{token}{_VOID}")
        return self._said(name, number) is None


_BACK = (LaneState.DELIVERED, LaneState.WITHDRAWN)


def _marker(name: str, number: int) -> str:
    return f"taken/{name}.{number}.json"


def _never_settles() -> LaneFailed:
    return LaneFailed("The lane's folder changed all the time.", ErrorKind.UNKNOWN)
