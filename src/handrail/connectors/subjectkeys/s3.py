"""Subject keys in an S3 bucket: one object each. The bucket must keep no older versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError

from handrail.access.keystore import MAX_RECORD, KeyName, SubjectKeysUnavailable
from handrail.connectors.finding import Finding
from handrail.connectors.s3 import Bucket, S3ErrorKind, S3Failed

_FIX = (
    "Check bucket, endpoint and region; the key must be allowed to list the bucket, get and put objects, and read its"
    " versioning, which must be off."
)


class S3Keys:
    """Objects ``TENANT/RECORD.KIND.NUMBER``. Safe to share between threads."""

    kind = "subject-keys-s3"

    def __init__(self, name: str, bucket: Bucket) -> None:
        self.name = name
        self._bucket = bucket

    def create(self, name: KeyName, text: str) -> bool:
        try:
            self._bucket.ask("put_object", _path(name), Body=text.encode(), IfNoneMatch="*")
        except S3Failed as failed:
            if failed.kind is S3ErrorKind.TAKEN:
                return False
            raise _unavailable(failed) from None
        return True

    def read(self, name: KeyName) -> str | None:
        try:
            body = self._bucket.ask("get_object", _path(name))["Body"]
        except S3Failed as failed:
            if failed.kind is S3ErrorKind.MISSING:
                return None
            raise _unavailable(failed) from None
        try:
            text: bytes = body.read(MAX_RECORD)
        except BotoCoreError:
            raise SubjectKeysUnavailable("The store of subject keys: its bucket broke off.") from None
        finally:
            body.close()
        return text.decode("ascii", errors="replace")

    def replace(self, name: KeyName, text: str) -> None:
        try:
            self._bucket.ask("put_object", _path(name), Body=text.encode())
        except S3Failed as failed:
            raise _unavailable(failed) from None

    def names(self, tenant_id: int, record: str = "") -> Iterator[KeyName]:
        start = f"{record}." if record else ""
        for key in self._listed(f"{tenant_id}/{start}"):
            try:
                yield KeyName.parse(key.replace("/", ".", 1))
            except ValueError:
                continue

    def tenants(self) -> list[int]:
        found = {key.partition("/")[0] for key in self._listed("")}
        return sorted(int(name) for name in found if name.isascii() and name.isdigit())

    def probe(self) -> str:
        """Writes and reads back, and asks whether older versions are kept: of those, a key could be read again."""
        try:
            self._bucket.check()
            self._bucket.ask("put_object", "handrail-check", Body=b"handrail check\n")
            versioning = self._bucket.about("get_bucket_versioning").get("Status")
        except S3Failed as failed:
            raise _unavailable(failed) from None
        if versioning == "Enabled":
            message = "The bucket of subject keys keeps older versions: destroyed keys could be read again."
            raise SubjectKeysUnavailable(message)
        return "Keys can be written to the bucket."

    def check(self) -> list[Finding]:
        try:
            return [Finding(self.name, ok=True, message=self.probe())]
        except SubjectKeysUnavailable as error:
            return [Finding(self.name, ok=False, message=error.message, fix=_FIX)]

    def _listed(self, prefix: str) -> Iterator[str]:
        more: dict[str, Any] = {}
        while True:
            try:
                found = self._bucket.listed(prefix, **more)
            except S3Failed as failed:
                raise _unavailable(failed) from None
            yield from found.keys
            if found.after is None:
                return
            more = {"ContinuationToken": found.after}


def _path(name: KeyName) -> str:
    return f"{name.tenant_id}/{name.file}"


def _unavailable(failed: S3Failed) -> SubjectKeysUnavailable:
    return SubjectKeysUnavailable(f"The store of subject keys: {failed}.")
