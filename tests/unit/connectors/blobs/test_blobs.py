from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.connectors.blobs import Blobs, BlobUnavailable, FolderBlobs
from handrail.connectors.registry import Registry, parse
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid, NotFound
from handrail.kernel.secrets import Secrets
from tests.factories.bucket_server import BucketServer, serving


@pytest.fixture
def bucket() -> Iterator[BucketServer]:
    with serving() as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, bucket: BucketServer) -> Blobs:
    if request.param == "folder":
        return opened({"kind": "blobs", "folder": tmp_path / "blobs", "max_bytes": 3_000_000})
    return opened(
        {
            "kind": "blobs-s3",
            "bucket": "evidence",
            "prefix": "a/",
            "endpoint": bucket.url,
            "access_key": "env:KEY",
            "secret_key": "env:KEY",
            "max_bytes": 3_000_000,
        }
    )


def opened(section: dict[str, object]) -> Blobs:
    found = Registry.build(parse({"store": section}), Secrets({"KEY": "k"})).get("store")
    assert isinstance(found, Blobs)
    return found


@pytest.mark.parametrize("content", [b"", b"evidence", b"x" * 2_500_000])
def test_open_gives_back_what_put_took(blobs: Blobs, content: bytes) -> None:
    digest = blobs.put(content)

    assert digest == digest_bytes(content)
    with blobs.open(digest) as stream:
        assert stream.read() == content
    assert blobs.size(digest) == len(content)


def test_put_takes_a_stream_and_the_same_again(blobs: Blobs) -> None:
    assert blobs.put(io.BytesIO(b"evidence")) == blobs.put(b"evidence")


def test_put_refuses_more_than_max_bytes(blobs: Blobs) -> None:
    with pytest.raises(Invalid, match="3000000"):
        blobs.put(io.BytesIO(bytes(3_000_001)))


def test_open_says_that_there_is_no_such_blob(blobs: Blobs) -> None:
    digest = digest_bytes(b"never stored")

    assert not blobs.exists(digest)
    with pytest.raises(NotFound):
        blobs.open(digest)


@pytest.mark.parametrize(
    "digest", ["", "../x", "sha256:../../etc/passwd", "sha256:" + "A" * 64, "md5:" + "a" * 64, "a" * 64]
)
def test_open_takes_digests_only(blobs: Blobs, digest: str) -> None:
    with pytest.raises(Invalid) as refused:
        blobs.open(digest)
    assert refused.value.code == "bad-digest"


def test_check_writes_and_reads(blobs: Blobs) -> None:
    assert [finding.ok for finding in blobs.check()] == [True]


@pytest.mark.parametrize("blobs", ["s3"], indirect=True)
def test_open_refuses_changed_content_in_a_bucket(blobs: Blobs, bucket: BucketServer) -> None:
    digest = blobs.put(b"evidence")
    bucket.objects = dict.fromkeys(bucket.objects, b"tampered")

    with pytest.raises(BlobUnavailable) as failed:
        blobs.open(digest)
    assert failed.value.code == "blob-corrupt"


def folder(tmp_path: Path) -> tuple[FolderBlobs, str, Path]:
    made = FolderBlobs("store", tmp_path / "blobs", max_bytes=1000)
    digest = made.put(b"evidence")
    name = digest.removeprefix("sha256:")
    return made, digest, tmp_path / "blobs" / name[:2] / name


def test_put_writes_a_file_for_the_owner_only(tmp_path: Path) -> None:
    _, _, path = folder(tmp_path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in (tmp_path / "blobs").iterdir()] == [path.parent.name]


def test_put_leaves_nothing_behind_when_the_source_fails(tmp_path: Path) -> None:
    made, _, path = folder(tmp_path)

    with pytest.raises(Invalid):
        made.put(io.BytesIO(bytes(2000)))
    assert [p.name for p in (tmp_path / "blobs").iterdir()] == [path.parent.name]


def test_open_refuses_changed_content(tmp_path: Path) -> None:
    made, digest, path = folder(tmp_path)
    path.write_bytes(b"tampered")

    with pytest.raises(BlobUnavailable) as failed:
        made.open(digest)
    assert failed.value.code == "blob-corrupt"


def test_open_refuses_a_symlink_in_place_of_a_blob(tmp_path: Path) -> None:
    made, digest, path = folder(tmp_path)
    (tmp_path / "elsewhere").write_bytes(b"evidence")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BlobUnavailable):
        made.open(digest)


def test_put_follows_no_symlinked_shelf(tmp_path: Path) -> None:
    made, _, path = folder(tmp_path)
    path.unlink()
    path.parent.rmdir()
    (tmp_path / "elsewhere").mkdir()
    path.parent.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BlobUnavailable):
        made.put(b"evidence")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_check_says_what_to_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    findings = FolderBlobs("store", tmp_path / "file" / "blobs", max_bytes=1000).check()

    assert [(f.ok, f.fix) for f in findings] == [(False, "Check folder, its owner and free space.")]
