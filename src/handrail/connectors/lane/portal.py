"""A lane that is a case portal: packages are files attached to the vendor's existing case.

A file's name begins with the digest, so the case's files say whether it is there: HEX.zip; HEX.withdrawn.json,
which also keeps a later package out; HEX.recall-….json. Nothing there says whether somebody has opened a file.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import JsonValue

from handrail.connectors.config import HttpConfig
from handrail.connectors.desk.links import is_reference
from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, Exchange, json_bytes, probe
from handrail.connectors.http.jsontext import NotJson, parse_json
from handrail.connectors.lane.intake import failed_exchange
from handrail.connectors.lane.lane import Ability, Addressee, ErrorKind, Lane, LaneFailed, LaneState, Receipt
from handrail.connectors.lane.portal_config import PortalCall, PortalFiles, PortalFind, PortalSettings
from handrail.connectors.template import Scope, render, render_text, render_url
from handrail.kernel.canonical import canonical_bytes, digest_bytes, hexadecimal
from handrail.kernel.errors import Misconfigured
from handrail.kernel.hostile import clean_text

_NOTE = "Escalation package {name}. Verify it before you open it."
_TYPES = {"zip": "application/zip", "json": "application/json"}
_MAX_ID = 100
# As much of a digest as a portal leaves of a name that it shortens, and no other file has.
_TELLING = 16
_MAX_SHOWN_NAME = 80


@dataclass(frozen=True, slots=True)
class CaseFile:
    id: str
    name: str
    size: int | None


class PortalLaneConfig(HttpConfig, PortalSettings):
    """The section without what every lane has; ``config`` adds that."""


@dataclass(frozen=True, slots=True)
class PortalLane:
    """``case``: the vendor's reference of the case, once the lane is addressed. Safe to share between threads."""

    name: str
    config: PortalLaneConfig
    client: Client
    case: str = ""
    kind: str = "portal"

    @property
    def deadline_seconds(self) -> float:
        """Of one call of the lane: listing, each request of attaching, and listing again."""
        return self.config.deadline_seconds * (len(self.config.attach) + 4)

    @property
    def abilities(self) -> frozenset[Ability]:
        return frozenset({Ability.ASK, Ability.WITHDRAW, Ability.RECALL}) if self.config.files else frozenset()

    def addressed(self, to: Addressee) -> Lane:
        """For the case that the packet names. Raises LaneFailed (refused) where it names none."""
        try:
            found = extract(to.document, self.config.case_at)
        except ExtractFailed:
            found = None
        case = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
        if not is_reference(case, self.config.reference_pattern):
            raise LaneFailed(
                f"The packet has no reference of {self.config.title} at {self.config.case_at}, such as "
                f"{self.config.reference_example}.",
                ErrorKind.REFUSED,
            )
        return replace(self, case=case)

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        data = package.read_bytes()
        suffix = package.name.partition(".")[2]
        scope = self._scope(name)
        if self.config.files is not None:
            found = self._receipt(name, self._listed(scope, before=True), size=len(data))
            if found.state is not LaneState.ABSENT:
                return found
        self._attach(scope, f"{name}.{suffix}", data)
        if self.config.files is None:
            return Receipt(LaneState.DELIVERED, self.case)
        found = self._receipt(name, self._listed(scope), size=len(data))
        if found.state is LaneState.ABSENT:
            raise LaneFailed(f"The lane {self.name} took the file but doesn't list it.", ErrorKind.UNKNOWN)
        return found

    def status(self, manifest_digest: str) -> Receipt:
        name = hexadecimal(manifest_digest)
        return self._receipt(name, self._listed(self._scope(name)))

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        """Leaves the notice first: once it is there, nothing is attached any more."""
        name = hexadecimal(manifest_digest)
        scope = self._scope(name)
        files = self._listed(scope)
        if not any("withdrawn" in file.name.casefold() for file in _of(name, files)):
            self._attach(
                scope, f"{name}.withdrawn.json", canonical_bytes({"manifest": manifest_digest, "reason": reason})
            )
        if self.config.remove is not None:
            for file in _packages(name, files):
                self._removed(scope, file)
        return self._receipt(name, self._listed(scope))

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        """None: what a vendor answers is in the case's own messages."""
        hexadecimal(manifest_digest)
        return ()

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        name = hexadecimal(manifest_digest)
        scope = self._scope(name)
        file = f"{name}.recall-{digest_bytes(statement)[7:23]}.json"
        if self.config.files is None or file not in {one.name for one in self._listed(scope)}:
            self._attach(scope, file, statement)

    def check(self) -> list[Finding]:
        """Attaches nothing: what is attached to a case can't always be removed."""
        return [probe(self.name, self.client, self.config.check_path, must_exist=True)]

    def _scope(self, name: str) -> dict[str, JsonValue]:
        if not self.case:
            raise LaneFailed(f"The lane {self.name} was given no case.", ErrorKind.NOT_SENT)
        scope: dict[str, JsonValue] = {**self.config.values, "case": self.case, "case_id": self.case, "hex": name}
        if (find := self.config.find) is not None:
            found = self._asked(find, scope, find.id_at)
            if isinstance(found, bool) or not isinstance(found, str | int) or not str(found)[:_MAX_ID].strip():
                raise LaneFailed(f"{self.config.title} has no case {self.case}.", ErrorKind.BUSY)
            scope["case_id"] = str(found)
        return scope

    def _receipt(self, name: str, files: list[CaseFile], *, size: int | None = None) -> Receipt:
        packages = _packages(name, files)
        if any(file.name == f"{name}.withdrawn.json" for file in files):
            return Receipt(LaneState.WITHDRAWN, _reference(packages))
        if not packages:
            self._check_renamed(name, files)
            return Receipt(LaneState.ABSENT)
        if size is not None and any(file.size not in (None, size) for file in packages):
            raise LaneFailed("The lane holds another package under this manifest.", ErrorKind.REFUSED)
        return Receipt(LaneState.DELIVERED, _reference(packages))

    def _check_renamed(self, name: str, files: list[CaseFile]) -> None:
        """Some portals change the names of files. Raises LaneFailed (unknown): what may be there isn't absent."""
        for file in _of(name, files):
            if not file.name.startswith(f"{name}.recall-"):
                shown = clean_text(file.name, limit=_MAX_SHOWN_NAME)
                raise LaneFailed(
                    f"The lane {self.name}: the file {shown} may be this package under another name. A person has to "
                    "look at the case.",
                    ErrorKind.UNKNOWN,
                )

    def _listed(self, scope: Scope, *, before: bool = False) -> list[CaseFile]:
        """Every file of the case that matters here. ``before``: nothing was sent yet. Raises LaneFailed."""
        files = self.config.files
        if files is None:
            raise LaneFailed(f"The lane {self.name} can't be asked which files are there.", ErrorKind.UNKNOWN)
        try:
            found = self._asked(files, scope, files.files)
        except LaneFailed as error:
            kind = ErrorKind.BUSY if before else ErrorKind.UNKNOWN
            raise LaneFailed(error.message, kind, retry_after_seconds=error.retry_after_seconds) from None
        listed = _files(found)
        if listed is None:
            kind = ErrorKind.BUSY if before else ErrorKind.UNKNOWN
            raise LaneFailed(f"The lane {self.name} does not show all files of the case.", kind)
        return listed

    def _asked(self, call: PortalFind | PortalFiles, scope: Scope, at: str) -> JsonValue:
        exchange = self._send(call, "GET", scope, {}, None)
        if exchange.failure is not None or exchange.status != 200:  # noqa: PLR2004 - HTTP's own
            raise failed_exchange(self.name, exchange)
        try:
            answer = parse_json(exchange.body)
            more = call.more_at if isinstance(call, PortalFiles) else None
            if more is not None and extract(answer, more):
                return None
            return extract(answer, at)
        except (NotJson, ExtractFailed):
            raise LaneFailed(f"The lane {self.name} gave an answer that can't be read.", ErrorKind.UNKNOWN) from None

    def _attach(self, scope: Mapping[str, JsonValue], name: str, data: bytes) -> None:
        """Each request but the last only prepares: what fails there has attached nothing. Raises LaneFailed."""
        known = {**scope, "name": name, "note": _NOTE.format(name=name), "size": len(data)}
        known["content_base64"] = base64.b64encode(data).decode()
        for call in self.config.attach[:-1]:
            exchange = self._call(call, known, data)
            if exchange.failure is not None or not 200 <= (exchange.status or 0) < 300:  # noqa: PLR2004 - success
                error = failed_exchange(self.name, exchange)
                kind = error.kind if error.kind is ErrorKind.REFUSED else ErrorKind.BUSY
                raise LaneFailed(error.message, kind, retry_after_seconds=error.retry_after_seconds)
            known |= self._taken(call, exchange)
        exchange = self._call(self.config.attach[-1], known, data)
        if exchange.failure is not None or not 200 <= (exchange.status or 0) < 300:  # noqa: PLR2004 - success
            raise failed_exchange(self.name, exchange)

    def _taken(self, call: PortalCall, exchange: Exchange) -> dict[str, JsonValue]:
        try:
            answer = parse_json(exchange.body) if call.extract else None
            return {name: extract(answer, at) for name, at in call.extract.items()}
        except (NotJson, ExtractFailed):
            raise LaneFailed(f"The lane {self.name} gave an answer that can't be read.", ErrorKind.BUSY) from None

    def _removed(self, scope: Scope, file: CaseFile) -> None:
        assert self.config.remove is not None
        exchange = self._call(self.config.remove, {**scope, "id": file.id}, None)
        gone = exchange.status in (404, 410)
        if exchange.failure is not None or not (gone or 200 <= (exchange.status or 0) < 300):  # noqa: PLR2004 - success
            raise failed_exchange(self.name, exchange)

    def _call(self, call: PortalCall, scope: Scope, data: bytes | None) -> Exchange:
        headers = {name.lower(): render_text(value, scope) for name, value in call.headers.items()}
        content = None
        if call.encoding == "json" and call.body is not None:
            content = json_bytes(render(call.body, scope))
            headers = {"content-type": "application/json", **headers}
        elif call.encoding == "raw" and data is not None:
            content = data
            headers = {"content-type": _type(str(scope["name"])), **headers}
        elif call.encoding == "multipart" and data is not None:
            content, kind = _form(call.field, str(scope["name"]), data)
            headers = {**headers, "content-type": kind}
        return self._send(call, call.method, scope, headers, content)

    def _send(
        self,
        call: PortalCall | PortalFind | PortalFiles,
        method: str,
        scope: Scope,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Exchange:
        own = {name.lower(): render_text(value, scope) for name, value in self.config.headers.items()}
        query = {name: render_text(one, scope) if isinstance(one, str) else one for name, one in call.query.items()}
        try:
            return self.client.send(
                method,
                render_url(call.path, scope),
                query=query,
                headers={"accept": "application/json", **own, **headers},
                content=content,
            )
        except Misconfigured as error:
            raise LaneFailed(f"The lane {self.name}: {error.message}", ErrorKind.NOT_SENT) from None


def _packages(name: str, files: list[CaseFile]) -> list[CaseFile]:
    return [file for file in files if file.name in (f"{name}.zip", f"{name}.zip.age")]


def _of(name: str, files: list[CaseFile]) -> list[CaseFile]:
    """What is this manifest's, also where the portal changed the name."""
    return [file for file in files if name[:_TELLING] in file.name.casefold()]


def _reference(files: list[CaseFile]) -> str:
    """What people see. Two files of one name are one more than Handrail's intents allow: somebody should know."""
    ids = ", ".join(file.id[:40] for file in files[:3])
    return f"{ids} (attached {len(files)} times)" if len(files) > 1 else ids


def _files(found: JsonValue) -> list[CaseFile] | None:
    """None where it does not list files, each with a name and an id."""
    if not isinstance(found, list):
        return None
    files = []
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("name"), str) or one.get("id") in (None, ""):
            return None
        size = one.get("size")
        known = int(size) if isinstance(size, int) or (isinstance(size, str) and size.isdecimal()) else None
        files.append(CaseFile(str(one["id"])[:_MAX_ID], str(one["name"]), known))
    return files


def _type(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


def _form(field: str, name: str, data: bytes) -> tuple[bytes, str]:
    """A multipart form with one file, whose name is Handrail's own: no quotes or line ends."""
    boundary = secrets.token_hex(16)
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    head += f"Content-Type: {_type(name)}\r\n\r\n"
    return head.encode() + data + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
