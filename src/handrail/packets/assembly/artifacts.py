"""Attached artifacts: which type each has, and what its sanitiser made of it. Originals are digested, never kept."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from pydantic import JsonValue

from handrail.connectors.blobs import BlobRefused, Blobs
from handrail.connectors.registry import Registry
from handrail.definitions.language.conditions import ConditionError
from handrail.definitions.profile.compiled import AnnexType, CompiledAnnexes, CompiledProfile
from handrail.definitions.requests.extraction import Extraction
from handrail.kernel.errors import Invalid, Misconfigured, NotFound
from handrail.kernel.hostnames import normal_host
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.proof.manifest import MIN_SALT_BYTES, held_digest
from handrail.packets.sanitise import Limits, SanitiseContext, Sanitised, archives, kinds, sanitise
from handrail.packets.sanitise.guard import SanitiseRefused

CHUNK_BYTES = 1024 * 1024
MAX_ARTIFACTS = 1000

_REFUSED = {
    # A hold of the artifact may have been cleared for exactly these words, so they stay.
    "blob-refused": "what stands in the store under its digest is no regular file",  # prose: quoted
    "blob-corrupt": "the store holds other bytes than its digest says",
    "too-large": "it is larger than its store takes",
}

# By sanitiser and digest of the original.
BY_PEOPLE = "pictures/v1"
OF_NO_ARCHIVE: Mapping[str, str] = {"extension": "", "content": ""}
Known = Mapping[tuple[str, str], Sanitised]
NOTHING_KNOWN: Known = {}

# A digest to the blob's bytes from their start. Raises NotFound, Invalid, BlobUnavailable.
Open = Callable[[str], BinaryIO]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One attached artifact. ``values`` are what the profile takes of it. ``type``: None when no type fits.

    ``original_digest`` and ``size`` are of the bytes that were read, None when there were none; ``marker_digest`` is
    their HMAC under the packet's salt (``proof.manifest.held_digest``). ``sanitised`` None: nothing went over it.
    ``problem`` says why it could not be read, quoting nothing.
    """

    id: str
    values: Mapping[str, JsonValue]
    type: str | None
    sanitised: Sanitised | None
    original_digest: str | None
    marker_digest: str
    size: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class AttestedPicture:
    """What one person redacted and another attested, with the roles that let them."""

    result: Sanitised
    redacted_as: str
    attested_as: str


def through(registry: Registry, profile: CompiledProfile) -> Open:
    """Opens blobs of the store that the profile names. Raises Misconfigured."""
    if profile.annexes is None:
        raise Misconfigured("This profile has no annexes, so no store is needed.", code="wrong-connector")
    store = registry.get(profile.annexes.store)
    if not isinstance(store, Blobs):
        raise Misconfigured(f"The connector {profile.annexes.store} is not a blob store.", code="wrong-connector")
    return store.open


def read_artifacts(
    profile: CompiledProfile,
    snapshots: Mapping[str, SourceSnapshot],
    open_blob: Open,
    *,
    salt: bytes,
    known: Known = NOTHING_KNOWN,
    attested: Mapping[str, AttestedPicture] | None = None,
) -> tuple[Artifact, ...]:
    """Every artifact that the profile's list names, in the order of their ids, sanitised where its type requires it.

    ``known``: what sanitisers have made of some of them, under the same terms. ``attested``: by the digest of the
    original, what people have redacted and attested in this packet. Raises BlobUnavailable when the store can't be
    asked now; Invalid for over 1 000 artifacts or a short salt.
    """
    if len(salt) < MIN_SALT_BYTES:
        raise Invalid(f"The salt has {len(salt)} bytes; at least {MIN_SALT_BYTES} are needed.", code="short-salt")
    if profile.annexes is None:
        return ()
    records = listed(profile.annexes, snapshots)
    if len(records) > MAX_ARTIFACTS:
        raise Invalid(f"The case has {len(records)} artifacts; at most {MAX_ARTIFACTS} are taken.", code="artifacts")
    context = sanitise_context(profile, snapshots, salt)
    reader = _Reading(profile.annexes, snapshots, open_blob, salt, context, known, attested or {})
    artifacts = [artifact for record in records for artifact in _read(reader, record)]
    if len(artifacts) > MAX_ARTIFACTS:
        raise Invalid(f"The case has {len(artifacts)} artifacts; at most {MAX_ARTIFACTS} are taken.", code="artifacts")
    return tuple(sorted(artifacts, key=lambda artifact: (len(artifact.id), artifact.id)))


def sanitise_context(profile: CompiledProfile, snapshots: Mapping[str, SourceSnapshot], salt: bytes) -> SanitiseContext:
    """What every sanitiser of this packet goes by, in each of its revisions."""
    hosts = profile.spec.hosts
    found = _hosts_of(_texts(hosts.identity_providers_from, snapshots)) if hosts else []
    return SanitiseContext.of_packet(
        salt,
        vendor=hosts.vendor if hosts else (),
        identity_providers=[*hosts.identity_providers, *found] if hosts else (),
        request_ids=profile.spec.request_ids,
        key_ids=_texts(profile.spec.key_ids_from, snapshots),
    )


def _hosts_of(urls: Iterable[str]) -> list[str]:
    """The hosts of ``urls``; what has none is passed over."""
    hosts = [normal_host(_host_of(url)) for url in urls]
    return [host for host in hosts if host and "." in host and not host.rpartition(".")[2].isdigit()]


def _texts(names: Sequence[str], snapshots: Mapping[str, SourceSnapshot]) -> Iterator[str]:
    """The texts under ``names``, SOURCE.NAME, each a text or a list of them."""
    for name in names:
        source, _, value = name.partition(".")
        given = snapshots[source].values.get(value)
        yield from (text for text in (given if isinstance(given, list) else [given]) if isinstance(text, str))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What reading each artifact of one packet needs."""

    annexes: CompiledAnnexes
    snapshots: Mapping[str, SourceSnapshot]
    open_blob: Open
    salt: bytes
    context: SanitiseContext
    known: Known
    attested: Mapping[str, AttestedPicture]


def listed(annexes: CompiledAnnexes, snapshots: Mapping[str, SourceSnapshot]) -> list[JsonValue]:
    """The records of the list that names the artifacts; empty when its source has none."""
    source, _, value = annexes.origin.partition(".")
    found = snapshots[source].values.get(value)
    return list(found) if isinstance(found, list) else []


def unlisted(annexes: CompiledAnnexes, snapshots: Mapping[str, SourceSnapshot]) -> str | None:
    """Why the list of artifacts could not be taken from its source's answer, None when it could."""
    source, _, value = annexes.origin.partition(".")
    return snapshots[source].problems.get(value)


def _read(reader: _Reading, record: JsonValue) -> list[Artifact]:
    """The artifact of one record, or those of its members where it is an archive that its type has opened."""
    annexes, salt = reader.annexes, reader.salt
    values = take_each(annexes.values, record)
    ident = values.get(annexes.id)
    name = ident if isinstance(ident, str) and ident else ""
    sort = _type_of(annexes, values, reader.snapshots)
    digest = values.get(annexes.digest)
    if not name or not isinstance(digest, str):
        return [_unread(name, values, sort, salt, "its record names no id or no digest")]
    try:
        stream = reader.open_blob(digest)
    except BlobRefused as error:
        return [_unread(name, values, sort, salt, _REFUSED[error.code])]
    except (NotFound, Invalid):
        return [_unread(name, values, sort, salt, "the store has no bytes under its digest")]
    media_type = values.get(annexes.media_type) if annexes.media_type else None
    with stream:
        if sort is not None and sort.spec.archive is not None:
            return _members(reader, name, values, sort, stream)
        return [_admitted(name, values, sort, stream, media_type=media_type, reader=reader)]


def _members(
    reader: _Reading, name: str, values: Mapping[str, JsonValue], sort: AnnexType, stream: BinaryIO
) -> list[Artifact]:
    """Each member by itself, or the archive as one that stays inside, with the reason."""
    limit = Limits().max_bytes
    seen = _Pass(limit)
    mark = held_digest(salt=reader.salt, chunks=seen.over(stream))
    whole = Artifact(name, values, sort.name, None, f"sha256:{seen.plain.hexdigest()}", mark, seen.size)
    if seen.size > limit:
        return [replace(whole, problem=f"it has {seen.size} bytes; archives of up to {limit} are opened")]
    try:
        members = archives.opened(bytes(seen.kept))
    except SanitiseRefused as error:
        return [replace(whole, problem=error.message)]
    return [_member(reader, values, member_id(name, n), one) for n, one in enumerate(members, start=1)]


def member_id(archive: str, number: int) -> str:
    """The id of a member: the archive's, and its place in it from 1."""
    return f"{archive}/{number}"


def _member(reader: _Reading, values: Mapping[str, JsonValue], name: str, member: archives.UnpackedFile) -> Artifact:
    annexes = reader.annexes
    digest = f"sha256:{hashlib.sha256(member.data).hexdigest()}"
    own = {**values, annexes.id: name, annexes.digest: digest}
    if annexes.media_type:
        own.pop(annexes.media_type, None)
    content = kinds.content_of(member.data) or "other"
    found = {"extension": member.extension or kinds.EXTENSIONS.get(content, ""), "content": content}
    sort = _type_of(annexes, own, reader.snapshots, found=found)
    one = _admitted(name, own, sort, io.BytesIO(member.data), media_type=None, reader=reader)
    if archives.is_archive(member.data) and not one.problem:
        return replace(one, sanitised=None, problem="it is an archive within an archive")
    return one


def original_of(
    annexes: CompiledAnnexes, snapshots: Mapping[str, SourceSnapshot], open_blob: Open, *, artifact: str, digest: str
) -> bytes:
    """The bytes of an original, also where it is a member of an archive. Raises NotFound, BlobUnavailable."""
    archive, slash, number = artifact.rpartition("/")
    for record in listed(annexes, snapshots) if slash and number.isdecimal() else ():
        values = take_each(annexes.values, record)
        if values.get(annexes.id) != archive:
            continue
        with open_blob(str(values.get(annexes.digest))) as stream:
            data = stream.read(Limits().max_bytes + 1)
        try:
            found = archives.opened(data)[int(number) - 1].data
        except (SanitiseRefused, IndexError):
            break
        if f"sha256:{hashlib.sha256(found).hexdigest()}" == digest:
            return found
    with open_blob(digest) as stream:
        return stream.read(Limits().max_bytes + 1)


def _unread(name: str, values: Mapping[str, JsonValue], sort: AnnexType | None, salt: bytes, problem: str) -> Artifact:
    mark = held_digest(salt=salt, chunks=[b"unread:", name.encode()])
    return Artifact(name, values, sort.name if sort else None, None, None, mark, 0, problem)


def _admitted(
    name: str,
    values: Mapping[str, JsonValue],
    sort: AnnexType | None,
    stream: BinaryIO,
    *,
    media_type: JsonValue,
    reader: _Reading,
) -> Artifact:
    """One pass over the bytes; they are only kept together for a sanitiser, and only up to its limit."""
    sanitiser = sort.sanitiser if sort else None
    limit = Limits().max_bytes if sanitiser else 0
    seen = _Pass(limit)
    mark = held_digest(salt=reader.salt, chunks=seen.over(stream))
    sanitised = None
    if sanitiser and seen.size <= limit:
        declared = media_type if isinstance(media_type, str) else None
        digest = f"sha256:{seen.plain.hexdigest()}"
        sanitised = _by_people(reader, sort, digest) or _known(reader, sanitiser, digest)
        if sanitised is None:
            sanitised = sanitise(sanitiser, bytes(seen.kept), content_type=declared, context=reader.context)
    return Artifact(
        name,
        values,
        sort.name if sort else None,
        sanitised,
        f"sha256:{seen.plain.hexdigest()}",
        mark,
        seen.size,
        f"it has {seen.size} bytes; its sanitiser takes {limit}" if sanitiser and seen.size > limit else "",
    )


def _known(reader: _Reading, sanitiser: str, digest: str) -> Sanitised | None:
    """What a sanitiser has made of it before. What people have cleared can be void since."""
    return reader.known.get((sanitiser, digest)) if sanitiser != BY_PEOPLE else None


def _by_people(reader: _Reading, sort: AnnexType | None, digest: str) -> Sanitised | None:
    """What two people have cleared, whose roles the profile still names."""
    found, spec = reader.attested.get(digest), sort.spec.redact if sort else None
    if found is None or spec is None or found.redacted_as not in spec.by or found.attested_as not in spec.attest:
        return None
    return found.result


class _Pass:
    """What one pass over an original finds: its digest and size, and its first ``limit`` bytes or a little less."""

    def __init__(self, limit: int) -> None:
        self.plain = hashlib.sha256()
        self.size = 0
        self.kept = bytearray()
        self._limit = limit

    def over(self, stream: BinaryIO) -> Iterator[bytes]:
        while chunk := stream.read(CHUNK_BYTES):
            self.plain.update(chunk)
            self.size += len(chunk)
            if self.size <= self._limit:
                self.kept += chunk
            yield chunk


def take_each(values: Mapping[str, Extraction], record: JsonValue) -> dict[str, JsonValue]:
    """The declared values that ``record`` has, each by itself; one that is missing or misfits is left out."""
    taken: dict[str, JsonValue] = {}
    for extraction in values.values():
        try:
            taken |= extraction.apply("record", record)
        except Invalid:
            continue
    return taken


def _type_of(
    annexes: CompiledAnnexes,
    values: Mapping[str, JsonValue],
    snapshots: Mapping[str, SourceSnapshot],
    *,
    found: Mapping[str, str] = OF_NO_ARCHIVE,
) -> AnnexType | None:
    """The first type that fits. A condition that can't be decided fits nothing.

    ``found``: what is known of a member of an archive; values of the same name that the profile extracts mean its own.
    """
    scope: dict[str, Any] = {name: dict(snapshot.values) for name, snapshot in snapshots.items()}
    scope["annex"] = {**{name: text for name, text in found.items() if name not in annexes.values}, **values}
    return next((sort for sort in annexes.types if _fits(sort, scope)), None)


def _fits(sort: AnnexType, scope: Mapping[str, Any]) -> bool:
    if sort.where is None:
        return True
    try:
        return sort.where.holds(scope)
    except ConditionError:
        return False
