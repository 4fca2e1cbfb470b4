"""Pictures: looked at, redacted by one person and attested by another. What is attested makes the next revision."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import Refusal, refuse
from handrail.audit.events import EventName
from handrail.connectors import registry
from handrail.definitions.active import compiled_profile
from handrail.definitions.profile.format import RedactSpec
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, NotFound
from handrail.packets import annexes, documents, drift, moves, permissions, redactions
from handrail.packets.actions.assembling import Requested
from handrail.packets.assembly import artifacts
from handrail.packets.findings import TextTerms
from handrail.packets.models import AnnexRow, PictureAttestation, PictureRedaction, Revision
from handrail.packets.moves import Assembler
from handrail.packets.pictures import boxes as boxing
from handrail.packets.pictures import examining, isolated
from handrail.packets.pictures.boxes import Box
from handrail.packets.pictures.examining import PictureFinding
from handrail.packets.pictures.isolated import DrawnPage, PictureRefused
from handrail.packets.rows import get_revision_row
from handrail.packets.states import RevisionReason

CLEARED = "unsanitised-artifact"


@dataclass(frozen=True, slots=True)
class AttestationView:
    by: str
    role: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RedactionView:
    """What was covered last: ``result_digest`` is what would leave, once another person has attested it."""

    boxes: tuple[Box, ...]
    result_digest: str
    size: int
    by: str
    role: str
    at: datetime
    yours: bool
    attested: AttestationView | None


@dataclass(frozen=True, slots=True)
class FoundInPicture:
    """``covered``: the last redaction covers all of it."""

    finding: PictureFinding
    covered: bool


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture as those see it who may see inside. ``refused``: why it can't be drawn; then it has no pages.

    ``recognised``: text recognition has read the pixels; where it has not, only people have looked.
    ``redacts`` and ``attests``: the roles that the profile names.
    """

    packet: str
    revision: int
    annex: str
    original_digest: str
    refused: str
    kind: str
    pages: int
    frames: int
    recognised: bool
    findings: tuple[FoundInPicture, ...]
    redaction: RedactionView | None
    redacts: tuple[str, ...]
    attests: tuple[str, ...]
    why_not_redact: Refusal | None
    why_not_attest: Refusal | None


@dataclass(frozen=True, slots=True)
class _Picture:
    """One annex of a revision that people clear, and its roles. ``digest`` is the original's."""

    row: Revision
    annex: AnnexRow
    digest: str
    spec: RedactSpec
    terms: TextTerms

    def original(self) -> bytes:
        """Raises NotFound, BlobUnavailable, Misconfigured."""
        profile = compiled_profile(self.row.definition)
        assert profile.annexes is not None  # it has the picture's type
        store = artifacts.through(registry.current(), profile)
        snapshots = documents.snapshots_of(self.row)
        return artifacts.original_of(
            profile.annexes, snapshots, store, artifact=self.annex.artifact, digest=self.digest
        )


def look(*, ref: str, revision: int | None, annex: str, by: Actor) -> PictureView:
    """The picture's pages, what must not leave in its text, and what people have decided about it.

    Raises NotFound, also for an annex of another kind; Denied; Conflict while it is being assembled; BlobUnavailable.
    """
    picture = _picture(by, ref, revision, annex, recent=False)
    row = redactions.newest(picture.row.packet_id, picture.digest)
    covering = tuple(Box(*box) for box in row.boxes) if row else ()
    refused, found = "", None
    try:
        found = examining.examine(picture.original(), picture.terms)
    except PictureRefused as error:
        refused = error.message
    with transaction.atomic():
        moves.audit(EventName.PACKET_ORIGINAL_VIEWED, picture.row, by, annex=annex)
    return PictureView(
        packet=picture.row.packet.ref,
        revision=picture.row.number,
        annex=annex,
        original_digest=picture.digest,
        refused=refused,
        kind=found.opened.kind if found else "",
        pages=found.opened.pages if found else 0,
        frames=found.opened.frames if found else 0,
        recognised=found.recognised if found else False,
        findings=tuple(
            FoundInPicture(one, boxing.covered(one.place, covering)) for one in (found.findings if found else ())
        ),
        redaction=_shown(row, by) if row else None,
        redacts=tuple(picture.spec.by),
        attests=tuple(picture.spec.attest),
        why_not_redact=permissions.why_not_redact(by, picture.row, picture.spec),
        why_not_attest=permissions.why_not_attest(by, picture.row, picture.spec, row),
    )


def page(*, ref: str, revision: int | None, annex: str, number: int, boxes: Iterable[Any], by: Actor) -> DrawnPage:
    """One page of the original, newly drawn with ``boxes`` on it. Raises as ``look``, and Invalid."""
    picture = _picture(by, ref, revision, annex, recent=False)
    found = isolated.page(picture.original(), number, boxing.read(boxes))
    with transaction.atomic():
        moves.audit(EventName.PACKET_ORIGINAL_VIEWED, picture.row, by, annex=annex)
    return found


def result(*, ref: str, revision: int | None, annex: str, by: Actor) -> bytes:
    """What would leave of the picture by its last redaction, byte for byte. Raises NotFound."""
    picture = _picture(by, ref, revision, annex, recent=False)
    row = redactions.newest(picture.row.packet_id, picture.digest)
    if row is None:
        raise NotFound("Nobody has redacted this picture.")
    with annexes.open_annex(picture.row.packet, row.result_digest) as stream:
        return stream.read()


def redact(
    *,
    ref: str,
    revision: int,
    annex: str,
    original_digest: str,
    boxes: Iterable[Mapping[str, Any] | Sequence[int]],
    by: Actor,
) -> RedactionView:
    """Draws the picture again with ``boxes`` in its pixels. Any earlier redaction and its attestation no longer count.

    ``original_digest`` is that of the picture which was looked at. Raises NotFound, Denied, Invalid (boxes, or a
    picture that can't be drawn), Conflict (see ``why_not_redact``), BlobUnavailable, Stale.
    """
    picture = _picture(by, ref, revision, annex)
    refuse(permissions.why_not_redact(by, picture.row, picture.spec))
    _same(original_digest, picture.digest)
    data = picture.original()
    wanted = boxing.read(boxes)
    drawn = isolated.draw(data, wanted)
    boxing.read(wanted, pages=drawn.pages)
    digest = annexes.put(picture.row.packet, drawn.png)
    with transaction.atomic():
        _locked(picture)
        refuse(permissions.why_not_redact(by, picture.row, picture.spec))
        row = _write(picture, by, wanted, pages=drawn.pages, digest=digest, size=len(drawn.png))
        if picture.annex.cleared_digest is not None:  # what leaves of it now is attested no more
            _next(picture, by, RevisionReason.EVIDENCE, {"reason": f"{annex} was redacted again."})
    return _shown(row, by)


@transaction.atomic
def attest(*, ref: str, revision: int, annex: str, digest: str, by: Actor) -> Requested:
    """Another person than who redacted it lets exactly the result with ``digest`` leave, from the next revision on.

    Raises NotFound, Denied, Conflict (``digest-differs``, see ``why_not_attest``), Stale.
    """
    picture = _picture(by, ref, revision, annex)
    _locked(picture)
    row = redactions.newest(picture.row.packet_id, picture.digest)
    refuse(permissions.why_not_attest(by, picture.row, picture.spec, row))
    assert row is not None  # refused before
    assert by.user_id is not None  # as above
    _same(digest, row.result_digest)
    role = next(role for role in picture.spec.attest if role in by.roles)
    PictureAttestation.objects.create(
        workspace_id=picture.row.workspace_id,
        tenant_id=picture.row.tenant_id,
        at=now(),
        packet_id=picture.row.packet_id,
        revision=picture.row,
        redaction=row,
        result_digest=digest,
        role=role,
        by=by.name,
        user_id=by.user_id,
        redacted_by_user=row.user_id,
    )
    moves.audit(EventName.PACKET_ATTESTED, picture.row, by, annex=annex, result=digest, role=role)
    return _next(picture, by, RevisionReason.CLEARANCE, {"code": CLEARED, "target": annex})


def _picture(by: Actor, ref: str, number: int | None, name: str, *, recent: bool = True) -> _Picture:
    row = get_revision_row(by, ref, number, Capability.PACKET_CLEAR_HOLD, recent=recent)
    if not hasattr(row, "assembly"):
        raise Conflict("This revision is being assembled, so there is nothing of it yet.", code="assembling")
    profile = compiled_profile(row.definition)
    annex = AnnexRow.objects.filter(revision=row, name=name, original_digest__isnull=False).first()
    types = {sort.name: sort for sort in profile.annexes.types} if profile.annexes else {}
    sort = types.get(annex.type) if annex else None
    if annex is None or annex.original_digest is None or sort is None or sort.spec.redact is None:
        raise NotFound("This revision has no such picture.")
    hosts = profile.spec.hosts
    terms = TextTerms(hosts=frozenset([*hosts.vendor, *hosts.identity_providers]) if hosts else frozenset())
    return _Picture(row, annex, annex.original_digest, sort.spec.redact, terms)


def _same(given: str, wanted: str) -> None:
    if given != wanted:
        raise Conflict("This is not the picture that you were shown. Look again, then decide.", code="digest-differs")


def _locked(picture: _Picture) -> None:
    moves.lock(picture.row.packet_id)
    picture.row.refresh_from_db(fields=["state"])


def _next(picture: _Picture, by: Actor, reason: RevisionReason, detail: dict[str, str]) -> Requested:
    row = picture.row
    following = moves.begin(
        row.packet, drift.replacing(row), reason, assembler=Assembler.before(row), by=by, detail=[detail]
    )
    return Requested(row.packet.ref, following.number, following.pk)


def _write(
    picture: _Picture, by: Actor, wanted: Sequence[Box], *, pages: int, digest: str, size: int
) -> PictureRedaction:
    assert by.user_id is not None  # refused before
    role = next(role for role in picture.spec.by if role in by.roles)
    row = PictureRedaction.objects.create(
        workspace_id=picture.row.workspace_id,
        tenant_id=picture.row.tenant_id,
        at=now(),
        packet_id=picture.row.packet_id,
        revision=picture.row,
        artifact=picture.annex.artifact,
        original_digest=picture.digest,
        boxes=[list(box) for box in wanted],
        pages=pages,
        result_digest=digest,
        size=size,
        role=role,
        by=by.name,
        user_id=by.user_id,
    )
    moves.audit(
        EventName.PACKET_REDACTED, picture.row, by,
        annex=picture.annex.name, boxes=len(wanted), result=digest, role=role,
    )  # fmt: skip
    return row


def _shown(row: PictureRedaction, by: Actor) -> RedactionView:
    attestation = redactions.attestation_of(row)
    return RedactionView(
        boxes=tuple(Box(*box) for box in row.boxes),
        result_digest=row.result_digest,
        size=row.size,
        by=row.by,
        role=row.role,
        at=row.at,
        yours=row.user_id == by.user_id,
        attested=AttestationView(attestation.by, attestation.role, attestation.at) if attestation else None,
    )
