"""The parts of one revision as its reviewers see them: what would leave, what is held, who signed, where it went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from handrail.access.actor import Actor
from handrail.access.refusals import Refusal
from handrail.definitions.active import compiled_profile
from handrail.packets import approvers, documents, permissions
from handrail.packets.approvers import Counted
from handrail.packets.models import AnnexRow, HoldRow, Revision, Snapshot, Vote
from handrail.packets.proof.signers import shortfall
from handrail.packets.states import VoteKind

_LIST = "[]"


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of ``packet.json``. ``held``: the codes for which its value stays inside; then ``value`` is None.

    ``members``: of a list, the lineage of each member of its entries by name. ``via``: the reference table.
    """

    path: str
    value: JsonValue
    held: tuple[str, ...]
    source: str
    record: str
    at: str
    version: str | None
    digest: str | None
    rule: str
    via: str
    members: tuple[FieldView, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearanceView:
    by: str
    role: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of a text; ``kind``: what was found there, empty where nothing was."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text in which something was found, for those who see inside.

    ``entry``: its place in the source's list, counted from 1; None where it is in no list.
    """

    entry: int | None
    pieces: tuple[TextPiece, ...]


@dataclass(frozen=True, slots=True)
class HoldView:
    """``blocks``: it keeps the whole revision. ``masks``: the roles that may mask what it found.

    ``internal``: the facts, which never leave, and ``texts``: where something was found in one; both are empty unless
    the actor decides by them (``permissions.may_see_internal``).
    """

    code: str
    scope: str
    target: str
    owner: str
    clears: tuple[str, ...]
    blocking: bool
    blocks: bool
    message: str
    released_by: str
    digest: str
    cleared: ClearanceView | None
    internal: dict[str, Any]
    why_not_clear: Refusal | None
    masks: tuple[str, ...] = ()
    why_not_mask: Refusal | None = None
    texts: tuple[MarkedText, ...] = ()


@dataclass(frozen=True, slots=True)
class AnnexView:
    """``cleared``: it leaves as ``path``; else ``reason`` and ``reasons`` say why it stays, ``marker`` stands for it.

    ``removed``: how many of what were removed, by rule and place, as the sanitiser's report counts them.
    ``picture``: people clear it, by redacting and attesting.
    ``description``: what the packet says of it, empty where it is held or its profile does not ask for that.
    """

    name: str
    type: str
    artifact: str
    cleared: bool
    original_digest: str | None
    path: str
    media_type: str
    size: int
    cleared_digest: str | None
    sanitiser: str
    rule_version: str
    removed: list[dict[str, Any]]
    report: dict[str, Any]
    reason: str
    reasons: tuple[str, ...]
    marker: str
    description: str
    picture: bool


@dataclass(frozen=True, slots=True)
class SourceView:
    name: str
    record: str
    version: str | None
    digest: str | None
    read_at: datetime
    problems: dict[str, str]


@dataclass(frozen=True, slots=True)
class VoteView:
    """``why_not``: why an approval does not count any more, empty where it does. ``proof``: how it was proved, and
    ``key`` the digest of the key that signed it; both empty for other votes than approvals."""

    kind: VoteKind
    name: str
    at: datetime
    manifest_digest: str
    reason: str
    why_not: str
    proof: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class SignerView:
    """Somebody who may sign; ``signed`` only where their vote counts now."""

    name: str
    roles: tuple[str, ...]
    signed: bool


@dataclass(frozen=True, slots=True)
class VotesView:
    """``missing``: what the threshold still needs, in words. ``required``: what it needs before any vote."""

    threshold: int
    quotas: dict[str, int]
    votes: tuple[VoteView, ...]
    signers: tuple[SignerView, ...]
    missing: tuple[str, ...]
    required: tuple[str, ...]


def fields(revision: Revision) -> tuple[FieldView, ...]:
    """What would leave, with the lineage of each value, in the order of the profile."""
    packet, trace = documents.parsed(revision.assembly.packet), documents.parsed(revision.assembly.trace)
    paths = [path for path in trace["fields"] if _LIST not in path]
    return tuple(_field(path, packet["fields"], trace["fields"]) for path in paths)


def holds(actor: Actor, revision: Revision) -> tuple[HoldView, ...]:
    rows = HoldRow.objects.filter(revision=revision).select_related("cleared").order_by("position")
    return tuple(_hold(actor, revision, row) for row in rows)


def annexes(revision: Revision) -> tuple[AnnexView, ...]:
    said = {one["name"]: one.get("description", "") for one in documents.parsed(revision.assembly.packet)["annexes"]}
    rows = AnnexRow.objects.filter(revision=revision).order_by("position")
    written = compiled_profile(revision.definition).annexes
    pictures = {sort.name for sort in written.types if sort.spec.redact} if written else set()
    return tuple(
        annex_view(row, said.get(row.name, ""), picture=row.type in pictures and row.original_digest is not None)
        for row in rows
    )


def sources(revision: Revision) -> tuple[SourceView, ...]:
    rows = Snapshot.objects.filter(revision=revision).order_by("position")
    return tuple(SourceView(row.name, row.record, row.version, row.digest, row.at, row.problems) for row in rows)


def votes(revision: Revision) -> VotesView | None:
    """Who said what, and who still must; None where the revision has no manifest."""
    manifest = documents.manifest_of(revision.assembly)
    if manifest is None:
        return None
    count = approvers.count(revision, manifest, manifest_digest=manifest.digest())
    counted = {vote.user_id: vote for vote in count.votes}
    rows = Vote.objects.filter(revision=revision).order_by("at", "pk")
    signed = {vote.signer for vote in count.valid}
    return VotesView(
        threshold=manifest.signers.threshold,
        quotas={quota.role: quota.least for quota in manifest.signers.quotas},
        votes=tuple(
            _vote(row, counted.get(row.user_id or 0) if row.kind == VoteKind.APPROVE else None) for row in rows
        ),
        signers=tuple(SignerView(one.name, one.roles, one.id in signed) for one in manifest.signers.eligible),
        missing=count.missing,
        required=shortfall(manifest.signers, ()),
    )


def _vote(row: Vote, counted: Counted | None) -> VoteView:
    key = counted.passkey.key.digest if counted and counted.passkey else ""
    proof, why_not = (counted.proof.value, counted.why_not) if counted else ("", "")
    return VoteView(VoteKind(row.kind), row.name, row.at, row.manifest_digest, row.reason, why_not, proof, key)


def _field(path: str, values: Mapping[str, Any], traced: Mapping[str, Any]) -> FieldView:
    found = traced[path]
    held = tuple(found.get("held", ()))
    value = None if held else _at(values, path)
    return _view(path, value, held, found, tuple(_members(path, traced)))


def _members(path: str, traced: Mapping[str, Any]) -> Iterator[FieldView]:
    prefix = f"{path}{_LIST}."
    for name, found in traced.items():
        if name.startswith(prefix):
            yield _view(name.removeprefix(prefix), None, (), found, ())


def _view(
    path: str, value: JsonValue, held: tuple[str, ...], found: Mapping[str, Any], members: tuple[FieldView, ...]
) -> FieldView:
    via = found.get("via")
    return FieldView(
        path=path,
        value=value,
        held=held,
        source=found["source"],
        record=found["record"],
        at=found["path"],
        version=found["version"],
        digest=found["digest"],
        rule=found.get("rule", ""),
        via=f"{via['table']} version {via['version']}" if via else "",
        members=members,
    )


def _at(values: Mapping[str, Any], path: str) -> JsonValue:
    found: Any = values
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    value: JsonValue = found
    return value


def _hold(actor: Actor, revision: Revision, row: HoldRow) -> HoldView:
    cleared = row.cleared
    return HoldView(
        code=row.code,
        scope=row.scope,
        target=row.target,
        owner=row.owner,
        clears=tuple(row.clears),
        blocking=row.blocking,
        blocks=row.blocking and cleared is None,
        message=row.message,
        released_by=row.released_by,
        digest=row.digest,
        cleared=ClearanceView(cleared.by, cleared.role, cleared.at, cleared.reason) if cleared else None,
        internal=row.internal if permissions.may_see_internal(actor) else {},
        why_not_clear=permissions.why_not_clear(actor, revision, row),
        masks=tuple(row.masks or ()),
        why_not_mask=permissions.why_not_mask(actor, revision, row),
        texts=_marked(row) if permissions.may_see_internal(actor) else (),
    )


def _marked(row: HoldRow) -> tuple[MarkedText, ...]:
    facts = row.internal.get("facts")
    known = [one for one in facts if isinstance(one, dict) and "found" in one] if isinstance(facts, list) else []
    return tuple(
        MarkedText(one["entry"] + 1 if "entry" in one else None, tuple(_pieces(one["text"], one["found"])))
        for one in known
    )


def _pieces(text: str, found: list[tuple[str, int, int]]) -> Iterator[TextPiece]:
    at = 0
    for kind, start, end in found:
        if start > at:
            yield TextPiece(text[at:start], "")
        yield TextPiece(text[start:end], kind)
        at = end
    if at < len(text):
        yield TextPiece(text[at:], "")


def annex_view(row: AnnexRow, description: str = "", *, picture: bool = False) -> AnnexView:
    return AnnexView(
        name=row.name,
        type=row.type,
        artifact=row.artifact,
        cleared=row.cleared_digest is not None,
        original_digest=row.original_digest,
        path=row.path,
        media_type=row.media_type,
        size=row.size,
        cleared_digest=row.cleared_digest,
        sanitiser=row.sanitiser,
        rule_version=row.rule_version,
        removed=row.report.get("removed", []),
        report=row.report,
        reason=row.reason,
        reasons=tuple(row.reasons),
        marker=row.marker,
        description=description,
        picture=picture,
    )
