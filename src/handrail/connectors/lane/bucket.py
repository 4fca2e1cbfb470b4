"""A lane that is an S3 bucket. Packages are ``PREFIX/HEX.zip``, put only where nothing is yet.

The receiver puts ``PREFIX/HEX.consumed`` before it opens a package; Handrail puts ``PREFIX/HEX.withdrawn``, also where
no package is yet, and a notice. The receiver's signed replies are ``PREFIX/HEX.reply-….json``, signed recalls
``PREFIX/HEX.recall-….json``. S3 can't do both in one step: where both markers are there, it counts as consumed, and
the notice stands. A marker counts whether the package is there or not: one that lands late is not to be opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handrail.connectors.bounded import Bounded
from handrail.connectors.finding import Finding
from handrail.connectors.lane.lane import (
    ALL,
    MAX_REPLIES,
    MAX_REPLY_BYTES,
    ErrorKind,
    LaneFailed,
    LaneState,
    Receipt,
    bounded_replies,
    in_time,
)
from handrail.connectors.s3 import Bucket, S3ErrorKind, S3Failed
from handrail.kernel.canonical import canonical_bytes, digest_bytes, hexadecimal

_KINDS = {S3ErrorKind.DENIED: ErrorKind.REFUSED, S3ErrorKind.NOT_SENT: ErrorKind.NOT_SENT}
# Plain, and encrypted.
_SUFFIXES = ("zip", "zip.age")


class S3Lane:
    """Safe to share between threads."""

    kind = "s3"
    abilities = ALL

    def __init__(self, name: str, bucket: Bucket, *, deadline_seconds: float) -> None:
        self.name = name
        self.deadline_seconds = deadline_seconds
        self._bucket = bucket
        self._bounded = Bounded(deadline_seconds)

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return in_time(
            self._bounded, self.name, lambda: self._deliver(package.read_bytes(), name, package.name.partition(".")[2])
        )

    def status(self, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return in_time(self._bounded, self.name, lambda: self._find(name))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return in_time(self._bounded, self.name, lambda: self._withdraw(name, reason))

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        name = hexadecimal(manifest_digest)
        return in_time(self._bounded, self.name, lambda: bounded_replies(self._left_replies(name)))

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        key = f"{hexadecimal(manifest_digest)}.recall-{digest_bytes(statement)[7:23]}.json"
        in_time(self._bounded, self.name, lambda: self._put(key, Body=statement))

    def check(self) -> list[Finding]:
        try:
            in_time(self._bounded, self.name, self._ask_for_bucket)
        except LaneFailed as error:
            fix = "Check bucket, endpoint and region, and that the key may list the bucket, get and put objects."
            return [Finding(self.name, ok=False, message=error.message, fix=fix)]
        return [Finding(self.name, ok=True, message="The bucket answers.")]

    def _ask_for_bucket(self) -> None:
        try:
            self._bucket.check()
        except S3Failed as failed:
            raise self._failed(failed) from None

    def _deliver(self, data: bytes, name: str, suffix: str) -> Receipt:
        found = self._find(name)
        if found.state is LaneState.ABSENT:
            kind = "application/zip" if suffix == "zip" else "application/octet-stream"
            put = {"Body": data, "IfNoneMatch": "*", "ContentType": kind}
            self._put(f"{name}.{suffix}", **put, Metadata={"package": digest_bytes(data)})
            found = self._found_after_putting(name)
        if found.package_digest not in ("", digest_bytes(data)):
            raise LaneFailed("The lane holds another package under this manifest.", ErrorKind.REFUSED)
        return found

    def _found_after_putting(self, name: str) -> Receipt:
        """Whatever goes wrong here, the package may be there."""
        try:
            found = self._find(name)
        except LaneFailed as error:
            raise LaneFailed(error.message, ErrorKind.UNKNOWN) from None
        if found.state is LaneState.ABSENT:
            raise LaneFailed(f"The lane {self.name} accepted the package but doesn't have it.", ErrorKind.UNKNOWN)
        return found

    def _withdraw(self, name: str, reason: str) -> Receipt:
        notice = canonical_bytes({"manifest": f"sha256:{name}", "reason": reason})
        found = self._find(name)
        if found.state is not LaneState.ABSENT:
            self._put(f"{name}.notice-{digest_bytes(notice)[7:23]}.json", Body=notice)
        if found.state in (LaneState.ABSENT, LaneState.DELIVERED):
            self._put(f"{name}.withdrawn", Body=notice)
        return self._find(name)

    def _find(self, name: str) -> Receipt:
        suffix, head = next(
            ((suffix, head) for suffix in _SUFFIXES if (head := self._head(f"{name}.{suffix}")) is not None), ("", None)
        )
        if self._head(f"{name}.consumed") is not None:
            state = LaneState.CONSUMED
        elif self._head(f"{name}.withdrawn") is not None:
            state = LaneState.WITHDRAWN
        else:
            state = LaneState.DELIVERED if head is not None else LaneState.ABSENT
        if head is None:
            return Receipt(state)
        return Receipt(state, f"{name[:12]}.{suffix}", str(head.get("Metadata", {}).get("package", "")))

    def _left_replies(self, name: str) -> Iterator[bytes]:
        """Objects ``HEX.reply-….json``, as many as one listing names."""
        try:
            for key in self._bucket.names(f"{name}.reply-", at_most=MAX_REPLIES):
                got = self._bucket.ask("get_object", key, Range=f"bytes=0-{MAX_REPLY_BYTES}")
                yield got["Body"].read(MAX_REPLY_BYTES + 1)
        except S3Failed as failed:
            raise self._failed(failed) from None

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._bucket.ask("head_object", key)
        except S3Failed as failed:
            if failed.kind is S3ErrorKind.MISSING:
                return None
            raise self._failed(failed) from None
        return found

    def _put(self, key: str, **more: Any) -> None:
        """Puts the object; where ``IfNoneMatch`` finds one already, that one stays."""
        try:
            self._bucket.ask("put_object", key, **more)
        except S3Failed as failed:
            if failed.kind is not S3ErrorKind.TAKEN:
                raise self._failed(failed) from None

    def _failed(self, failed: S3Failed) -> LaneFailed:
        return LaneFailed(f"The lane {self.name}: {failed}.", _KINDS.get(failed.kind, ErrorKind.UNKNOWN))
