"""A lane that is an S3 bucket. Packages are ``PREFIX/HEX.zip``, put only where nothing is yet.

The receiver puts ``PREFIX/HEX.consumed`` before it opens a package; Handrail puts ``PREFIX/HEX.withdrawn`` and a
notice. S3 can't do both in one step: where both markers are there, it counts as consumed, and the notice stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError

from handrail.connectors.finding import Finding
from handrail.connectors.lane.lane import Fate, LaneFailed, Receipt, Trouble, hexadecimal
from handrail.kernel.canonical import canonical_bytes, digest_bytes

_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_TAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409"})
_REFUSED = frozenset({"AccessDenied", "403", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket"})
_CERTAINLY_UNSENT = (EndpointConnectionError, ConnectTimeoutError)


class S3Lane:
    """``client`` is a boto3 S3 client, which threads may share; its time-outs are per phase."""

    kind = "s3"

    def __init__(self, name: str, client: Any, *, bucket: str, prefix: str, deadline_seconds: float) -> None:
        self.name = name
        self.deadline_seconds = deadline_seconds
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        digest = digest_bytes(package.read_bytes())
        with package.open("rb") as body:
            put = {"Body": body, "IfNoneMatch": "*", "Metadata": {"package": digest}, "ContentType": "application/zip"}
            try:
                self._ask("put_object", f"{name}.zip", **put)
            except _Taken:
                found = self.status(manifest_digest)
                if found.package_digest != digest:
                    raise LaneFailed("The lane holds another package under this manifest.", Trouble.REFUSED) from None
                return found
        return Receipt(Fate.DELIVERED, f"{name[:12]}.zip", digest)

    def status(self, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        head = self._head(f"{name}.zip")
        if head is None:
            return Receipt(Fate.ABSENT)
        fate = Fate.DELIVERED
        if self._head(f"{name}.consumed") is not None:
            fate = Fate.CONSUMED
        elif self._head(f"{name}.withdrawn") is not None:
            fate = Fate.WITHDRAWN
        return Receipt(fate, f"{name[:12]}.zip", str(head.get("Metadata", {}).get("package", "")))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        found = self.status(manifest_digest)
        if found.fate is Fate.ABSENT:
            return found
        notice = canonical_bytes({"manifest": manifest_digest, "reason": reason})
        self._ask("put_object", f"{name}.notice-{digest_bytes(notice)[7:23]}.json", Body=notice)
        if found.fate is Fate.DELIVERED:
            self._ask("put_object", f"{name}.withdrawn", Body=notice)
        return self.status(manifest_digest)

    def check(self) -> list[Finding]:
        try:
            self._head("check")
        except LaneFailed as error:
            mend = "Check bucket, endpoint and region, and that the key may get and put objects."
            return [Finding(self.name, ok=False, message=error.message, mend=mend)]
        return [Finding(self.name, ok=True, message="The bucket answers.")]

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._ask("head_object", key)
        except _Missing:
            return None
        return found

    def _ask(self, operation: str, key: str, **more: Any) -> Any:
        try:
            return getattr(self._client, operation)(Bucket=self._bucket, Key=self._prefix + key, **more)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in _ABSENT and operation == "head_object":
                raise _Missing from None
            if code in _TAKEN:
                raise _Taken from None
            trouble = Trouble.REFUSED if code in _REFUSED else Trouble.UNKNOWN
            raise LaneFailed(f"The lane {self.name}: its bucket refused or failed.", trouble) from None
        except BotoCoreError as error:
            trouble = Trouble.NOT_SENT if isinstance(error, _CERTAINLY_UNSENT) else Trouble.UNKNOWN
            raise LaneFailed(f"The lane {self.name}: its bucket did not answer.", trouble) from None


class _Missing(Exception):
    """There is no such object."""


class _Taken(Exception):
    """There is an object of that name already."""
