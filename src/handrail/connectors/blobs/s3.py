"""Blobs in an S3 bucket, by configuration. Keys are prefix + digest; content is verified whenever it is read."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from botocore.exceptions import BotoCoreError, ClientError

from handrail.connectors.blobs.store import BlobUnavailable, hexadecimal, spool, verified
from handrail.connectors.finding import Finding
from handrail.kernel.errors import NotFound

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})


class S3Blobs:
    """Objects in one bucket. ``client`` is a boto3 S3 client, which threads may share."""

    kind = "blobs-s3"

    def __init__(self, name: str, client: Any, *, bucket: str, prefix: str, max_bytes: int) -> None:
        self.name = name
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
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
        except BotoCoreError as error:
            raise _unavailable(error) from None
        finally:
            body.close()

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
            self.open(self.put(b"handrail check\n")).close()
        except (BlobUnavailable, NotFound) as error:
            mend = "Check bucket, endpoint and region, and that the key may get and put objects."
            return [Finding(self.name, ok=False, message=error.message, mend=mend)]
        return [Finding(self.name, ok=True, message="A blob was written and read back.")]

    def _ask(self, operation: str, digest: str, **more: Any) -> Any:
        key = self._prefix + hexadecimal(digest)
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, Key=key, **more)
        except ClientError as error:
            if str(error.response.get("Error", {}).get("Code")) in _ABSENT and operation != "put_object":
                raise NotFound("There is no blob of that digest.") from None
            raise _unavailable(error) from None
        except BotoCoreError as error:
            raise _unavailable(error) from None


def _unavailable(error: BotoCoreError | ClientError) -> BlobUnavailable:
    return BlobUnavailable(f"The blob store's bucket did not answer as expected ({type(error).__name__}).")
