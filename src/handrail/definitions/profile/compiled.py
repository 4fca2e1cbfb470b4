"""A compiled packet profile: checked names, types, conditions and the packet's JSON Schema; nothing is read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jsonschema_rs
from pydantic import JsonValue

from handrail.definitions.inputs.schema import InputSchema
from handrail.definitions.language.conditions import Condition
from handrail.definitions.language.names import lookup
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile import operations as profile_operations
from handrail.definitions.profile import sources as profile_sources
from handrail.definitions.profile.format import NOBODY, AnnexTypeSpec, ProfileSpec, SignersSpec, TlpLabel
from handrail.definitions.requests.extraction import Extraction

HoldScope = Literal["revision", "field", "annex"]
__all__ = [
    "NOBODY",
    "AnnexType",
    "CompiledAnnexes",
    "CompiledField",
    "CompiledHoldRule",
    "CompiledListField",
    "CompiledMatch",
    "CompiledProfile",
    "CompiledSource",
]


@dataclass(frozen=True, slots=True)
class CompiledSource:
    """One source. ``values``: each extracted value by itself, so that a missing one costs no other.

    ``version``: ``etag``, ``digest``, ``taken`` or ``at``, a place in the answer. ``needs``: sources that it asks with.
    """

    name: str
    connector: str
    spec: profile_sources.AnySource
    values: Mapping[str, Extraction]
    types: Mapping[str, ValueType]
    version: str
    version_at: str | None
    fresh_for_seconds: float
    classification: str
    entitles: bool
    record: str | None
    as_of: str | None
    tlp: str | None
    internal: tuple[str, ...]
    needs: tuple[str, ...]

    def place_of(self, value: str) -> str:
        """Where in the answer an extracted value is: JSON pointer or JMESPath."""
        return self.values[value].extracts[value][0]


@dataclass(frozen=True, slots=True)
class CompiledField:
    """One value of the packet. ``path`` is dotted, without marks. ``origin`` is a source's value, or ``item.…``."""

    path: str
    origin: str
    kind: ValueType
    consequential: bool
    via: str | None
    agrees: tuple[str, ...]
    among: str | None
    classification: str
    multiline: bool
    schema: Mapping[str, Any]
    validator: jsonschema_rs.Draft202012Validator
    carries: frozenset[str] = frozenset()

    @property
    def optional(self) -> bool:
        return self.kind.optional


@dataclass(frozen=True, slots=True)
class CompiledMatch:
    """What another source's list ``among`` says of an entry; its values are the entry's, as ``item.NAME.VALUE``.

    ``by``: a value of the record, and the dotted name of what it must be. ``unmatched``: the code of the hold of an
    entry that has not exactly one such record.
    """

    name: str
    among: str
    by: tuple[tuple[str, str], ...]
    values: Mapping[str, Extraction]
    unmatched: str


@dataclass(frozen=True, slots=True)
class CompiledListField:
    """A list of the packet: one entry for each record of ``origin`` for which ``where`` holds.

    ``classification`` is a class, or ``item.NAME`` whose value is the entry's class. ``apart``: each entry has holds of
    its own; otherwise all entries with the same reason share one.
    """

    path: str
    origin: str
    consequential: bool
    values: Mapping[str, Extraction]
    where: Condition | None
    classification: str
    at_most: int
    show: tuple[CompiledField, ...]
    matches: tuple[CompiledMatch, ...] = ()
    apart: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """The lists of sources that its entries are made of."""
        return (self.origin, *(match.among for match in self.matches))

    @property
    def optional(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class AnnexType:
    """One type of artifact, in the order of trying. ``sanitiser`` None: it never leaves."""

    name: str
    where: Condition | None
    sanitiser: str | None
    classification: str
    at_most: int
    spec: AnnexTypeSpec


@dataclass(frozen=True, slots=True)
class CompiledAnnexes:
    """``origin`` lists the artifacts; ``store`` has their bytes by digest.

    ``id``, ``digest`` and ``media_type`` name values of each, without ``annex.``.
    """

    origin: str
    values: Mapping[str, Extraction]
    id: str
    digest: str
    media_type: str | None
    store: str
    types: tuple[AnnexType, ...]
    describe: bool = False


@dataclass(frozen=True, slots=True)
class CompiledHoldRule:
    """``condition`` None: a built-in hold. ``clears``: roles; none of them when only a new revision releases.

    ``masks``: the roles that may mask what it found in a text.
    """

    code: str
    condition: Condition | None
    scope: HoldScope
    on: tuple[str, ...]
    owner: str
    clears: tuple[str, ...]
    blocking: bool | None
    message: str
    released_by: str
    masks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledProfile:
    """Immutable and safe to share between threads. ``digest`` is over the canonical JSON of the parsed text.

    ``input_roots``: the names under which conditions and placeholders find the inputs.
    ``schema`` is the JSON Schema (2020-12) of ``packet.json``, closed; ``schema_digest`` is over its canonical JSON.
    """

    spec: ProfileSpec
    digest: str
    inputs: InputSchema
    input_roots: tuple[str, ...]
    sources: Mapping[str, CompiledSource]
    fields: tuple[CompiledField | CompiledListField, ...]
    annexes: CompiledAnnexes | None
    holds: Mapping[str, CompiledHoldRule]
    schema: Mapping[str, Any]
    schema_digest: str
    validator: jsonschema_rs.Draft202012Validator

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version(self) -> int:
        return self.spec.version

    @property
    def title(self) -> str:
        return self.spec.title

    @property
    def owner(self) -> str:
        return self.spec.owner

    @property
    def lane(self) -> str:
        return self.spec.lane.name

    @property
    def tlp(self) -> TlpLabel:
        return self.spec.audience.tlp

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(self.spec.audience.recipients)

    @property
    def shows(self) -> tuple[str, ...]:
        """The classes of value that the audience may see."""
        return tuple(self.spec.audience.shows)

    @property
    def never(self) -> tuple[str, ...]:
        """The classes that it never sees."""
        return tuple(self.spec.audience.never)

    @property
    def signers(self) -> SignersSpec:
        return self.spec.signers

    @property
    def keep_seconds(self) -> tuple[float | None, float | None]:
        """How long cleared annexes, and values, are kept after a packet has ended; None for ever."""
        keep = self.spec.keep
        if keep is None:
            return None, None
        return keep.annexes if keep.annexes is not None else keep.values, keep.values

    @property
    def expires_after_seconds(self) -> float:
        return self.spec.expires_after

    @property
    def tables(self) -> tuple[str, ...]:
        """The reference tables that fields go through, by name, sorted."""
        inner = [field for field in self.fields if isinstance(field, CompiledField)]
        inner += [field for each in self.fields if isinstance(each, CompiledListField) for field in each.show]
        return tuple(sorted({field.via for field in inner if field.via}))

    @property
    def connectors(self) -> tuple[str, ...]:
        """The connectors that it needs, by name, sorted."""
        named = {source.connector for source in self.sources.values()}
        return tuple(sorted(named | ({self.annexes.store} if self.annexes else set())))

    @property
    def roles(self) -> tuple[str, ...]:
        """Every role or group that signs, owns or clears something, sorted."""
        named = {role for rule in self.holds.values() for role in (rule.owner, *rule.clears, *rule.masks)}
        people = [sort.spec.redact for sort in self.annexes.types if sort.spec.redact] if self.annexes else []
        named |= {role for one in people for role in (*one.by, *one.attest)}
        return tuple(sorted(named | set(self.spec.signers.from_)))

    def rule(self, code: str) -> CompiledHoldRule:
        """The rule of a hold: every built-in code has one, and every code of the profile's own."""
        return self.holds[code]

    def validate_inputs(self, payload: Mapping[str, Any]) -> dict[str, JsonValue]:
        """The declared values and no others; absent optional ones as None. Raises Invalid, a fault for each."""
        return self.inputs.validate(payload)

    def input_scope(self, inputs: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Validated inputs as conditions and placeholders name them, to be joined with what the sources say."""
        return {root: dict(inputs) for root in self.input_roots}

    def tenant_key(self, inputs: Mapping[str, JsonValue]) -> str:
        """The tenant's key in Handrail, from validated inputs."""
        return str(lookup(self.spec.tenant, self.input_scope(inputs)))

    def operation(self, source: str, scope: Mapping[str, Any]) -> profile_operations.Operation:
        """The connector's operation for a source. Raises Invalid (``placeholder``)."""
        return profile_operations.build(self.sources[source].spec, scope)
