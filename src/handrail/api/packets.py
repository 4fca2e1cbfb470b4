"""Escalation packets: listed, shown, compared, assembled, cleared, signed, released."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import FileResponse, HttpRequest, HttpResponse
from ninja import Query, Router, Schema, Status
from pydantic import ConfigDict, Field, JsonValue

from handrail.api.auth import actor_of
from handrail.api.fields import REFUSALS, After, Before, Digest, Limit, Line, Number, PacketRef, Word
from handrail.packets import comparison, queries
from handrail.packets.actions import assembling, exporting, holds, previewing, redacting, releasing, seeing, votes
from handrail.packets.actions.assembling import Requested
from handrail.packets.actions.exporting import Download
from handrail.packets.actions.previewing import PacketPreview
from handrail.packets.actions.redacting import PictureView, RedactionView
from handrail.packets.actions.seeing import Marked
from handrail.packets.actions.votes import Approved
from handrail.packets.comparison import RevisionComparison
from handrail.packets.queries import PacketDetail, PacketFilter, PacketSummary

router = Router()
# A packet has at most 1,000 artifacts, and a few documents.
SEEN_LIMIT = 1100
Seen = Annotated[list[Digest], Field(max_length=SEEN_LIMIT)]
Thousandths = Annotated[int, Field(ge=0, le=1000)]
AnnexName = Annotated[str, Field(min_length=1, max_length=200)]
InPicture = Annotated[str, Query(max_length=200, description="The annex's name, such as picture-1.")]
PageNumber = Annotated[
    int | None, Query(ge=1, le=20, description="This page of the original; without it, the result that would leave.")
]
PNG = "image/png"
Revision = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="This revision instead of the newest.")]


DocumentName = Annotated[
    str,
    Query(
        max_length=200,
        pattern=r"^[a-z0-9./-]+$",
        description="packet.json, trace.json, holds.json, manifest.json, or the path of a cleared annex.",
    ),
]


def _bytes_of(media_type: str) -> dict[str, Any]:
    """How the OpenAPI document describes an answer that is a file."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"responses": {200: {"description": "The file", "content": content}}}


class AssembleBody(Schema):
    """``inputs`` must fit the profile's own declaration."""

    model_config = ConfigDict(extra="forbid", strict=True)
    profile: Annotated[str, Field(min_length=1, max_length=64)]
    inputs: dict[str, JsonValue]


class PacketReasonBody(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)
    reason: Line


class ClearanceBody(Schema):
    """The hold as it stands in the revision, by code and target."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: Annotated[str, Field(min_length=1, max_length=64)]
    target: Annotated[str, Field(min_length=1, max_length=300)]
    reason: Line


class MaskBody(Schema):
    """The holds of one code as they stand in the revision, by their targets."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: Annotated[str, Field(min_length=1, max_length=64)]
    targets: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1, max_length=holds.MOST_TARGETS)
    ]
    reason: Line


class ClearancesBody(Schema):
    """The holds as they stand in the revision: one code, and their targets."""

    model_config = ConfigDict(extra="forbid", strict=True)
    code: Annotated[str, Field(min_length=1, max_length=64)]
    targets: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=300)]], Field(min_length=1, max_length=holds.MOST_TARGETS)
    ]
    reason: Line


class VoteBody(Schema):
    """``digest`` is that of the manifest which was looked at: any other digest is refused. ``seen``: the digests of
    what you have seen of it and have not marked as seen before; ``get_packet`` lists all that has to be."""

    model_config = ConfigDict(extra="forbid", strict=True)
    digest: Digest
    seen: Seen = []


class SeenBody(Schema):
    """The digests of what you have seen, as ``get_packet`` lists them under ``seen``."""

    model_config = ConfigDict(extra="forbid", strict=True)
    digests: Annotated[list[Digest], Field(min_length=1, max_length=SEEN_LIMIT)]


class BoxBody(Schema):
    """A black box on a page, in thousandths of its width and height from the upper left corner."""

    model_config = ConfigDict(extra="forbid", strict=True)
    page: Annotated[int, Field(ge=1, le=20)]
    x: Thousandths
    y: Thousandths
    w: Thousandths
    h: Thousandths


class RedactBody(Schema):
    """``original_digest`` is that of the picture which was looked at: any other is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)
    annex: AnnexName
    original_digest: Digest
    boxes: Annotated[list[BoxBody], Field(max_length=500)]


class AttestBody(Schema):
    """``digest`` is that of the result which was looked at: any other is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)
    annex: AnnexName
    digest: Digest


class PacketQuery(Schema):
    """Empty words filter nothing."""

    tenant: Word = ""
    profile: Word = ""
    state: Word = ""
    before: Before = None
    after: After = ""
    limit: Limit = 50


@router.get("/packets", response={200: list[PacketSummary], **REFUSALS}, operation_id="list_packets")
def list_packets(request: HttpRequest, query: Query[PacketQuery]) -> list[PacketSummary]:
    """Escalation packets in your scope with their newest revision, newest first."""
    return queries.list_packets(actor_of(request), PacketFilter(**query.dict()))


@router.post("/packets/preview", response={200: PacketPreview, **REFUSALS}, operation_id="preview_packet")
def preview_packet(request: HttpRequest, body: AssembleBody) -> PacketPreview:
    """What the packet of a case would say, and what would hold it, if it were assembled now. Every source is read;
    nothing is kept."""
    return previewing.preview(profile=body.profile, inputs=body.inputs, by=actor_of(request))


@router.get("/packets/{ref}", response={200: PacketDetail, **REFUSALS}, operation_id="get_packet")
def get_packet(request: HttpRequest, ref: PacketRef, revision: Revision = None) -> PacketDetail:
    """One revision: what would leave, what is held, who signed, and its delivery."""
    return queries.get_packet(actor_of(request), ref, revision)


@router.get("/packets/{ref}/diff", response={200: RevisionComparison, **REFUSALS}, operation_id="diff_packet")
def diff_packet(
    request: HttpRequest, ref: PacketRef, revision: Revision = None, against: Revision = None, previous: bool = False
) -> RevisionComparison:
    """From what the vendor holds to this revision: the last one delivered, or nothing yet. `against` or `previous`
    compare with another revision instead."""
    return comparison.diff(actor_of(request), ref, revision, against, previous=previous)


@router.post("/packets", response={202: Requested, **REFUSALS}, operation_id="assemble_packet")
def assemble_packet(request: HttpRequest, body: AssembleBody) -> Status[Requested]:
    """Have the escalation packet of a case assembled by a worker: its first revision.

    If the case already has an escalation packet, nothing changes: the answer is 409 `packet-exists`, and its fault
    names the packet to reassemble.
    """
    return Status(202, assembling.request(profile=body.profile, inputs=body.inputs, by=actor_of(request)))


@router.post("/packets/{ref}/reassemble", response={202: Requested, **REFUSALS}, operation_id="reassemble_packet")
def reassemble_packet(request: HttpRequest, ref: PacketRef, body: PacketReasonBody) -> Status[Requested]:
    """Have the next revision assembled because of new evidence. All votes are void."""
    return Status(202, assembling.again(ref=ref, reason=body.reason, by=actor_of(request)))


@router.post("/packets/{ref}/discard", response={204: None, **REFUSALS}, operation_id="discard_packet")
def discard_packet(request: HttpRequest, ref: PacketRef, body: PacketReasonBody) -> Status[None]:
    """Discard a packet that you asked for by mistake, before anybody has signed a revision of it. It ends permanently;
    the case can be assembled again, as a packet of its own."""
    assembling.discard(ref=ref, reason=body.reason, by=actor_of(request))
    return Status(204, None)


@router.post(
    "/packets/{ref}/revisions/{number}/clear", response={202: Requested, **REFUSALS}, operation_id="clear_hold"
)
def clear_hold(request: HttpRequest, ref: PacketRef, number: Number, body: ClearanceBody) -> Status[Requested]:
    """Clear one hold, with a reason. This makes a new revision, which you can't approve yourself."""
    asked = holds.clear(
        ref=ref, revision=number, code=body.code, target=body.target, reason=body.reason, by=actor_of(request)
    )
    return Status(202, asked)


@router.post(
    "/packets/{ref}/revisions/{number}/clear-all", response={202: Requested, **REFUSALS}, operation_id="clear_holds"
)
def clear_holds(request: HttpRequest, ref: PacketRef, number: Number, body: ClearancesBody) -> Status[Requested]:
    """Clear all of these holds of one code, with one reason, or none of them. This makes one new revision, which you
    can't approve yourself."""
    asked = holds.clear_all(
        ref=ref, revision=number, code=body.code, targets=body.targets, reason=body.reason, by=actor_of(request)
    )
    return Status(202, asked)


@router.post("/packets/{ref}/revisions/{number}/mask", response={202: Requested, **REFUSALS}, operation_id="mask_texts")
def mask_texts(request: HttpRequest, ref: PacketRef, number: Number, body: MaskBody) -> Status[Requested]:
    """Mask what holds of one code found in texts, with a reason. This makes a new revision, which you can't approve
    yourself."""
    asked = holds.mask(
        ref=ref, revision=number, code=body.code, targets=body.targets, reason=body.reason, by=actor_of(request)
    )
    return Status(202, asked)


@router.post(
    "/packets/{ref}/revisions/{number}/approve", response={200: Approved, **REFUSALS}, operation_id="approve_packet"
)
def approve_packet(request: HttpRequest, ref: PacketRef, number: Number, body: VoteBody) -> Approved:
    """Approve exactly the manifest that you reviewed. Every source is read again first.

    If you have neither marked nor named all that leaves with it as seen, the answer is 409 `not-seen`, and its faults
    name what is missing by path and digest.
    """
    return votes.approve(ref=ref, revision=number, digest=body.digest, seen=body.seen, by=actor_of(request))


@router.post(
    "/packets/{ref}/revisions/{number}/seen", response={200: Marked, **REFUSALS}, operation_id="mark_packet_seen"
)
def mark_packet_seen(request: HttpRequest, ref: PacketRef, number: Number, body: SeenBody) -> Marked:
    """Mark what you have seen of a revision. It stays seen in later revisions as long as its digest is the same."""
    return seeing.mark(ref=ref, revision=number, digests=body.digests, by=actor_of(request))


@router.get(
    "/packets/{ref}/revisions/{number}/picture", response={200: PictureView, **REFUSALS}, operation_id="look_at_picture"
)
def look_at_picture(request: HttpRequest, ref: PacketRef, number: Number, annex: InPicture = "") -> PictureView:
    """A picture that people clear: its pages, what was found in its text by place, its redaction and attestation."""
    return redacting.look(ref=ref, revision=number, annex=annex, by=actor_of(request))


@router.get(
    "/packets/{ref}/revisions/{number}/picture/drawn",
    response=REFUSALS,
    operation_id="draw_picture",
    openapi_extra=_bytes_of(PNG),
)
def draw_picture(
    request: HttpRequest, ref: PacketRef, number: Number, annex: InPicture = "", page: PageNumber = None
) -> HttpResponse:
    """A page of the original, newly drawn, or what would leave by the last redaction. Originals need the right to see
    inside."""
    by = actor_of(request)
    if page is None:
        data = redacting.result(ref=ref, revision=number, annex=annex, by=by)
    else:
        data = redacting.page(ref=ref, revision=number, annex=annex, number=page, boxes=(), by=by).png
    response = HttpResponse(data, content_type=PNG)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post(
    "/packets/{ref}/revisions/{number}/redact", response={200: RedactionView, **REFUSALS}, operation_id="redact_picture"
)
def redact_picture(request: HttpRequest, ref: PacketRef, number: Number, body: RedactBody) -> RedactionView:
    """Have a picture drawn again with black boxes. It leaves once another person has attested the result; an earlier
    redaction and its attestation no longer count."""
    boxes = [box.dict() for box in body.boxes]
    return redacting.redact(
        ref=ref,
        revision=number,
        annex=body.annex,
        original_digest=body.original_digest,
        boxes=boxes,
        by=actor_of(request),
    )


@router.post(
    "/packets/{ref}/revisions/{number}/attest", response={202: Requested, **REFUSALS}, operation_id="attest_picture"
)
def attest_picture(request: HttpRequest, ref: PacketRef, number: Number, body: AttestBody) -> Status[Requested]:
    """Let exactly the result that you looked at leave. Not for who redacted it; you can't approve that revision."""
    asked = redacting.attest(ref=ref, revision=number, annex=body.annex, digest=body.digest, by=actor_of(request))
    return Status(202, asked)


@router.post("/packets/{ref}/revisions/{number}/reject", response={204: None, **REFUSALS}, operation_id="reject_packet")
def reject_packet(request: HttpRequest, ref: PacketRef, number: Number, body: PacketReasonBody) -> Status[None]:
    """Reject a revision permanently."""
    votes.reject(ref=ref, revision=number, reason=body.reason, by=actor_of(request))
    return Status(204, None)


@router.post(
    "/packets/{ref}/revisions/{number}/withdraw", response={204: None, **REFUSALS}, operation_id="withdraw_packet"
)
def withdraw_packet(request: HttpRequest, ref: PacketRef, number: Number, body: PacketReasonBody) -> Status[None]:
    """Withdraw a revision, from the lane too if it is there."""
    votes.withdraw(ref=ref, revision=number, reason=body.reason, by=actor_of(request))
    return Status(204, None)


@router.post(
    "/packets/{ref}/revisions/{number}/release", response={202: None, **REFUSALS}, operation_id="release_packet"
)
def release_packet(request: HttpRequest, ref: PacketRef, number: Number) -> Status[None]:
    """Release an approved revision into its lane, once. A worker delivers it."""
    releasing.release(ref=ref, revision=number, by=actor_of(request))
    return Status(202, None)


@router.get(
    "/packets/{ref}/revisions/{number}/document",
    response=REFUSALS,
    operation_id="take_packet_document",
    openapi_extra=_bytes_of(exporting.JSON),
)
def take_packet_document(
    request: HttpRequest, ref: PacketRef, number: Number, name: DocumentName = "packet.json"
) -> FileResponse:
    """One file that leaves, or would leave, byte for byte: a document, the manifest, or a cleared annex by its path."""
    return _file(exporting.document(ref=ref, revision=number, name=name, by=actor_of(request)))


@router.get(
    "/packets/{ref}/revisions/{number}/package",
    response=REFUSALS,
    operation_id="export_packet",
    openapi_extra=_bytes_of(exporting.ZIP),
)
def export_packet(request: HttpRequest, ref: PacketRef, number: Number) -> FileResponse:
    """The package of a released revision, byte for byte as the lane received it."""
    return _file(exporting.package(ref=ref, revision=number, by=actor_of(request)))


def _file(found: Download) -> FileResponse:
    response = FileResponse(found.stream, as_attachment=True, filename=found.filename, content_type=found.media_type)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response
