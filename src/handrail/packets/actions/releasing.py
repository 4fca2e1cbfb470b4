"""Releasing one approved revision into its one lane, once; and what workers do for it afterwards."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Capability
from handrail.access.refusals import refuse
from handrail.audit.events import EventName
from handrail.connectors.lane import LaneFailed
from handrail.definitions.active import compiled_profile
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Stale
from handrail.kernel.scope import entered
from handrail.packets import addressing, approvers, documents, expiry, leases, ledger, moves, permissions, settings
from handrail.packets.actions.drift import refuse_if_drifted
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.models import Release, Revision
from handrail.packets.proof import package
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.manifest import Manifest
from handrail.packets.proof.package import SealedManifest
from handrail.packets.rows import get_revision_row
from handrail.packets.states import CURRENT, DeliveryEventKind, RevisionState
from handrail.work.wake import wake


def release(*, ref: str, revision: int, by: Actor) -> int:
    """Decides the release: signs both envelopes and has a worker deliver the package to the profile's lane.

    Every source is read and every vote counted again. Raises NotFound, Denied; Drifted; Conflict, see
    ``why_not_release`` (a revision whose votes stopped counting is in review again); Unavailable; Misconfigured
    without a release key or the lane; Stale. Returns the ID that a worker delivers it with.
    """
    row = get_revision_row(by, ref, revision, Capability.PACKET_RELEASE)
    _reopen_if_short(row, by)
    refuse(permissions.why_not_release(by, row))
    key = settings.current().signing_key()
    _refuse_without_address(row)
    refuse_if_drifted(row, by=by)
    with transaction.atomic():
        moves.lock(row.packet_id)
        row.refresh_from_db(fields=["state"])
        refuse(permissions.why_not_release(by, row))
        sealed = package.seal(*_opened(row), key=key)
        Release.objects.create(
            workspace_id=row.workspace_id,
            tenant_id=row.tenant_id,
            at=now(),
            revision=row,
            manifest_digest=sealed.manifest_digest,
            manifest_envelope=sealed.manifest_envelope,
            approvals_envelope=sealed.approvals_envelope,
            key_id=sealed.key_id,
            by=by.name,
        )
        _decided(row, sealed, by)
    return row.pk


def _refuse_without_address(row: Revision) -> None:
    """Raises Misconfigured without the lane, and Conflict where the packet doesn't say what its lane has to know."""
    try:
        addressing.lane_of(row)
    except LaneFailed as error:
        raise Conflict(error.message, code="lane-address") from None


def expire(*, revision_id: int, by: Actor) -> bool:
    """Withdraws a revision that has expired; False when somebody ended it first, or its delivery will see to it."""
    row = Revision.objects.select_related("packet", "assembly").filter(pk=revision_id).first()
    if row is None or row.state not in CURRENT or expiry.is_left_to_delivery(row):
        return False
    try:
        expiry.withdraw_expired(row, by=by)
    except Stale:
        return False
    return True


def expire_all(*, name: str, limit: int = 200) -> int:
    """Withdraws every revision that has expired, as the worker ``name``. Returns how many."""
    withdrawn = 0
    for pk, workspace in expiry.expired(limit=limit):
        by = access.worker(name, workspace)
        with entered(by.scope):
            withdrawn += expire(revision_id=pk, by=by)
    return withdrawn


def _reopen_if_short(row: Revision, by: Actor) -> None:
    """An approved revision whose votes stopped counting goes back into review, so that others can approve."""
    if row.state != RevisionState.APPROVED:
        return
    with transaction.atomic():
        moves.lock(row.packet_id)
        row.refresh_from_db(fields=["state"])
        if row.state != RevisionState.APPROVED:
            raise Stale
        manifest = documents.manifest_of(row.assembly)
        assert manifest is not None  # it was approved
        missing = approvers.count(row, manifest, manifest_digest=manifest.digest()).missing
        if not missing:
            return
        moves.move(row, RevisionState.IN_REVIEW, approved_at=None)
        moves.audit(EventName.PACKET_REOPENED, row, by, missing="; ".join(missing))


def _opened(row: Revision) -> tuple[Manifest, Approvals]:
    """The manifest, and the votes for it that count now."""
    manifest = documents.manifest_of(row.assembly)
    if manifest is None or manifest.digest() != row.assembly.manifest_digest:
        raise Conflict("The manifest does not match its digest, so nothing was released.", code="manifest-altered")
    count = approvers.count(row, manifest, manifest_digest=manifest.digest())
    given = [Approval(vote.signer, vote.at, vote.proof, vote.passkey) for vote in count.valid]
    votes = sorted(given, key=lambda vote: vote.signer)
    return manifest, Approvals(manifest.digest(), tuple(votes))


def _decided(row: Revision, sealed: SealedManifest, by: Actor) -> None:
    if row.state == RevisionState.IN_REVIEW:  # a vote that counts again completed it
        moves.move(row, RevisionState.APPROVED, approved_at=now())
    at = now()
    watch = compiled_profile(row.definition).spec.watch
    begun = {} if watch is None else {"watched_at": at, "watch_at": at + timedelta(seconds=watch.every)}
    moves.move(row, RevisionState.RELEASED, released_at=at, due_at=at, **begun)
    detail = {"manifest": sealed.manifest_digest, "lane": row.packet.lane, "key": sealed.key_id}
    ledger.append(row, NewDeliveryRow(DeliveryEventKind.RELEASED, detail=detail), worker=by.name)
    moves.audit(EventName.PACKET_RELEASED, row, by, manifest=sealed.manifest_digest, lane=row.packet.lane)
    wake(leases.REVISIONS.name)
