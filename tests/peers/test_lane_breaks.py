"""A delivery that breaks anywhere: every kind of lane at every piece on its way, and at every statement of its worker.

The rows of the table are printed with ``counted``. By day a slice of them is run, at night each.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import Ability, ErrorKind, LaneFailed, LaneState
from tests.factories.cutting import BreakingWay, breaking_way
from tests.lanes import NIGHTLY
from tests.peers.test_lane_faults import CONTENT, DIGEST, Peer, PeersOf, moto, package

__all__ = ["moto", "package"]
pytestmark = pytest.mark.peer
KINDS = ["directory", "sftp", "s3", "http", "portal", "upload"]
BY_DAY, AT_NIGHT = 4, 400
_FOLDER = str(Path(lanes.__file__).parent)
NOTHING_CAME = frozenset({ErrorKind.NOT_SENT, ErrorKind.BUSY})


@contextmanager
def fresh(request: pytest.FixtureRequest, tmp_path: Path, kind: str, case: object) -> Iterator[Peer]:
    """A peer that has nothing yet."""
    folder = tmp_path / str(case)
    folder.mkdir()
    with ExitStack() as stack:
        yield getattr(PeersOf(stack, folder, request, str(case)), kind)()


def some(numbers: Sequence[int]) -> Sequence[int]:
    """By day a few of them from everywhere, and the last; at night each, of long rows every second, third …"""
    if NIGHTLY or len(numbers) <= BY_DAY:
        return numbers[:: 1 + len(numbers) // AT_NIGHT]
    step = len(numbers) / (BY_DAY - 1)
    return sorted({numbers[int(step * place)] for place in range(BY_DAY - 1)} | {numbers[-1]})


def outcome(peer: Peer, package: Path) -> ErrorKind | None:
    """Why there is no receipt; None where there is one."""
    try:
        peer.opened().deliver(package, DIGEST)
    except LaneFailed as error:
        return error.kind
    return None


def settles(peer: Peer, package: Path, came: ErrorKind | None) -> None:
    """What another worker does after ``came``, by the rules of deliveries, leaves exactly one package. Where nothing
    can be asked there is at most one, and nobody sends again."""
    lane = peer.opened()
    if came in NOTHING_CAME:
        assert peer.arrived() == []
        assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
    elif came is ErrorKind.UNKNOWN and Ability.ASK not in lane.abilities:
        assert peer.arrived() in ([], [CONTENT])
        return
    elif came is ErrorKind.UNKNOWN:
        if lane.status(DIGEST).state is not LaneState.DELIVERED:
            assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
    else:
        assert came is None
    assert peer.arrived() == [CONTENT]


def broken(way: BreakingWay, peer: Peer, package: Path, **how: Any) -> ErrorKind | None:
    way.again(**how)
    came = outcome(peer, package)
    way.again()
    return came


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "directory"])
def test_a_way_that_is_cut_at_any_piece_leaves_one_delivery(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, package: Path, counted: Callable[[str], None]
) -> None:
    number = pieces_of(request, tmp_path, kind, package)
    found = []
    for cut in some(range(1, number + 1)):
        with fresh(request, tmp_path, kind, f"cut-{cut}") as peer, breaking_way(peer.address) as way:
            found.append(broken(way, peer.over(way.port), package, cut_at=cut))
            settles(peer, package, found[-1])
    assert any(found)
    counted(f"{kind}: cut at {len(found)} of {number} pieces, one delivery each ({shown(found)})")


def pieces_of(request: pytest.FixtureRequest, tmp_path: Path, kind: str, package: Path) -> int:
    with fresh(request, tmp_path, kind, "counted") as peer, breaking_way(peer.address) as way:
        peer.over(way.port).opened().deliver(package, DIGEST)
        return way.pieces


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "directory"])
def test_an_answer_that_comes_when_nobody_waits_leaves_one_delivery(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, package: Path, counted: Callable[[str], None]
) -> None:
    number = pieces_of(request, tmp_path, kind, package)
    found = []
    for held in range(1, number + 1) if NIGHTLY else [number]:
        with fresh(request, tmp_path, kind, f"held-{held}") as peer, breaking_way(peer.address) as way:
            short = peer.over(way.port, deadline_seconds=1)
            found.append(broken(way, short, package, held_at=held, held_seconds=2.5))
            settles(peer, package, found[-1])
    counted(f"{kind}: held at {len(found)} of {number} pieces, one delivery each ({shown(found)})")


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_killed_at_any_statement_leaves_one_delivery(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, package: Path, counted: Callable[[str], None]
) -> None:
    with fresh(request, tmp_path, kind, "counted") as peer:
        number = in_a_process(lambda: traced(lambda: deliver(peer, package), 0))
    assert number > 0
    killed = 0
    for statement in some(range(1, number + 1)):
        with fresh(request, tmp_path, kind, f"kill-{statement}") as peer:
            killed += in_a_process(lambda: traced(lambda: deliver(peer, package), statement)) == -signal.SIGKILL  # noqa: B023
            settles(peer, package, ErrorKind.UNKNOWN)
    assert killed
    counted(f"{kind}: worker killed at {killed} of {number} statements, one delivery each")


def test_a_full_disk_leaves_nothing_in_a_directory(
    request: pytest.FixtureRequest, tmp_path: Path, package: Path
) -> None:
    def cramped() -> int:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(CONTENT) // 2, len(CONTENT) // 2))
        return 1 if outcome(peer, package) is ErrorKind.UNKNOWN else 0

    with fresh(request, tmp_path, "directory", "full") as peer:
        assert in_a_process(cramped) == 1
        assert peer.arrived() == []
        settles(peer, package, ErrorKind.UNKNOWN)


def shown(found: list[ErrorKind | None]) -> str:
    kinds = sorted({str(one or "delivered") for one in found})
    return ", ".join(f"{one} {sum(str(came or 'delivered') == one for came in found)}" for one in kinds)


def deliver(peer: Peer, package: Path) -> None:
    with suppress(LaneFailed):
        peer.opened().deliver(package, DIGEST)


def traced(act: Callable[[], None], kill_at: int) -> int:
    """How many statements of lanes ``act`` runs; this process is killed at the ``kill_at``-th."""
    count = 0

    def line(_frame: FrameType, event: str, _value: object) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def enter(frame: FrameType, _event: str, _value: object) -> Any:
        return line if frame.f_code.co_filename.startswith(_FOLDER) else None

    threading.settrace(enter)
    sys.settrace(enter)
    act()
    sys.settrace(None)
    return count


def in_a_process(act: Callable[[], int]) -> int:
    """What ``act`` gives in a process of its own, or the negative signal that ended it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(act()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        text = said.read()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code else int(text or 0)
