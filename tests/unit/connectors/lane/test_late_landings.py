"""A package that comes late, twice, or while somebody else decides about it never stands in a lane unnoticed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from handrail.connectors.lane import ErrorKind, Lane, LaneFailed, LaneState, Receipt
from handrail.connectors.lane.drop import DirectoryLane
from tests.factories import bucket_server
from tests.factories.lane_server import serving
from tests.unit.connectors.lane.test_lanes import DIGEST, http, opened, package, s3

__all__ = ["package"]
FILE = f"{'ab' * 32}.zip"


@dataclass
class Pause:
    """The first call of an operating system's function waits until ``go``; every other one goes on."""

    reached: Event = field(default_factory=Event)
    go: Event = field(default_factory=Event)

    def before(self, act: Any) -> Any:
        def paused(*given: Any, **more: Any) -> Any:
            if not self.reached.is_set():
                self.reached.set()
                assert self.go.wait(30)
            return act(*given, **more)

        return paused


@contextmanager
def delivering_slowly(
    folder: Path, package: Path, at: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Future[Receipt]]:
    """A sender that stops just before its first ``os.link`` or ``os.rename`` for as long as the block runs."""
    pause = Pause()
    monkeypatch.setattr(os, at, pause.before(getattr(os, at)))
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(DirectoryLane("vendor", folder).deliver, package, DIGEST)
        assert pause.reached.wait(30)
        try:
            yield sent
        finally:
            pause.go.set()
            sent.exception(30)


@pytest.mark.parametrize("at", ["link", "rename"])
def test_two_senders_and_a_receiver_leave_one_delivery(
    at: str, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lane"
    with delivering_slowly(folder, package, at, monkeypatch) as late:
        assert DirectoryLane("vendor", folder).deliver(package, DIGEST).state is LaneState.DELIVERED
        os.rename(folder / "incoming" / FILE, folder / "consumed" / FILE)
    assert late.result().state is LaneState.CONSUMED
    assert [*(folder / "incoming").iterdir(), *(folder / "staged").iterdir()] == []


@pytest.mark.parametrize("at", ["link", "rename"])
def test_a_sender_that_goes_on_after_the_recall_puts_nothing_into_the_directory(
    at: str, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lane"
    with delivering_slowly(folder, package, at, monkeypatch) as late:
        assert DirectoryLane("vendor", folder).withdraw(DIGEST, "Expired.").state is LaneState.WITHDRAWN
    assert late.result().state is LaneState.WITHDRAWN
    assert list((folder / "incoming").iterdir()) == []


def test_a_delivery_that_died_half_way_is_finished_by_the_next(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lane"
    lane = DirectoryLane("vendor", folder)
    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
        with pytest.raises(LaneFailed) as failed:
            lane.deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.UNKNOWN
    assert lane.status(DIGEST).state is LaneState.ABSENT
    assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
    assert (folder / "incoming" / FILE).read_bytes() == b"PK package"
    assert list((folder / "staged").iterdir()) == []


def test_what_left_the_directory_another_way_is_gone_and_not_delivered_again(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "lane"
    lane = DirectoryLane("vendor", folder)
    lane.deliver(package, DIGEST)
    (folder / "incoming" / FILE).unlink()
    assert lane.status(DIGEST).state is LaneState.GONE
    assert lane.deliver(package, DIGEST).state is LaneState.GONE
    assert list((folder / "incoming").iterdir()) == []


@pytest.mark.parametrize("kind", ["directory", "s3", "http"])
def test_a_lane_takes_nothing_after_a_withdrawal(kind: str, package: Path, tmp_path: Path) -> None:
    with serving() as intake, bucket_server.serving() as bucket:
        lanes: dict[str, Lane] = {
            "directory": DirectoryLane("vendor", tmp_path / "lane"),
            "s3": s3(bucket),
            "http": http(intake),
        }
        lane = lanes[kind]
        assert lane.withdraw(DIGEST, "Expired.") == Receipt(LaneState.WITHDRAWN)
        assert lane.deliver(package, DIGEST) == Receipt(LaneState.WITHDRAWN)
        assert lane.withdraw(DIGEST, "Expired.") == Receipt(LaneState.WITHDRAWN)
        assert not any(path.endswith(".zip") for path in bucket.objects)
        assert intake.packages == {}


def test_a_package_that_lands_in_a_bucket_after_the_recall_is_marked_withdrawn(package: Path) -> None:
    with bucket_server.serving() as bucket, ThreadPoolExecutor(1) as pool:
        bucket.holds = Event()
        late = pool.submit(s3(bucket).deliver, package, DIGEST)
        assert bucket.held.wait(30)
        assert s3(bucket).withdraw(DIGEST, "Expired.").state is LaneState.WITHDRAWN
        bucket.holds.set()
        assert late.result().state is LaneState.WITHDRAWN
        assert s3(bucket).status(DIGEST).state is LaneState.WITHDRAWN


def test_a_package_that_the_receiver_consumed_and_removed_is_not_put_again(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
        lane.deliver(package, DIGEST)
        bucket.objects[f"/intake/handrail/{'ab' * 32}.consumed"] = b""
        del bucket.objects[f"/intake/handrail/{FILE}"]
        assert lane.status(DIGEST).state is LaneState.CONSUMED
        assert lane.deliver(package, DIGEST).state is LaneState.CONSUMED
        assert f"/intake/handrail/{FILE}" not in bucket.objects


def test_a_directory_that_hangs_is_walked_away_from(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = Pause()
    monkeypatch.setattr(os, "fsync", pause.before(os.fsync))
    section = {"kind": "directory", "folder": tmp_path / "lane", "deadline_seconds": 0.3}
    with pytest.raises(LaneFailed) as failed:
        opened(section).deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.UNKNOWN
    assert pause.reached.is_set()
    assert not pause.go.is_set()
    pause.go.set()


def test_a_bucket_that_trickles_its_answer_is_walked_away_from(package: Path) -> None:
    with bucket_server.serving() as bucket:
        bucket.trickles = True
        with pytest.raises(LaneFailed, match="in time") as failed:
            s3(bucket, deadline_seconds=1).deliver(package, DIGEST)
        bucket.trickles = False
    assert failed.value.kind is ErrorKind.UNKNOWN
