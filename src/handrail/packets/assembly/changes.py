"""What a revision stands on, and whether that holds: sources, entitlements, definitions, lane and audience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledProfile, CompiledSource
from handrail.definitions.table import CompiledTable
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.register import HoldRegister, signed
from handrail.packets.assembly.results import Assembled
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.assembly.values import Values

# Clocks differ; a record that claims to be from later than this is not believed.
CLOCK_SKEW_SECONDS = 300
ENTITLEMENT = "entitlement-drift"


@dataclass(frozen=True, slots=True)
class HoldReason:
    """A reason to hold the whole revision. ``facts`` stay inside."""

    code: str
    target: str
    facts: JsonValue


@dataclass(frozen=True, slots=True)
class Previous:
    """What the last revision stood on. ``states``: a salted digest of each source's record and version, by name.

    ``open_holds``: (code, target, digest) of the holds that nobody had cleared.

    ``settled``: the same digest of what each source that entitles was when a person last stood for it: when the packet
    was first asserted, when a revision was approved, or when somebody cleared that it had changed. A revision that was
    only assembled settles nothing, so that assembling twice clears no hold.
    """

    profile_digest: str
    schema_digest: str
    tables: Mapping[str, str]
    states: Mapping[str, str]
    open_holds: frozenset[tuple[str, str, str]]
    settled: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, assembled: Assembled) -> Previous:
        return cls.from_documents(assembled.trace, {"holds": [hold.document() for hold in assembled.holds]})

    @classmethod
    def from_documents(cls, trace: Mapping[str, Any], holds: Mapping[str, Any]) -> Previous:
        """From the parsed ``trace.json`` and ``holds.json`` of that revision."""
        return cls(
            trace["about"]["digest"],
            trace["about"]["schema"],
            {name: table["digest"] for name, table in trace["tables"].items()},
            {name: source["state"] for name, source in trace["sources"].items()},
            frozenset(
                (hold["code"], hold["target"], hold["digest"]) for hold in holds["holds"] if hold["cleared"] is None
            ),
        )


def with_settled(previous: Previous, settled: Mapping[str, tuple[str, str | None]], salt: bytes) -> Previous:
    """``settled``: record and version of each source that entitles, as a person last stood for them."""
    states = {name: signed(salt, "state", name, record, version) for name, (record, version) in settled.items()}
    return replace(previous, settled=states)


def target_of(source: str) -> str:
    return f"sources.{source}"


def stale(profile: CompiledProfile, snapshots: Mapping[str, SourceSnapshot], at: datetime) -> Iterator[HoldReason]:
    """Sources that are too old at ``at``, or can't prove their version. Asked at approval and release as well."""
    for name, source in profile.sources.items():
        snapshot = snapshots[name]
        why = _why_stale(source, snapshot, at)
        if why:
            yield HoldReason("stale-source", target_of(name), [why, snapshot.version])


def _why_stale(source: CompiledSource, snapshot: SourceSnapshot, at: datetime) -> str:
    if snapshot.version is None:
        return snapshot.problems.get("") or "it has no version"
    ages = [at - snapshot.read_at]
    if source.as_of is not None:
        own = instant_of(snapshot.values.get(source.as_of))
        if own is None:
            # A clearance is for exactly these words, so they stay.
            return "its own time is no instant with a time zone"  # prose: quoted
        ages.append(at - own)
    if min(ages) < timedelta(seconds=-CLOCK_SKEW_SECONDS):
        return "it is from the future"
    return "it is too old" if max(ages) > timedelta(seconds=source.fresh_for_seconds) else ""


def instant_of(value: JsonValue) -> datetime | None:
    """The time that a record gives, None for what is no instant with a time zone."""  # prose: quoted
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.utcoffset() is not None else None


def moved_sources(
    profile: CompiledProfile,
    snapshots: Mapping[str, SourceSnapshot],
    drift: Sequence[Drift],
    previous: Previous | None,
    register: HoldRegister,
) -> Iterator[HoldReason]:
    """Entitlement scope that changed since a person stood for it, or while reading; other sources while reading."""
    drifted = {one.source for one in drift}
    for name, source in profile.sources.items():
        snapshot = snapshots[name]
        if not source.entitles:
            if name in drifted:
                yield HoldReason("stale-source", target_of(name), ["it changed while it was read", snapshot.version])
            continue
        state = register.sign("state", name, snapshot.record, snapshot.version)
        change = HoldReason(ENTITLEMENT, target_of(name), [state])
        if name in drifted or _has_moved(previous, name, state):
            yield change


def _has_moved(previous: Previous | None, name: str, state: str) -> bool:
    """Whether it is not what a person stood for, or once was not and nobody has cleared that yet."""
    if previous is None:
        return False
    still = any((code, target) == (ENTITLEMENT, target_of(name)) for code, target, _ in previous.open_holds)
    return still or previous.settled.get(name, previous.states.get(name, state)) != state


def changed_definitions(
    profile: CompiledProfile, tables: Mapping[str, CompiledTable], previous: Previous | None, register: HoldRegister
) -> Iterator[HoldReason]:
    """Profile, schema or a table other than those of the last revision, until somebody has accepted that."""
    if previous is None:
        return
    now = {"profile": profile.digest, "schema": profile.schema_digest}
    now |= {f"tables.{name}": table.digest for name, table in tables.items()}
    before = {"profile": previous.profile_digest, "schema": previous.schema_digest}
    before |= {f"tables.{name}": digest for name, digest in previous.tables.items()}
    for target in sorted({*now, *before}):
        change = HoldReason("definition-changed", target, [now.get(target)])
        if now.get(target) != before.get(target) or _still_open(change, profile, previous, register):
            yield change


def _still_open(
    change: HoldReason, profile: CompiledProfile, previous: Previous | None, register: HoldRegister
) -> bool:
    """A hold that somebody may clear stays until they do; one that nobody may is gone with the next revision."""
    if previous is None or not profile.rule(change.code).clears:
        return False
    return (change.code, change.target, register.sign(change.code, change.target, change.facts)) in previous.open_holds


def lane_and_audience(profile: CompiledProfile, values: Values) -> Iterator[HoldReason]:
    """Whether the authoritative record names this lane and these recipients, where the profile says that it must."""
    named = profile.spec.lane.confirmed_by
    if named is not None and (found := values.origin(named)).value != profile.lane:
        yield HoldReason("lane-mismatch", "lane", [found.value, found.problem])
    named = profile.spec.audience.confirmed_by
    if named is None:
        return
    found = values.origin(named)
    allowed = found.value if isinstance(found.value, list) else []
    unknown: list[JsonValue] = [one for one in profile.recipients if one not in allowed]
    if unknown:
        yield HoldReason("audience-mismatch", "audience", [unknown, found.problem])
