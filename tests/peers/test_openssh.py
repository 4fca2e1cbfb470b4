"""OpenSSH as the vendor's server: one delivery, whatever is cut, late, full, denied or in the way."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import ErrorKind, Lane, LaneFailed, LaneState, sftp
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.secrets import Secrets
from tests.integration.worker.processes import wait_until
from tests.lanes import swept
from tests.peers.openssh import OpenSsh, make_key, needs_sshd, running_openssh
from tests.peers.sftp_faults import READDIR

pytestmark = needs_sshd
DIGEST = "sha256:" + "ab" * 32
FILE = f"{'ab' * 32}.zip"
CONTENT = b"PK package" * 5000


@pytest.fixture(scope="module")
def started() -> Iterator[OpenSsh]:
    with running_openssh() as server:
        yield server


@pytest.fixture
def server(started: OpenSsh, tmp_path: Path) -> OpenSsh:
    """With an empty folder, whose name has spaces in it."""
    started.folder = tmp_path / "lane of a vendor"
    started.folder.mkdir()
    return started


@pytest.fixture
def plain(server: OpenSsh) -> Iterator[OpenSsh]:
    """A test of ``server`` may start it with other options; afterwards it is as it was."""
    yield server
    server.start()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
    file.write_bytes(CONTENT)
    return file


def lane_of(server: OpenSsh, **more: Any) -> Lane:
    return lanes.Lanes.open(lanes.parse({"vendor": server.section(**more)}), Secrets({"NONE": "x"})).lanes["vendor"]


def incoming(server: OpenSsh) -> list[str]:
    folder = server.folder / "incoming"
    return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


def failed(lane: Lane, package: Path) -> LaneFailed:
    with pytest.raises(LaneFailed) as error:
        lane.deliver(package, DIGEST)
    return error.value


def outcome(lane: Lane, package: Path) -> ErrorKind | None:
    try:
        lane.deliver(package, DIGEST)
    except LaneFailed as error:
        return error.kind
    return None


def test_a_lane_takes_a_manifest_once_and_gives_it_back(server: OpenSsh, package: Path) -> None:
    lane = lane_of(server)
    assert lane.check()[0].ok
    assert lane.status(DIGEST).state is LaneState.ABSENT
    receipt = lane.deliver(package, DIGEST)
    assert (receipt.state, receipt.package_digest) == (LaneState.DELIVERED, digest_bytes(CONTENT))
    assert lane.deliver(package, DIGEST) == receipt == lane.status(DIGEST)
    assert (server.folder / "incoming" / FILE).read_bytes() == CONTENT
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN
    assert lane.deliver(package, DIGEST).state is LaneState.WITHDRAWN
    assert incoming(server) == []


def test_what_the_vendor_consumed_gets_a_notice_and_a_recall(server: OpenSsh, package: Path) -> None:
    lane = lane_of(server)
    lane.deliver(package, DIGEST)
    os.rename(server.folder / "incoming" / FILE, server.folder / "consumed" / FILE)
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.CONSUMED
    lane.recall(DIGEST, b'{"signed": true}')
    assert [len(list((server.folder / name).iterdir())) for name in ("notices", "recalls")] == [1, 1]


def test_replies_are_read_as_the_vendor_left_them(server: OpenSsh) -> None:
    lane = lane_of(server)
    assert lane.replies(DIGEST) == ()
    lane.check()
    (server.folder / "replies" / f"{'ab' * 32}-1.json").write_bytes(b'{"reply": 1}')
    assert lane.replies(DIGEST) == (b'{"reply": 1}',)


def test_a_changed_host_key_refuses_before_anything_is_sent(plain: OpenSsh, package: Path) -> None:
    lane, before = lane_of(plain), plain.fingerprint
    plain.new_host_key()
    error = failed(lane, package)
    assert error.kind is ErrorKind.NOT_SENT
    assert before in error.message
    assert plain.fingerprint in error.message
    assert not lane.check()[0].ok
    assert "Accepted" not in (plain.directory / "log").read_text().rpartition("Server listening")[2]


def test_one_of_several_pinned_keys_is_enough_as_a_fingerprint_too(server: OpenSsh, package: Path) -> None:
    other = "SHA256:" + "A" * 43
    assert lane_of(server, host_keys=[other, server.fingerprint]).deliver(package, DIGEST).state is LaneState.DELIVERED


def test_a_pinned_fingerprint_of_another_type_than_the_server_prefers(plain: OpenSsh, package: Path) -> None:
    other = plain.directory / "other"
    make_key(other, "-t", "ecdsa")
    plain.start(f"HostKey={other}")
    shown = subprocess.run(["ssh-keygen", "-lf", f"{other}.pub"], capture_output=True, check=True).stdout.split()[1]
    assert lane_of(plain, host_keys=[shown.decode()]).deliver(package, DIGEST).state is LaneState.DELIVERED
    error = failed(lane_of(plain, host_keys=["SHA256:" + "A" * 43]), package)
    assert error.kind is ErrorKind.NOT_SENT
    assert plain.fingerprint in error.message


def test_a_server_that_creates_what_is_there_is_found_by_check(plain: OpenSsh) -> None:
    plain.with_faults()
    assert lane_of(plain).check()[0].ok
    plain.with_fault(0, "not-exclusive")
    (found,) = lane_of(plain).check()
    assert not found.ok
    assert "creates a file that is there already" in found.message
    assert list((plain.folder / "staged").iterdir()) == []


def test_a_name_in_another_encoding_hides_no_reply(server: OpenSsh) -> None:
    lane = lane_of(server)
    lane.check()
    (server.folder / "replies" / f"{'ab' * 32}-1.json").write_bytes(b'{"reply": 1}')
    with open(os.fsencode(server.folder / "replies") + b"/Antwort-\xfcber.json", "wb") as file:
        file.write(b"{}")
    assert lane.replies(DIGEST) == (b'{"reply": 1}',)


def test_a_listing_without_an_end_is_given_up(server: OpenSsh, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = lane_of(server)
    lane.check()
    for number in range(5):
        (server.folder / "replies" / f"{'ab' * 32}-{number}.json").write_bytes(b"%d" % number)
    assert len(lane.replies(DIGEST)) == 5
    monkeypatch.setattr(sftp, "_MOST_LISTED", 3)
    with pytest.raises(LaneFailed, match="more than 3 files"):
        lane.replies(DIGEST)


def test_an_account_that_the_server_refuses_has_sent_nothing(server: OpenSsh, package: Path) -> None:
    assert failed(lane_of(server, user="nobody-here"), package).kind is ErrorKind.NOT_SENT


def test_nobody_listening_has_sent_nothing(server: OpenSsh, package: Path) -> None:
    assert failed(lane_of(server, port=9), package).kind is ErrorKind.NOT_SENT


@pytest.mark.parametrize("room", [100, len(CONTENT) - 1])
def test_a_full_disk_leaves_nothing_that_looks_like_a_package(plain: OpenSsh, package: Path, room: int) -> None:
    plain.with_full_disk(room)
    error = failed(lane_of(plain), package)
    assert error.kind is ErrorKind.BUSY
    assert "disk full" in error.message
    assert incoming(plain) == []
    plain.start()
    assert lane_of(plain).deliver(package, DIGEST).state is LaneState.DELIVERED
    assert (plain.folder / "incoming" / FILE).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "absent", [["fsync"], ["posix-rename"], ["setstat", "fsetstat"], ["fsync", "posix-rename", "hardlink", "symlink"]]
)
def test_a_server_that_can_do_less_gets_the_package_too(plain: OpenSsh, package: Path, absent: list[str]) -> None:
    plain.without(*absent)
    lane = lane_of(plain)
    assert lane.deliver(package, DIGEST) == lane.deliver(package, DIGEST)
    assert incoming(plain) == [FILE]


def test_an_account_without_rights_is_told_apart(plain: OpenSsh, package: Path) -> None:
    plain.start("ForceCommand=internal-sftp -R")
    error = failed(lane_of(plain), package)
    assert error.kind is ErrorKind.BUSY
    assert "allows that account" in error.message
    (found,) = lane_of(plain).check()
    assert not found.ok


def test_a_server_that_shows_a_folder_as_its_root(plain: OpenSsh, package: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("sshd confines an account to a folder only as root")
    with tempfile.TemporaryDirectory(dir="/run") as name:  # sshd wants every folder above it to be root's alone
        root = Path(name)
        root.chmod(0o755)
        (root / "lane").mkdir()
        plain.start(f"ChrootDirectory={root}", "ForceCommand=internal-sftp")
        assert lane_of(plain, folder="/lane").deliver(package, DIGEST).state is LaneState.DELIVERED
        assert (root / "lane" / "incoming" / FILE).read_bytes() == CONTENT


@pytest.mark.parametrize("path", [f"incoming/{FILE}", f"taken/{'ab' * 32}.1.json"])
def test_a_link_in_the_way_is_not_followed(server: OpenSsh, package: Path, tmp_path: Path, path: str) -> None:
    lane = lane_of(server)
    lane.check()
    (server.folder / path).symlink_to(tmp_path / "elsewhere")
    assert "is in the way" in failed(lane, package).message
    assert not (tmp_path / "elsewhere").exists()


def test_two_senders_at_the_same_moment_deliver_once(server: OpenSsh, package: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = [done.result() for done in [pool.submit(lane_of(server).deliver, package, DIGEST) for _ in range(4)]]
    assert {result.state for result in results} == {LaneState.DELIVERED}
    assert incoming(server) == [FILE]
    assert all(file.suffix == ".void" for file in (server.folder / "staged").iterdir())


def test_a_server_that_answers_too_late_leaves_it_unknown(plain: OpenSsh, package: Path) -> None:
    plain.with_faults()
    lane_of(plain).check()
    plain.with_fault(30, "late")
    assert failed(lane_of(plain, deadline_seconds=1.5), package).kind is ErrorKind.UNKNOWN
    assert lane_of(plain).deliver(package, DIGEST).state is LaneState.DELIVERED
    assert incoming(plain) == [FILE]


@pytest.mark.peer
def test_a_connection_cut_at_any_request_leaves_one_delivery(
    plain: OpenSsh, package: Path, tmp_path: Path, counted: Any
) -> None:
    """Before the request arrives, or after it was done: the next call finishes what is there, and adds nothing."""
    plain.with_faults()
    lane_of(plain).deliver(package, DIGEST)
    wait_until(plain.sessions, seconds=30, what="the server has written down the session that ended")
    number = len(plain.sessions()[-1]) - 1
    cut = 0
    for request in swept(range(1, number + 1)):
        for how in ("before", "after"):
            plain.folder = tmp_path / f"{how} {request}"
            plain.folder.mkdir()
            plain.with_fault(request, how)
            lane = lane_of(plain)
            came = outcome(lane, package)
            cut += came is not None
            assert came in (None, ErrorKind.BUSY, ErrorKind.UNKNOWN), (request, how)
            assert not plain.fault.exists(), "the session never came so far"
            assert came is not ErrorKind.BUSY or incoming(plain) == [], (request, how)
            assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
            assert incoming(plain) == [FILE]
            assert (plain.folder / "incoming" / FILE).read_bytes() == CONTENT
    assert cut > number / 4
    counted(f"SFTP: connection cut at {cut} of {number} requests, one delivery each")


def test_a_listing_that_is_cut_opens_no_further_round(plain: OpenSsh, package: Path) -> None:
    """The listing shows whose turn may have to be ended: one that ends early must not look like a short one."""
    lane = lane_of(plain)
    lane.check()
    (plain.folder / "taken" / f"{'ab' * 32}.1.json").write_bytes(b"")
    plain.with_faults()
    plain.with_fault(1, "before", READDIR)
    assert failed(lane, package).kind is ErrorKind.UNKNOWN
    assert not (plain.folder / "taken" / f"{'ab' * 32}.2.json").exists()
    assert lane.deliver(package, DIGEST).state is LaneState.DELIVERED
