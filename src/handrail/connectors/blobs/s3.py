"""Blobs in an S3 bucket, by configuration. Keys are prefix + digest; content is verified whenever it is read."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError

from handrail.connectors.blobs.store import BlobUnavailable, bounded, spool, verified
from handrail.connectors.finding import Finding
from handrail.connectors.s3 import Bucket, S3ErrorKind, S3Failed
from handrail.kernel.canonical import hexadecimal
from handrail.kernel.errors import NotFound


class S3Blobs:
    """Objects in one bucket. Safe to share between threads."""

    kind = "blobs-s3"

    def __init__(self, name: str, bucket: Bucket, *, max_bytes: int) -> None:
        self.name = name
        self._bucket = bucket
        self._max_bytes = max_bytes

    def put(self, content: bytes | BinaryIO) -> str:
        """Store it under its digest; an object of that digest is left as it is."""
        with spool(content, max_bytes=self._max_bytes) as (stream, digest):
            if not self.exists(digest):
                self._ask("put_object", digest, Body=stream)
        return digest

    def open(self, digest: str) -> BinaryIO:
        """The verified content. Raises NotFound, BlobRefused, BlobUnavailable, Invalid."""
        body = self._ask("get_object", digest)["Body"]
        try:
            return verified(cast("BinaryIO", body), digest, max_bytes=self._max_bytes)
        except BotoCoreError:
            raise BlobUnavailable("The blob store: its bucket broke off.") from None
        finally:
            body.close()

    def put_as(self, name: str, content: BinaryIO) -> None:
        with spool(content, max_bytes=self._max_bytes) as (stream, _):
            self._ask("put_object", f"sha256:{name}", Body=stream)

    def open_as(self, name: str) -> BinaryIO:
        body = self._ask("get_object", f"sha256:{name}")["Body"]
        try:
            return bounded(cast("BinaryIO", body), max_bytes=self._max_bytes)
        except BotoCoreError:
            raise BlobUnavailable("The blob store: its bucket broke off.") from None
        finally:
            body.close()

    def remove(self, name: str) -> None:
        try:
            self._ask("delete_object", name if name.startswith("sha256:") else f"sha256:{name}")
        except NotFound:
            return

    def exists(self, digest: str) -> bool:
        try:
            self.size(digest)
        except NotFound:
            return False
        return True

    def size(self, digest: str) -> int:
        """Bytes. Raises NotFound, BlobUnavailable, Invalid."""
        return int(self._ask("head_object", digest)["ContentLength"])

    def check(self) -> list[Finding]:
        """Whether a blob can be written and read back."""
        try:
            self._bucket.check()
            self.open(self.put(b"handrail check\n")).close()
        except (BlobUnavailable, NotFound, S3Failed) as error:
            message = f"The blob store: {error}." if isinstance(error, S3Failed) else error.message
            fix = "Check bucket, endpoint and region, and that the key may list the bucket, get and put objects."
            return [Finding(self.name, ok=False, message=message, fix=fix)]
        return [Finding(self.name, ok=True, message="A blob was written and read back.")]

    def _ask(self, operation: str, digest: str, **more: Any) -> Any:
        try:
            return self._bucket.ask(operation, hexadecimal(digest), **more)
        except S3Failed as failed:
            if failed.kind is S3ErrorKind.MISSING and operation != "put_object":
                raise NotFound("There is no blob of that digest.") from None
            raise BlobUnavailable(f"The blob store: {failed}.") from None
