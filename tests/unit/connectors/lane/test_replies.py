"""Receivers leave replies and Handrail leaves recalls, over each kind of lane, bounded and once a content."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail.connectors import lane as lanes
from handrail.connectors.lane import MAX_REPLIES, MAX_REPLY_BYTES, ErrorKind, Lane, LaneFailed
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from handrail.packets.proof.keys import public_keys
from tests.factories import bucket_server
from tests.factories.lane_server import serving
from tests.unit.packets.proof.making import KEY

HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"
OTHER = "sha256:" + "cd" * 32
RECALL = b'{"payload":"recall"}'


def opened(section: dict[str, object]) -> Lane:
    return lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({"KEY": "k"})).lanes["vendor"]


class Outside:
    """A lane, and what its receiver does: leaves a reply, and lists the recalls that it finds."""

    def __init__(self, lane: Lane, leave: Callable[[str, bytes], None], recalls: Callable[[], list[bytes]]) -> None:
        self.lane, self.leave, self.recalls = lane, leave, recalls


@pytest.fixture(params=["http", "directory", "s3"])
def outside(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outside]:
    if request.param == "http":
        with serving() as intake:
            lane = opened({"kind": "http", "base_url": intake.url, "deadline_seconds": 5})
            yield Outside(
                lane,
                lambda digest, reply: intake.replies.setdefault(digest, []).append(reply),
                lambda: list(intake.recalls.get(DIGEST, {}).values()),
            )
    elif request.param == "directory":
        lane = opened({"kind": "directory", "folder": str(tmp_path)})

        def leave(digest: str, reply: bytes) -> None:
            (tmp_path / "replies").mkdir(exist_ok=True)
            (tmp_path / "replies" / f"{digest[7:]}-{digest_bytes(reply)[7:23]}.json").write_bytes(reply)

        yield Outside(lane, leave, lambda: [one.read_bytes() for one in (tmp_path / "recalls").glob(f"{HEX}-*.json")])
    else:
        with bucket_server.serving() as bucket:
            keys = {"access_key": "env:KEY", "secret_key": "env:KEY", "endpoint": bucket.url}
            lane = opened({"kind": "s3", "bucket": "intake", "prefix": "handrail/", **keys})

            def put(digest: str, reply: bytes) -> None:
                name = f"{digest[7:]}.reply-{digest_bytes(reply)[7:23]}.json"
                bucket.objects[f"/intake/handrail/{name}"] = reply

            def recalls() -> list[bytes]:
                return [data for path, data in bucket.objects.items() if f"{HEX}.recall-" in path]

            yield Outside(lane, put, recalls)


def test_what_the_receiver_replied_is_read_once_a_content(outside: Outside) -> None:
    assert outside.lane.replies(DIGEST) == ()
    for reply in (b"one", b"two", b"two"):
        outside.leave(DIGEST, reply)
    outside.leave(OTHER, b"of another manifest")
    assert sorted(outside.lane.replies(DIGEST)) == [b"one", b"two"]


def test_replies_beyond_number_and_size_are_not_read(outside: Outside) -> None:
    outside.leave(DIGEST, b"x" * (3 * MAX_REPLY_BYTES))
    for number in range(MAX_REPLIES + 20):
        outside.leave(DIGEST, f"reply {number}".encode())
    found = outside.lane.replies(DIGEST)
    assert len(found) <= MAX_REPLIES
    assert max(map(len, found)) <= MAX_REPLY_BYTES + 1


def test_a_recall_is_left_once_however_often_it_is_tried(outside: Outside) -> None:
    outside.lane.recall(DIGEST, RECALL)
    outside.lane.recall(DIGEST, RECALL)
    assert outside.recalls() == [RECALL]


@pytest.mark.parametrize("status", [404, 405, 410, 501])
def test_an_intake_without_that_door_has_no_replies(status: int) -> None:
    with serving() as intake:
        intake.says = status
        assert opened({"kind": "http", "base_url": intake.url}).replies(DIGEST) == ()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, ErrorKind.REFUSED), (503, ErrorKind.BUSY), (502, ErrorKind.UNKNOWN)]
)
def test_a_recall_that_was_not_kept_is_no_success(status: int, kind: ErrorKind) -> None:
    with serving() as intake:
        intake.says = status
        with pytest.raises(LaneFailed) as failed:
            opened({"kind": "http", "base_url": intake.url}).recall(DIGEST, RECALL)
    assert failed.value.kind is kind


def test_a_link_in_the_directory_of_replies_is_not_followed(tmp_path: Path) -> None:
    lane = opened({"kind": "directory", "folder": str(tmp_path / "lane")})
    secret = tmp_path / "secret"
    secret.write_bytes(b"not the receiver's")
    (tmp_path / "lane" / "replies").mkdir(parents=True)
    os.symlink(secret, tmp_path / "lane" / "replies" / f"{HEX}-link.json")
    assert lane.replies(DIGEST) == ()


def test_keys_of_replies_are_read_when_lanes_are_opened(tmp_path: Path) -> None:
    file = tmp_path / "vendor.pem"
    section = {"kind": "directory", "folder": str(tmp_path), "reply_keys": str(file)}
    with pytest.raises(Misconfigured, match="reply_keys"):
        lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({}))
    file.write_text("-----BEGIN PUBLIC KEY-----")
    with lanes.use(lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({}))):
        assert lanes.reply_keys("vendor").startswith("-----BEGIN")
        assert lanes.reply_keys("another") == ""


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", "Unser Schlüssel\r\n".encode("latin-1"), "наш ключ\r".encode()])
def test_keys_of_replies_are_read_as_vendors_have_them(before: bytes, tmp_path: Path) -> None:
    file = tmp_path / "vendor.pem"
    file.write_bytes(before + KEY.public.to_pem().replace("\n", "\r\n").encode())
    section = {"kind": "directory", "folder": str(tmp_path), "reply_keys": str(file)}
    with lanes.use(lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({}))):
        assert public_keys(lanes.reply_keys("vendor")) == (KEY.public,)
    file.write_bytes(KEY.public.to_pem().encode("utf-16"))
    with pytest.raises(Misconfigured, match="Save it again as UTF-8"):
        lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({}))
    for text, said in ((KEY.to_pem(), "a private key"), ("", "must hold public keys"), ("ssh-ed25519 A", "OpenSSH")):
        file.write_text(text)
        with pytest.raises(Misconfigured, match=said):
            lanes.Lanes.open(lanes.parse({"vendor": section}), Secrets({}))
