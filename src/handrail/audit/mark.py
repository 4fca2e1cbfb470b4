"""The high-water mark: the newest checkpoint that this machine has signed or seen, kept outside the database.

Anybody who owns the tables can cut the log together with its checkpoints, and what is left fits together. So the sealer
keeps, in the state directory, what it signed last, and signs nothing that does not extend it (``watch``). Two files:

``audit-high-water-mark``  the signed note itself, so that it is also a checkpoint for ``audit verify --kept``
``audit-sealing.json``     why sealing has stopped, if it has; sizes and roots before the mark; what was accepted

Both are replaced atomically, with mode 0600, by one process at a time: each change is made of what is there, and a
reason to stop must not be lost to a seal that ends at the same moment. A mark that lags behind does no harm: the log
extends it. So it is written after the commit, and a machine that is off for a week catches up with its first seal.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from handrail.kernel.configured import Configured
from handrail.kernel.errors import Misconfigured

MARK_FILE = "audit-high-water-mark"
STATE_FILE = "audit-sealing.json"
EARLIER = 256
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class SealingStop:
    """Why this machine seals nothing any more. ``at`` is ISO 8601."""

    at: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SealingState:
    """``earlier``: (size, base64 root) of marks before this one, which narrow down where a log differs.

    ``rows_from``: leaves below it were accepted by a person as they are; the sealer doesn't compare their rows.
    """

    stopped: SealingStop | None = None
    earlier: tuple[tuple[int, str], ...] = ()
    rows_from: int = 0


@dataclass(frozen=True, slots=True)
class MarkStore:
    """The two files in ``directory``, which is made when something is written first."""

    directory: Path

    @property
    def path(self) -> Path:
        return self.directory / MARK_FILE

    def read(self) -> str | None:
        """The signed note, not yet verified; None when this machine has none. Raises Misconfigured, naming the file,
        when it can't be read."""
        return _text(self.path)

    def state(self) -> SealingState:
        """Raises Misconfigured, naming the file, when it can't be read or is not what ``_keep`` writes."""
        path = self.directory / STATE_FILE
        text = _text(path)
        if text is None:
            return SealingState()
        try:
            return _state(json.loads(text))
        except (ValueError, TypeError, KeyError):
            message = f"{path} is damaged. Restore it, or accept the log as it is: handrail audit accept-restore"
            raise Misconfigured(message, code="audit-mark") from None

    def advance(self, text: str, *, size: int, root: bytes) -> None:
        """Makes ``text``, a signed note over ``size`` leaves, the mark, unless another process has kept a larger one
        since. Raises Misconfigured when it can't be written."""
        with self._alone():
            state = self.state()
            if self.read() is not None and any(kept > size for kept, _ in state.earlier):
                return
            earlier = [pair for pair in state.earlier if pair[0] < size]
            pair = (size, base64.b64encode(root).decode())
            self._keep(SealingState(state.stopped, tuple(_thinned([*earlier, pair])), state.rows_from))
            _write(self.path, text)

    def stop(self, why: SealingStop) -> None:
        """Sealing stays stopped on this machine until ``restart``. The first reason is kept."""
        with self._alone():
            state = self.state()
            if state.stopped is None:
                self._keep(SealingState(why, state.earlier, state.rows_from))

    def restart(self, *, rows_from: int) -> None:
        """Forgets the mark and why sealing stopped: the log as it is was accepted up to ``rows_from`` leaves."""
        with self._alone():
            self._keep(SealingState(rows_from=rows_from))
            self.path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Removes both files: for a database that was made blank on purpose, as the demo's is at each start."""
        for name in (MARK_FILE, STATE_FILE):
            (self.directory / name).unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other thread or process changes the files within the block: the directory itself is what is locked."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            message = f"{self.directory} can't be used: {error.strerror}."
            raise Misconfigured(message, code="audit-mark") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _keep(self, state: SealingState) -> None:
        _write(self.directory / STATE_FILE, json.dumps(asdict(state)) + "\n")


_configured = Configured[MarkStore](
    missing="The audit log's high-water mark is not configured in this process.", code="audit-mark"
)
configure = _configured.set
get = _configured.get
use = _configured.use


def _thinned(pairs: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """At most ``EARLIER``: all of the newest half, and of the older half every second."""
    if len(pairs) <= EARLIER:
        return list(pairs)
    middle = len(pairs) // 2
    return [*pairs[:middle:2], *pairs[middle:]]


def _state(given: dict[str, Any]) -> SealingState:
    stopped = given["stopped"]
    return SealingState(
        stopped=SealingStop(**stopped) if stopped is not None else None,
        earlier=tuple((int(size), str(root)) for size, root in given["earlier"]),
        rows_from=int(given["rows_from"]),
    )


def _text(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} can't be read: {type(error).__name__}.", code="audit-mark") from None


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and on the disk when this returns."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(new)
            raise
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise Misconfigured(f"{path} can't be written: {error.strerror}.", code="audit-mark") from None
