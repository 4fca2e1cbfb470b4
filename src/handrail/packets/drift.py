"""What the authoritative sources say now, and the drift since a revision was assembled. Never in a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from pydantic import JsonValue

from handrail.connectors import registry
from handrail.connectors.operation import Operation
from handrail.connectors.outcome import ReadFailed, Reading
from handrail.definitions.active import active_profile, active_table, compiled_profile, compiled_table
from handrail.definitions.models import Definition
from handrail.definitions.profile.compiled import CompiledListField, CompiledProfile
from handrail.definitions.states import DefinitionState
from handrail.definitions.table import CompiledTable
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, NotFound, Unavailable
from handrail.packets import documents, redactions
from handrail.packets.assembly import artifacts, sources
from handrail.packets.assembly.artifacts import Artifact, AttestedPicture
from handrail.packets.assembly.changes import ENTITLEMENT, Previous, instant_of, stale, target_of, with_settled
from handrail.packets.assembly.compare import affected_fields
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.change_summary import summarise
from handrail.packets.findings import TextTerms, look, masked
from handrail.packets.models import Assembly, Clearance, HoldRow, Packet, Revision, Snapshot
from handrail.packets.states import RevisionReason
from handrail.runbooks.actions import reading


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a revision is made of, read now."""

    snapshots: dict[str, SourceSnapshot]
    artifacts: tuple[Artifact, ...]
    tables: dict[str, CompiledTable]
    drift: tuple[Drift, ...]


def gather(revision: Revision, packet: Packet, *, alive: Callable[[], None]) -> Gathered:
    """Every source once, the artifacts, and every source again to see that nothing changed meanwhile.

    ``alive`` is called after each reading, and what it raises ends the gathering.
    Raises ReadFailed, BlobUnavailable or Misconfigured where trying again, or the operator, may help; Conflict
    ``other-tenant`` where a record belongs to another tenant than the packet.
    """
    return read_now(
        compiled_profile(revision.definition),
        packet.inputs,
        workspace_id=revision.workspace_id,
        salt=bytes(packet.salt),
        attested=redactions.attested(packet),
        alive=alive,
    )


def read_now(
    profile: CompiledProfile,
    inputs: Mapping[str, JsonValue],
    *,
    workspace_id: int,
    salt: bytes,
    attested: Mapping[str, AttestedPicture] | None = None,
    alive: Callable[[], None] = lambda: None,
) -> Gathered:
    """The same of a case for which there may be no packet. Raises as ``gather``."""
    connectors = registry.current()
    reader = sources.through(connectors, reading.read)

    def read(connector: str, operation: Operation) -> Reading:
        reading = reader(connector, operation)
        alive()
        return reading

    snapshots = sources.read_sources(profile, inputs, read)
    refuse_other_tenant(profile, inputs, snapshots)
    found: tuple[Artifact, ...] = ()
    if profile.annexes is not None:
        store = artifacts.through(connectors, profile)

        def opened(digest: str) -> BinaryIO:
            alive()
            return store(digest)

        found = artifacts.read_artifacts(profile, snapshots, opened, salt=salt, attested=attested)
    drift = sources.reread(profile, inputs, snapshots, read)
    return Gathered(snapshots, found, active_tables(profile, workspace_id), drift)


def refuse_other_tenant(
    profile: CompiledProfile, inputs: Mapping[str, JsonValue], snapshots: Mapping[str, SourceSnapshot]
) -> None:
    """The tenant decides who may ask, and the records what is read: nothing of another tenant's may be kept or shown.

    Raises Conflict ``other-tenant``. A record that could not be read has nothing to show; it is held as such.
    """
    key = profile.tenant_key(inputs)
    for name in profile.spec.tenant_confirmed_by:
        source, _, value = name.partition(".")
        values = snapshots[source].values
        if values and values.get(value) != key:
            raise Conflict(
                f"The record of the source {source} does not belong to {key}. Check which case you named.",
                code="other-tenant",
            )


def active_tables(profile: CompiledProfile, workspace_id: int) -> dict[str, CompiledTable]:
    """The active reference tables that the profile uses; one that is not active is left out."""
    tables: dict[str, CompiledTable] = {}
    for name in profile.tables:
        try:
            tables[name] = compiled_table(active_table(workspace_id, name))
        except NotFound:
            continue
    return tables


def previous_of(revision: Revision) -> Previous | None:
    """What the last assembled revision before this one stood on, and what people have stood for since the first."""
    before = Assembly.objects.filter(revision__packet_id=revision.packet_id, revision__number__lt=revision.number)
    last = before.order_by("-revision__number").first()
    if last is None:
        return _of_discarded(revision)
    found = Previous.from_documents(documents.parsed(last.trace), documents.parsed(last.holds))
    return with_settled(found, _settled(revision), bytes(revision.packet.salt))


def _of_discarded(revision: Revision) -> Previous | None:
    """For the first revision of a case whose packet was discarded: which entitlements were held there. To discard a
    packet and ask for its case again clears no hold that a person can clear. Where nobody can, that is the way out."""
    packet, last = revision.packet.replaces, None
    while packet is not None and last is None:
        last = Revision.objects.filter(packet=packet, assembly__isnull=False).order_by("-number").first()
        packet = packet.replaces
    held = HoldRow.objects.filter(revision=last, code=ENTITLEMENT, cleared=None).values_list("target", flat=True)
    profile = compiled_profile(revision.definition)
    if last is None or not held or not profile.holds[ENTITLEMENT].clears:
        return None
    tables = {name: table.digest for name, table in active_tables(profile, revision.workspace_id).items()}
    open_holds = frozenset((ENTITLEMENT, target, "") for target in held)
    return Previous(profile.digest, profile.schema_digest, tables, {}, open_holds)


def _settled(revision: Revision) -> dict[str, tuple[str, str | None]]:
    """Record and version of each source that entitles: as first asserted, or as last approved or cleared."""
    entitling = {name for name, source in compiled_profile(revision.definition).sources.items() if source.entitles}
    earlier = Revision.objects.filter(packet_id=revision.packet_id, number__lt=revision.number)
    cleared = Clearance.objects.filter(packet_id=revision.packet_id, code=ENTITLEMENT, masks=None)
    stood_for = set(cleared.values_list("revision_id", "target"))
    approved = set(earlier.filter(approved_at__isnull=False).values_list("pk", flat=True))
    rows = Snapshot.objects.filter(revision__in=earlier, name__in=entitling, digest__isnull=False)
    found: dict[str, tuple[str, str | None]] = {}
    for row in rows.order_by("revision__number"):
        if row.name not in found or row.revision_id in approved or (row.revision_id, target_of(row.name)) in stood_for:
            found[row.name] = (row.record, row.version)
    return found


@dataclass(frozen=True, slots=True)
class Moved:
    """``drift`` since a revision was assembled. ``fresh``: the reading that showed it, where records have changed; None
    where a definition has, or a source became too old."""

    drift: tuple[Drift, ...]
    fresh: dict[str, SourceSnapshot] | None = None


def moved_since(revision: Revision, assembly: Assembly) -> Moved:
    """The drift since ``revision`` was assembled: definitions first, then every source, read again.

    Empty when all of it still stands. Raises Unavailable when a source can't be asked now: what was not compared is
    not proven.
    """
    defined = tuple(_defined(revision, assembly))
    if defined:
        return Moved(defined)
    profile, packet = compiled_profile(revision.definition), revision.packet
    try:
        fresh = sources.read_sources(profile, packet.inputs, sources.through(registry.current(), reading.read))
    except ReadFailed as error:
        raise Unavailable(f"The sources can't be compared now: {error.message}", code="source-unreadable") from None
    before = documents.snapshots_of(revision)
    drift = tuple(_summarised(profile, one) for one in sources.drift_between(before, fresh))
    return Moved(drift, fresh) if drift else Moved(tuple(_old(profile, fresh, revision)))


@dataclass(frozen=True, slots=True)
class WatchedDrift:
    """``consequential``: summarised for people. ``noted``: what else changed, by name. ``changed_at``: of each
    consequential change when its source says it was, None where it doesn't say."""

    consequential: tuple[Drift, ...]
    noted: tuple[str, ...]
    changed_at: tuple[datetime | None, ...]


def replacing(revision: Revision) -> Definition:
    """The definition that the next revision goes by. Raises NotFound when no version of the profile is active."""
    return active_profile(revision.workspace_id, revision.packet.profile)


def _defined(revision: Revision, assembly: Assembly) -> Iterable[Drift]:
    definition = Definition.objects.get(pk=revision.definition_id)
    if definition.state != DefinitionState.ACTIVE or definition.digest != revision.profile_digest:
        try:
            version = f"version {replacing(revision).version}"
        except NotFound:
            version = "no active version"
        yield Drift("profile", f"version {definition.version}", version, reason=RevisionReason.DEFINITION)
        return
    tables = active_tables(compiled_profile(definition), revision.workspace_id)
    for name, (version, digest) in assembly.tables.items():
        table = tables.get(name)
        if table is None or table.digest != digest:
            after = f"version {table.version}" if table else "no active version"
            yield Drift(f"tables.{name}", f"version {version}", after, reason=RevisionReason.DEFINITION)


def _summarised(profile: CompiledProfile, one: Drift) -> Drift:
    """A value that the profile keeps internal is not quoted, nor what must not leave in another one."""
    source = profile.sources[one.source]
    feeds = affected_fields(profile, [one])
    if one.name in source.internal:
        before, after = "what it was", "another value"
    elif one.name == "version":
        before, after = summarise(one.before, one.after)
    else:
        terms = _terms(profile, feeds)
        before, after = summarise(one.before, one.after, hide=lambda text: masked(text, look(text, terms)).text)
    return Drift(one.where, before, after, feeds)


def _terms(profile: CompiledProfile, feeds: tuple[str, ...]) -> TextTerms:
    """What may stand in the fields that it feeds may be quoted."""
    hosts = profile.spec.hosts
    fed = [field for field in profile.fields if field.path in feeds]
    members = [one for field in fed for one in (field.show if isinstance(field, CompiledListField) else [field])]
    return TextTerms(
        hosts=frozenset([*hosts.vendor, *hosts.identity_providers]) if hosts else frozenset(),
        carries=frozenset[str]().union(*(one.carries for one in members)),
    )


def _old(profile: CompiledProfile, fresh: dict[str, SourceSnapshot], revision: Revision) -> Iterable[Drift]:
    """A source that became too old by its own word since the assembly."""
    at = revision.assembly.at
    known = {change.target for change in stale(profile, documents.snapshots_of(revision), at)}
    for change in stale(profile, fresh, now()):
        if change.target not in known:
            yield Drift(change.target, "fresh", "too old")


def watched(revision: Revision) -> WatchedDrift:
    """What changed in the sources since ``revision`` was assembled, and what of it has a consequence by its profile.

    Raises ReadFailed, or Unavailable where a source gives no usable record: what can't be read is neither changed nor
    unchanged.
    """
    profile, packet = compiled_profile(revision.definition), revision.packet
    watch = profile.spec.watch
    assert watch is not None  # asked before
    before = documents.snapshots_of(revision)
    fresh = sources.read_sources(profile, packet.inputs, sources.through(registry.current(), reading.read))
    if other := tuple(_of_another_tenant(profile, packet.inputs, fresh)):
        return WatchedDrift(other, (), (None,))
    for name, snapshot in fresh.items():
        if _is_less(before[name], snapshot):
            raise Unavailable(f"The source {name} has no usable record now.", code="source-unreadable")
    found = sources.drift_between(before, fresh)
    fields = set(watch.fields)
    counts = [
        one for one in found if _counts(profile, one, watch.sources) or fields & {*affected_fields(profile, [one])}
    ]
    return WatchedDrift(
        tuple(_summarised(profile, one) for one in counts),
        tuple(one.where for one in found if one not in counts),
        tuple(_changed_at(profile, fresh, one) for one in counts),
    )


def _is_less(before: SourceSnapshot, after: SourceSnapshot) -> bool:
    """Whether a reading proves less than the one before: no record, no version, or a value that can't be found."""
    if before.digest is None:
        return False
    lost = before.version is not None and after.version is None
    return after.digest is None or lost or bool(after.problems.keys() - before.problems.keys())


def _of_another_tenant(
    profile: CompiledProfile, inputs: Mapping[str, JsonValue], fresh: Mapping[str, SourceSnapshot]
) -> Iterable[Drift]:
    """Records that are another customer's now: of them nothing is quoted. One that can't be read says neither."""
    key = profile.tenant_key(inputs)
    for name in profile.spec.tenant_confirmed_by:
        source, _, value = name.partition(".")
        if fresh[source].values.get(value) not in (None, key):
            yield Drift(name, "this customer's", "another customer's")


def _counts(profile: CompiledProfile, one: Drift, named: Sequence[str]) -> bool:
    """A version alone says nothing, unless it is the version of what entitles."""
    return one.source in named and (one.name != "version" or profile.sources[one.source].entitles)


def _changed_at(profile: CompiledProfile, fresh: Mapping[str, SourceSnapshot], one: Drift) -> datetime | None:
    """When the source says that it last changed, where it says so."""
    as_of = profile.sources[one.source].as_of
    return instant_of(fresh[one.source].values.get(as_of)) if as_of else None
