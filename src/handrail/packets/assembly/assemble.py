"""Assembly: one revision from a profile, snapshots, tables and artifacts. Pure: the same inputs give the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledField, CompiledProfile
from handrail.definitions.table import CompiledTable
from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.assembly import annexing
from handrail.packets.assembly.annexing import Annexed, annex_all, decided
from handrail.packets.assembly.artifacts import Artifact, sanitise_context, unlisted
from handrail.packets.assembly.changes import Previous, changed_definitions, lane_and_audience, moved_sources, stale
from handrail.packets.assembly.cleaning import InsideTexts, texts_of
from handrail.packets.assembly.drift import Drift
from handrail.packets.assembly.fields import FieldMaker, Made, MadeList, put
from handrail.packets.assembly.lineage import Tracer
from handrail.packets.assembly.register import HoldRegister, said_of
from handrail.packets.assembly.results import Annex, Assembled, EarlierName, Hold, HoldClearance
from handrail.packets.assembly.snapshots import SourceSnapshot
from handrail.packets.assembly.texts import TextGuard
from handrail.packets.assembly.values import Values
from handrail.packets.findings import CODES
from handrail.packets.proof.manifest import MIN_SALT_BYTES

FORMAT = "trace/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that a revision is made of. ``inputs`` are validated; ``tables`` are the active ones, by name.

    ``salt`` belongs to the packet and stays inside. ``drift`` is what ``sources.reread`` found after the reading;
    ``previous`` is what the last revision was based on; ``at`` is the instant of assembly (UTC). ``names`` are
    those that artifacts had in earlier revisions, the oldest first.
    """

    profile: CompiledProfile
    inputs: Mapping[str, JsonValue]
    snapshots: Mapping[str, SourceSnapshot]
    tables: Mapping[str, CompiledTable]
    artifacts: Sequence[Artifact]
    salt: bytes
    at: datetime
    clearances: Sequence[HoldClearance] = ()
    drift: Sequence[Drift] = ()
    previous: Previous | None = None
    names: Sequence[EarlierName] = ()


def assemble(inputs: Inputs) -> Assembled:
    """The revision. Whatever has no source, is contradicted, stale or above the audience is held and shown as such.

    Raises Invalid for a salt under 16 bytes; Conflict (``packet-schema``) if the packet would break its own schema.
    """
    if len(inputs.salt) < MIN_SALT_BYTES:
        raise Invalid(
            f"The salt has {len(inputs.salt)} bytes; at least {MIN_SALT_BYTES} are needed.", code="short-salt"
        )
    return _Assembly(inputs).revision()


class _Assembly:
    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.profile = inputs.profile
        self.tables = {name: inputs.tables[name] for name in inputs.profile.tables if name in inputs.tables}
        self.register = HoldRegister(inputs.profile, inputs.salt, inputs.clearances)
        self.values = Values(inputs.profile, inputs.snapshots, self.tables)
        self.scope = inputs.profile.input_scope(inputs.inputs) | {"profile": self.values.constants}
        self.scope |= {name: dict(snapshot.values) for name, snapshot in inputs.snapshots.items()}
        self.maker = FieldMaker(inputs.profile, self.values, self.register, self.scope)
        context = sanitise_context(inputs.profile, inputs.snapshots, inputs.salt)
        hosts = (*context.vendor, *context.identity_providers)
        self.guard = TextGuard(
            inputs.profile, self.register, salt=inputs.salt, hosts=hosts, decisions=inputs.clearances
        )
        self.inside = InsideTexts(())

    def revision(self) -> Assembled:
        self._about_sources()
        fields = [
            self.maker.make(field) if isinstance(field, CompiledField) else self.maker.make_list(field)
            for field in self.profile.fields
        ]
        self.inside = InsideTexts(self._inside_texts(fields))
        self._hold_quotations(fields)
        for made in fields:
            self.guard.look_through(made, self.maker)
        annexed = annex_all(self.profile, self.inputs.artifacts, self.register, self.scope, self.inputs.names)
        annexing.hold_quotations(annexed, self.register, self.inside)
        self._own_holds(fields, annexed)
        return self._assembled(fields, annexed)

    # holds

    def _about_sources(self) -> None:
        inputs = self.inputs
        for found in (
            *stale(self.profile, inputs.snapshots, inputs.at),
            *moved_sources(self.profile, inputs.snapshots, inputs.drift, inputs.previous, self.register),
            *changed_definitions(self.profile, self.tables, inputs.previous, self.register),
            *lane_and_audience(self.profile, self.values),
        ):
            self.register.add(found.code, found.target, found.facts, scope="revision")
        annexes = self.profile.annexes
        if annexes is not None and (why := unlisted(annexes, inputs.snapshots)) is not None:
            self.register.add("missing-lineage", "annexes", [why], scope="revision")  # what is attached is not known

    def _hold_quotations(self, fields: Sequence[Made | MadeList]) -> None:
        """Texts that would leave and quote what must stay inside."""
        inside = self.inside
        for made in fields:
            if isinstance(made, Made):
                if inside.quoted_in((None, text) for text in texts_of(made.value)):
                    hold = self.register.add(
                        "internal-note", made.spec.path, [made.value], consequential=made.spec.consequential
                    )
                    made.holds.append(hold)
                continue
            leaving = (
                ((position, at), text)
                for position, entry in enumerate(made.entries)
                if not entry.own
                for at, value in enumerate(entry.values)
                for text in texts_of(value)
            )
            self.maker.quote(made, inside.quoted_in(leaving))

    def _inside_texts(self, fields: Sequence[Made | MadeList]) -> Iterator[str]:
        for name, source in self.profile.sources.items():
            for value in source.internal:
                yield from texts_of(self.inputs.snapshots[name].values.get(value))
        for made in fields:
            if isinstance(made, MadeList):
                for item in made.left_out:
                    yield from texts_of(dict(item))

    def _own_holds(self, fields: Sequence[Made | MadeList], annexed: Sequence[Annexed]) -> None:
        held = sum(1 for one in annexed if one.held)
        shown: dict[str, JsonValue] = {}
        for made in fields:
            if not made.held:
                put(shown, made.spec.path, made.value if isinstance(made, Made) else _visible(made))
        scope = {**self.scope, "packet": shown, "annexes": {"cleared": len(annexed) - held, "held": held}}
        by_path = {made.spec.path: made for made in fields}
        for rule in self.profile.holds.values():
            if rule.condition is None or rule.scope == "annex" or (why := decided(rule, scope)) is None:
                continue
            facts: JsonValue = [why, *(scope_value(name, scope) for name in rule.condition.names)]
            if rule.scope == "revision":
                self.register.add(rule.code, "revision", facts)
            for path in rule.on:
                made = by_path[path]
                hold = self.register.add(rule.code, path, facts, consequential=made.spec.consequential)
                made.holds.append(hold)

    # documents

    def _assembled(self, fields: Sequence[Made | MadeList], annexed: Sequence[Annexed]) -> Assembled:
        inputs, profile = self.inputs, self.profile
        described = profile.annexes is not None and profile.annexes.describe
        annexes = tuple(annexing.cleared(one, described=described) for one in annexed if not one.held)
        held = tuple(annexing.marker(one) for one in annexed if one.held)
        packet = self._packet(fields, annexes, held)
        if not profile.validator.is_valid(packet):
            raise Conflict(
                "The packet does not keep to its own schema, so nothing was made of it.", code="packet-schema"
            )
        withheld = (*_withheld(fields), *self.guard.gone)
        tracer = Tracer(
            profile, inputs.snapshots, self.tables, self.register, withheld=withheld, finds=self.guard.finds
        )
        trace = self._trace(tracer, fields, annexes)
        self._hold_elsewhere(packet, trace)
        return Assembled(
            profile=profile.name,
            profile_version=profile.version,
            profile_digest=profile.digest,
            schema_digest=profile.schema_digest,
            lane=profile.lane,
            tlp=f"TLP:{profile.tlp}",
            recipients=profile.recipients,
            packet=packet,
            trace=trace,
            holds=self.register.holds,
            annexes=annexes,
            held=held,
            snapshots=dict(inputs.snapshots),
            tables={name: (table.version, table.digest) for name, table in self.tables.items()},
            at=inputs.at,
            masked=tuple(dict.fromkeys(self.guard.used)),
        )

    def _hold_elsewhere(self, packet: Mapping[str, Any], trace: Mapping[str, Any]) -> None:
        """Whatever is found outside the fields holds the revision; so do the texts of holds, also of these new ones."""
        documents: dict[str, Any] = {
            "packet": {name: part for name, part in packet.items() if name != "fields"},
            "trace": trace,
        }
        known: set[str] = set()
        while documents:
            found = [
                one
                for name, document in documents.items()
                for one in self.guard.elsewhere(name, document, self.inside.is_quoted_in)
            ]
            for one in found:
                self.register.add(one.code, one.target, one.facts, scope="revision", where=one.where)
            fresh = [hold for hold in self.register.holds if f"{hold.code} on {hold.target}" not in known]
            known |= {f"{hold.code} on {hold.target}" for hold in fresh}
            documents = (
                {"holds": {f"{hold.code} on {hold.target}": self._said(hold) for hold in fresh}} if fresh else {}
            )

    def _said(self, hold: Hold) -> dict[str, Any]:
        """What leaves of a hold, without the places that ``where_of`` puts into it: they are in our own words."""
        said = hold.document()
        if hold.code in CODES:
            said["says"] = said_of(self.profile.rule(hold.code))
        if not self.profile.rule(hold.code).released_by:
            del said["released_by"]  # our own words, and names of roles
        return said

    def _packet(self, fields: Sequence[Made | MadeList], annexes: Iterable[Any], held: Iterable[Any]) -> dict[str, Any]:
        profile = self.profile
        shown: dict[str, JsonValue] = {}
        for made in fields:
            put(shown, made.spec.path, made.shown())
        return {
            "about": {
                "profile": profile.name,
                "version": profile.version,
                "title": profile.title,
                "lane": profile.lane,
                "tlp": f"TLP:{profile.tlp}",
                "recipients": list(profile.recipients),
            },
            "fields": shown,
            "annexes": [_annex(annex) for annex in annexes],
            "held": [
                {"name": marker.name, "sort": marker.type, "reason": marker.reason, "digest": marker.digest}
                for marker in held
            ],
        }

    def _trace(self, tracer: Tracer, fields: Sequence[Made | MadeList], annexes: Iterable[Any]) -> dict[str, Any]:
        profile = self.profile
        traced: dict[str, Any] = {}
        for made in fields:
            traced |= tracer.list(made) if isinstance(made, MadeList) else {made.spec.path: tracer.field(made)}
        return {
            "trace": FORMAT,
            "about": {
                "source": "profile",
                "record": profile.name,
                "path": "",
                "version": str(profile.version),
                "digest": profile.digest,
                "rule": "as the profile says",
                "schema": profile.schema_digest,
            },
            "tables": {name: {"version": table.version, "digest": table.digest} for name, table in self.tables.items()},
            "sources": tracer.sources,
            "fields": traced,
            "annexes": {annex.name: tracer.annex(annex) for annex in annexes},
        }


def _annex(annex: Annex) -> dict[str, Any]:
    """As it stands in ``packet.json``."""
    shown = {
        "name": annex.name,
        "sort": annex.type,
        "media_type": annex.media_type,
        "size": annex.size,
        "digest": annex.cleared_digest,
    }
    facts = annex.facts
    if facts is None:
        return shown
    said = {"entries": facts.entries, "hosts": facts.hosts, "since": facts.since, "until": facts.until, "by": facts.by}
    return {**shown, "description": facts.sentence(), **said}


def _visible(made: MadeList) -> JsonValue:
    """The entries that would be shown, without those that are held."""
    shown = made.shown()
    entries = shown if isinstance(shown, list) else []
    return [entry for entry in entries if not (isinstance(entry, dict) and "held" in entry)]


def _withheld(fields: Iterable[Made | MadeList]) -> Iterator[str]:
    """Every text that stays inside although a field asked for it."""
    for made in fields:
        for hold in made.holds:
            yield from _texts_behind(hold)
        if isinstance(made, Made):
            if made.held:
                yield from texts_of(made.value)
            continue
        for hold in made.by_target.values():
            yield from _texts_behind(hold)
        for item in made.left_out:
            yield from texts_of(dict(item))


def _texts_behind(hold: Hold) -> Iterator[str]:
    facts = hold.internal.get("facts")
    if hold.code not in CODES:
        yield from texts_of(facts)
    elif isinstance(facts, list):  # the kinds beside them are our own words
        yield from (fact["text"] for fact in facts if isinstance(fact, dict) and isinstance(fact["text"], str))


def scope_value(name: str, scope: Mapping[str, Any]) -> JsonValue:
    """The value of a dotted name, None where there is none."""
    value: Any = scope
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return cast("JsonValue", value)
