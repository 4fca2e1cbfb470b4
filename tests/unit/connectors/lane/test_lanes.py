"""Every lane takes one manifest once, says how it stands, and gives back what was not consumed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import ErrorKind, Lane, LaneFailed, LaneState
from handrail.connectors.lane.drop import DirectoryLane
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.secrets import Secrets
from tests.factories import bucket_server
from tests.factories.bucket_server import BucketServer
from tests.factories.lane_server import Intake, serving

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "PKT-7K3M9QX2ZA-r1.zip"
    file.write_bytes(b"PK package")
    return file


def opened(section: dict[str, object]) -> Lane:
    return lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({})).lanes["vendor"]


def http(intake: Intake) -> Lane:
    return opened({"kind": "http", "base_url": intake.url, "deadline_seconds": 2})


@pytest.mark.parametrize("kind", ["http", "directory"])
def test_a_lane_takes_a_manifest_once_and_gives_it_back(kind: str, package: Path, tmp_path: Path) -> None:
    with serving() as intake:
        lane = http(intake) if kind == "http" else DirectoryLane("vendor", tmp_path / "lane")
        assert lane.status(DIGEST).state is LaneState.ABSENT
        receipt = lane.deliver(package, DIGEST)
        assert receipt.state is LaneState.DELIVERED
        assert lane.deliver(package, DIGEST) == receipt == lane.status(DIGEST)
        assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN
        assert lane.status(DIGEST).state is LaneState.WITHDRAWN


@pytest.mark.parametrize("kind", ["http", "directory"])
def test_another_package_under_the_same_manifest_is_refused(kind: str, package: Path, tmp_path: Path) -> None:
    with serving() as intake:
        lane = http(intake) if kind == "http" else DirectoryLane("vendor", tmp_path / "lane")
        lane.deliver(package, DIGEST)
        package.write_bytes(b"PK another")
        with pytest.raises(LaneFailed) as refused:
            lane.deliver(package, DIGEST)
    assert refused.value.kind is ErrorKind.REFUSED


def test_what_the_receiver_took_out_of_the_directory_is_consumed(package: Path, tmp_path: Path) -> None:
    lane = DirectoryLane("vendor", tmp_path / "lane")
    lane.deliver(package, DIGEST)
    name = f"{'ab' * 32}.zip"
    os.rename(tmp_path / "lane" / "incoming" / name, tmp_path / "lane" / "consumed" / name)
    assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.CONSUMED
    assert len(list((tmp_path / "lane" / "notices").iterdir())) == 1


def test_nobody_listening_is_certainly_not_sent(package: Path) -> None:
    lane = opened({"kind": "http", "base_url": "http://127.0.0.1:9", "deadline_seconds": 2})
    with pytest.raises(LaneFailed) as failed:
        lane.deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.NOT_SENT


def test_an_answer_that_is_no_receipt_leaves_it_unknown(package: Path) -> None:
    with serving() as intake:
        intake.told = lambda digest: {"state": "delivered", "manifest_digest": "sha256:" + "0" * 64}  # type: ignore[method-assign]
        with pytest.raises(LaneFailed) as failed:
            http(intake).deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.UNKNOWN


@pytest.mark.parametrize("status", [202, 203, 206, 226, 500, 502, 504, 599])
def test_a_status_that_says_nothing_for_sure_leaves_it_unknown(status: int, package: Path) -> None:
    with serving() as intake:
        intake.says = status
        with pytest.raises(LaneFailed) as failed:
            http(intake).deliver(package, DIGEST)
        assert failed.value.kind is ErrorKind.UNKNOWN
        assert http(intake).status(DIGEST).state is LaneState.DELIVERED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422])
def test_a_status_of_4xx_is_a_refusal_for_good(status: int, package: Path) -> None:
    with serving() as intake:
        intake.says = status
        with pytest.raises(LaneFailed) as failed:
            http(intake).deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.REFUSED


def test_a_digest_that_is_none_never_becomes_a_path(package: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        DirectoryLane("vendor", tmp_path / "lane").deliver(package, "sha256:../../etc/passwd")


def test_a_lane_that_is_not_configured_says_what_to_add() -> None:
    with pytest.raises(Misconfigured, match=r"\[lanes.nowhere\]"):
        lanes.get("nowhere")


def test_a_wrong_section_names_the_field() -> None:
    with pytest.raises(Misconfigured) as refused:
        lanes.parse({"vendor": {"kind": "http"}})
    assert "lanes.vendor" in refused.value.message


def s3(bucket: BucketServer, **more: object) -> Lane:
    section = {"kind": "s3", "bucket": "intake", "prefix": "handrail/", "endpoint": bucket.url}
    keys = {"access_key": "env:KEY", "secret_key": "env:KEY"}
    return lanes.Lanes.open(lanes.parse({"vendor": section | keys | more}), Secrets({"KEY": "k"})).lanes["vendor"]


def test_a_bucket_takes_a_manifest_once_and_gives_it_back(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
        assert lane.status(DIGEST).state is LaneState.ABSENT
        receipt = lane.deliver(package, DIGEST)
        assert lane.deliver(package, DIGEST) == receipt == lane.status(DIGEST)
        assert [path for path in bucket.objects if path.endswith(".zip")] == [f"/intake/handrail/{'ab' * 32}.zip"]
        assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN


def test_a_bucket_refuses_another_package_under_the_same_manifest(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
        lane.deliver(package, DIGEST)
        package.write_bytes(b"PK another")
        with pytest.raises(LaneFailed) as refused:
            lane.deliver(package, DIGEST)
        assert refused.value.kind is ErrorKind.REFUSED
        assert b"PK package" in bucket.objects.values()


def test_a_package_marked_as_consumed_in_a_bucket_gets_a_notice_only(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
        lane.deliver(package, DIGEST)
        bucket.objects[f"/intake/handrail/{'ab' * 32}.consumed"] = b""
        assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.CONSUMED
        assert any(".notice-" in path for path in bucket.objects)


def test_a_bucket_that_denies_says_what_to_fix(package: Path) -> None:
    with bucket_server.serving() as bucket:
        bucket.denied = True
        lane = s3(bucket)
        with pytest.raises(LaneFailed) as refused:
            lane.deliver(package, DIGEST)
        assert refused.value.kind is ErrorKind.REFUSED
        assert not lane.check()[0].ok


def test_a_bucket_that_is_not_there_does_not_answer(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
        assert lane.check()[0].ok
        bucket.missing = True
        (found,) = lane.check()
    assert not found.ok
    assert "there is no bucket named intake" in found.message


def test_a_bucket_that_nobody_serves_is_certainly_not_sent(package: Path) -> None:
    with bucket_server.serving() as bucket:
        lane = s3(bucket)
    with pytest.raises(LaneFailed) as failed:
        lane.deliver(package, DIGEST)
    assert failed.value.kind is ErrorKind.NOT_SENT


def test_a_bucket_without_keys_uses_the_credentials_that_boto3_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDFROMENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with bucket_server.serving() as bucket:
        section = {"kind": "s3", "bucket": "intake", "endpoint": bucket.url}
        assert opened(section).status(DIGEST).state is LaneState.ABSENT
        assert "AKIDFROMENVIRONMENT" in bucket.authorizations[-1]


def test_a_bucket_without_any_credentials_says_so_and_has_sent_nothing(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with bucket_server.serving() as bucket:
        with pytest.raises(LaneFailed, match="no credentials") as failed:
            opened({"kind": "s3", "bucket": "intake", "endpoint": bucket.url}).deliver(package, DIGEST)
        assert bucket.authorizations == []
    assert failed.value.kind is ErrorKind.NOT_SENT


def test_one_of_two_keys_is_refused() -> None:
    with pytest.raises(Misconfigured, match="neither"):
        lanes.parse({"vendor": {"kind": "s3", "bucket": "intake", "access_key": "env:KEY"}})


@pytest.mark.parametrize("kind", ["http", "directory", "s3"])
def test_an_encrypted_package_is_one_manifests_delivery_like_any_other(
    kind: str, package: Path, tmp_path: Path
) -> None:
    encrypted = package.rename(package.with_name(package.name + ".age"))
    with serving() as intake, bucket_server.serving() as bucket:
        directory = DirectoryLane("vendor", tmp_path / "lane")
        lane: Lane = {"http": http(intake), "directory": directory, "s3": s3(bucket)}[kind]
        receipt = lane.deliver(encrypted, DIGEST)
        assert lane.deliver(encrypted, DIGEST) == receipt == lane.status(DIGEST)
        names = [*bucket.objects, *map(str, (tmp_path / "lane").rglob("*.zip*"))]
        assert kind == "http" or [name.rpartition("/")[2] for name in names] == [f"{'ab' * 32}.zip.age"]
        assert lane.withdraw(DIGEST, "Another follows.").state is LaneState.WITHDRAWN


@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_a_package_that_lies_there_plain_is_found_once_packages_are_encrypted(
    kind: str, package: Path, tmp_path: Path
) -> None:
    with bucket_server.serving() as bucket:
        lane: Lane = DirectoryLane("vendor", tmp_path / "lane") if kind == "directory" else s3(bucket)
        lane.deliver(package, DIGEST)
        encrypted = package.with_name(package.name + ".age")
        encrypted.write_bytes(b"age-encryption.org/v1")
        with pytest.raises(LaneFailed) as refused:
            lane.deliver(encrypted, DIGEST)
        assert refused.value.kind is ErrorKind.REFUSED
        assert lane.status(DIGEST).state is LaneState.DELIVERED
