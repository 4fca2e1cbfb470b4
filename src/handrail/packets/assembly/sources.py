"""Reading: every source once, into snapshots that do not change; and again later, only to compare."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, cast

from pydantic import JsonValue

from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.operation import Operation, Performer
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.connectors.registry import Registry
from handrail.definitions.profile.compiled import CompiledProfile, CompiledSource
from handrail.kernel.canonical import canonical_bytes, digest, digest_bytes
from handrail.kernel.clock import now
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.hostile import clean_text
from handrail.packets.assembly import drift
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.snapshots import SourceSnapshot

MAX_TOKEN = 200
_TOKEN = re.compile(r"[A-Za-z0-9._:/+=\"-]{1,200}")
_NOTHING = ""


class Reader(Protocol):
    """What reading needs of the connectors: one operation at a named one. Raises ReadFailed, Misconfigured."""

    def __call__(self, connector: str, operation: Operation) -> Reading: ...


def _at_once(_: str, source: Performer, operation: Operation) -> Reading:
    return source.read(operation)


def through(registry: Registry, read_one: Callable[[str, Performer, Operation], Reading] = _at_once) -> Reader:
    """A Reader over the configured connectors. ``read_one`` reads from the one of a name."""

    def read(connector: str, operation: Operation) -> Reading:
        found = registry.get(connector)
        if not isinstance(found, Performer):
            raise Misconfigured(f"The connector {connector} holds no records to read.", code="wrong-connector")
        return read_one(connector, found, operation)

    return read


def read_sources(profile: CompiledProfile, inputs: Mapping[str, JsonValue], read: Reader) -> dict[str, SourceSnapshot]:
    """Every source once, in the order of the profile; ``inputs`` are validated.

    A record that is not there, or an answer that is not usable, is noted in its snapshot and becomes a hold. Raises
    ReadFailed where asking again may help, so that a bad minute does not look like a missing record.
    """
    scope = profile.input_scope(inputs)
    snapshots: dict[str, SourceSnapshot] = {}
    for source in profile.sources.values():
        snapshots[source.name] = _snapshot(profile, source, scope, read)
        scope[source.name] = dict(snapshots[source.name].values)
    return snapshots


def reread(
    profile: CompiledProfile, inputs: Mapping[str, JsonValue], snapshots: Mapping[str, SourceSnapshot], read: Reader
) -> tuple[Drift, ...]:
    """The drift since ``snapshots`` were read: every source is read again, compared, and thrown away.

    Empty when nothing did. Raises ReadFailed when a source can't be asked now: what was not compared is not proven.
    """
    fresh = read_sources(profile, inputs, read)
    return drift_between(snapshots, fresh)


def drift_between(before: Mapping[str, SourceSnapshot], after: Mapping[str, SourceSnapshot]) -> tuple[Drift, ...]:
    """The drift between two readings of the same profile, in its order."""
    return tuple(change for name, snapshot in after.items() for change in drift.between(before[name], snapshot))


def _snapshot(
    profile: CompiledProfile, source: CompiledSource, scope: Mapping[str, Any], read: Reader
) -> SourceSnapshot:
    try:
        operation = profile.operation(source.name, scope)
    except Invalid:
        return _empty(source, "unknown", "what it is asked with is not known")
    place = clean_text(_place(operation), limit=MAX_TOKEN)
    try:
        reading = read(source.connector, operation)
    except ReadFailed as error:
        if error.retryable:
            raise
        return _empty(source, place, f"it has no usable record ({_why(error)})")
    return _taken(source, place, reading)


def _why(error: ReadFailed) -> str:
    if error.failure is not None:
        return error.failure.value
    return str(error.http_status) if error.code == ReadFailed.code else error.code


def _empty(source: CompiledSource, record: str, problem: str, read_at: datetime | None = None) -> SourceSnapshot:
    return SourceSnapshot(source.name, record, None, None, None, read_at or now(), {}, {_NOTHING: problem})


def _taken(source: CompiledSource, place: str, reading: Reading) -> SourceSnapshot:
    values: dict[str, JsonValue] = {}
    problems: dict[str, str] = {}
    for name, extraction in source.values.items():
        try:
            values |= extraction.apply(source.name, reading.value)
        except Invalid as error:
            problems[name] = error.faults[0].message
    record = values.get(source.record) if source.record else None
    taken = digest_bytes(canonical_bytes(values))
    version, problem = _version(source, reading, taken)
    if problem:
        problems[_NOTHING] = problem
    return SourceSnapshot(
        source.name,
        place if record is None else clean_text(str(record), limit=MAX_TOKEN) or "unnamed",
        version,
        taken,
        reading.digest,
        reading.read_at,
        values,
        problems,
    )


def _version(source: CompiledSource, reading: Reading, taken: str) -> tuple[str | None, str | None]:
    """The token, or why there is none: a source that can't prove its freshness proves nothing."""
    if source.version == "taken":
        return taken, None
    if source.version == "digest":
        return reading.digest, None
    if source.version == "etag":
        found: JsonValue = reading.version
    else:
        try:
            found = extract(reading.value, cast("str", source.version_at))
        except ExtractFailed:
            found = None
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        return None, "it does not carry the version that the profile names"
    # A token is shown in the trace. What does not look like one may be anybody's text: its digest proves as much.
    return (str(found) if _TOKEN.fullmatch(str(found)) else digest(str(found))), None


def _place(operation: Operation) -> str:
    fields = operation.model_dump(exclude_none=True)
    named = [str(fields[key]) for key in ("path", "resource", "id", "group", "role", "entity_id") if key in fields]
    return " ".join(named) + (f" {fields['filter']}" if fields.get("filter") else "")
