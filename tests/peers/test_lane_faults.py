"""Every lane with a real server behind it, under the same faults: one delivery exactly."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import (
    AddressedLane,
    Addressee,
    ErrorKind,
    Lane,
    LaneFailed,
    LaneState,
    UploadAddress,
)
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secret, Secrets
from tests.factories.lane_server import serving as intake_serving
from tests.factories.portal_server import CASES
from tests.factories.portal_server import serving as portal_serving
from tests.peers.openssh import INSTALL as SSHD_INSTALL
from tests.peers.openssh import PROGRAM as SSHD
from tests.peers.openssh import running_openssh
from tests.peers.test_moto import INSTALL as MOTO_INSTALL
from tests.peers.test_moto import KEYS, moto
from tests.peers.test_moto import PROGRAM as MOTO

__all__ = ["moto"]
pytestmark = pytest.mark.peer
HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"
CONTENT = b"PK package" * 2000
KINDS = ["directory", "sftp", "s3", "http"]


@dataclass
class Peer:
    """``arrived``: every package that the receiver has. ``url``: the upload address, where the lane has one."""

    kind: str
    section: dict[str, Any]
    arrived: Callable[[], list[bytes]]
    url: str = ""

    def opened(self) -> Lane:
        """The lane as another worker opens it."""
        lane = opened(self.section)
        if isinstance(lane, AddressedLane):
            upload = UploadAddress(1, Secret(self.url), now() + timedelta(minutes=5)) if self.url else None
            return lane.addressed(Addressee({"inputs": {"vendor_case": CASES["jira"]}, "packet": {}}, upload))
        return lane

    @property
    def address(self) -> tuple[str, int]:
        """Where the peer listens."""
        if self.kind == "sftp":
            return self.section["host"], self.section["port"]
        parts = urlsplit(self.section.get("base_url") or self.section.get("endpoint") or self.section["origins"][0])
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def over(self, port: int, **more: Any) -> Peer:
        """The same peer, reached by another port of this machine."""
        (host, own), local = self.address, "127.0.0.1"
        if self.kind == "sftp":
            return replace(self, section=self.section | {"host": local, "port": port} | more)
        old, new = f"http://{host}:{own}", f"http://{local}:{port}"
        section = json.loads(json.dumps(self.section).replace(old, new))
        return replace(self, section=section | more, url=self.url.replace(old, new))


@pytest.fixture(params=KINDS)
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    with ExitStack() as stack:
        yield getattr(PeersOf(stack, tmp_path, request), request.param)()


@dataclass
class PeersOf:
    stack: ExitStack
    folder: Path
    request: pytest.FixtureRequest
    case: str = ""

    def directory(self) -> Peer:
        root = self.folder / "lane"
        return Peer("directory", {"kind": "directory", "folder": str(root)}, lambda: files(root))

    def sftp(self) -> Peer:
        if SSHD is None:
            absent(f"OpenSSH's server is not installed: {SSHD_INSTALL}")
        server = self.stack.enter_context(running_openssh())
        return Peer("sftp", server.section(), lambda: files(server.folder))

    def s3(self) -> Peer:
        if MOTO is None:
            absent(f"Moto is not installed: {MOTO_INSTALL}")
        client, bucket, endpoint = bucket_of(self.request, self.case)
        section = {"kind": "s3", "bucket": bucket, "endpoint": endpoint} | KEYS

        def arrived() -> list[bytes]:
            listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
            keys = [one["Key"] for one in listed if one["Key"].endswith(".zip")]
            return [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]

        return Peer("s3", section, arrived)

    def upload(self) -> Peer:
        stored = self.s3()
        endpoint, bucket = stored.section["endpoint"], stored.section["bucket"]
        section = {"kind": "upload", "origins": [endpoint], "deadline_seconds": 5}
        return Peer("upload", section, stored.arrived, f"{endpoint}/{bucket}/case-17.zip?X-Amz-Signature=5ec2e7")

    def portal(self) -> Peer:
        portal = self.stack.enter_context(portal_serving())
        section = {"kind": "portal", "preset": "jira", "base_url": portal.url, "auth": {"kind": "none"}}
        return Peer("portal", section, lambda: [body for name, body in portal.files.values() if name.endswith(".zip")])

    def http(self) -> Peer:
        intake = self.stack.enter_context(intake_serving())
        section = {"kind": "http", "base_url": intake.url, "deadline_seconds": 5}
        return Peer("http", section, lambda: list(intake.packages.values()))


def absent(why: str) -> None:
    """In CI everything is there."""
    assert not os.environ.get("CI"), why
    pytest.skip(why)


def bucket_of(request: pytest.FixtureRequest, case: str = "") -> tuple[Any, str, str]:
    endpoint = request.getfixturevalue("moto")
    keys = {"aws_access_key_id": "practice", "aws_secret_access_key": "practice"}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    bucket = f"b-{abs(hash(request.node.name + case)):x}"
    client.create_bucket(Bucket=bucket)
    return client, bucket, endpoint


def opened(section: dict[str, Any]) -> Lane:
    return lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({"KEY": "practice"})).lanes["vendor"]


def files(root: Path) -> list[bytes]:
    """What a receiver may see as a package."""
    return [file.read_bytes() for shelf in ("incoming", "consumed") for file in (root / shelf).glob("*.zip")]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
    file.write_bytes(CONTENT)
    return file


def test_two_workers_at_the_same_moment(peer: Peer, package: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        sent = [pool.submit(peer.opened().deliver, package, DIGEST) for _ in range(3)]
        assert {one.result().state for one in sent} == {LaneState.DELIVERED}
    assert peer.arrived() == [CONTENT]


def test_a_worker_that_comes_back_after_the_delivery(peer: Peer, package: Path) -> None:
    first = peer.opened().deliver(package, DIGEST)
    assert peer.opened().status(DIGEST) == first == peer.opened().deliver(package, DIGEST)
    assert peer.arrived() == [CONTENT]


def test_another_package_under_the_same_manifest(peer: Peer, package: Path) -> None:
    peer.opened().deliver(package, DIGEST)
    package.write_bytes(b"PK another")
    with pytest.raises(LaneFailed) as refused:
        peer.opened().deliver(package, DIGEST)
    assert (refused.value.kind, peer.arrived()) == (ErrorKind.REFUSED, [CONTENT])


def test_a_package_that_comes_after_its_withdrawal(peer: Peer, package: Path) -> None:
    assert peer.opened().withdraw(DIGEST, "Expired.").state is LaneState.WITHDRAWN
    assert peer.opened().deliver(package, DIGEST).state is LaneState.WITHDRAWN
    assert peer.arrived() == []


def test_a_withdrawal_at_the_moment_of_the_delivery(peer: Peer, package: Path) -> None:
    start = threading.Barrier(2)

    def after(act: Callable[[], Any]) -> Any:
        start.wait(30)
        return act()

    with ThreadPoolExecutor(2) as pool:
        sent = pool.submit(after, lambda: peer.opened().deliver(package, DIGEST))
        taken = pool.submit(after, lambda: peer.opened().withdraw(DIGEST, "Expired."))
        assert taken.result().state is LaneState.WITHDRAWN
        assert sent.result().state in (LaneState.DELIVERED, LaneState.WITHDRAWN)
    assert peer.opened().status(DIGEST).state is LaneState.WITHDRAWN
    assert peer.opened().deliver(package, DIGEST).state is LaneState.WITHDRAWN


@pytest.mark.skipif(MOTO is None and not os.environ.get("CI"), reason=f"Moto is not installed: {MOTO_INSTALL}")
def test_a_presigned_address_takes_one_package(request: pytest.FixtureRequest, package: Path) -> None:
    client, bucket, endpoint = bucket_of(request)
    url = client.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "case-17.zip"}, ExpiresIn=60)
    lane = opened({"kind": "upload", "origins": [endpoint]})
    assert isinstance(lane, AddressedLane)
    lane.check_address(Secret(url))  # type: ignore[attr-defined]
    address = UploadAddress(1, Secret(url), now() + timedelta(seconds=60))
    assert lane.addressed(Addressee({}, address)).deliver(package, DIGEST).state is LaneState.DELIVERED
    assert client.get_object(Bucket=bucket, Key="case-17.zip")["Body"].read() == CONTENT
    late = UploadAddress(2, Secret(url), now() - timedelta(seconds=1))
    with pytest.raises(LaneFailed, match="Ask the vendor for another one"):
        lane.addressed(Addressee({}, late)).deliver(package, DIGEST)
