"""The signed recall of one delivery: written once, kept in its ledger, left in the lane until it is there."""

from __future__ import annotations

from handrail.connectors.lane import ErrorKind, Lane, LaneFailed
from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Misconfigured, Stale
from handrail.packets import settings
from handrail.packets.ledger import NewDeliveryRow
from handrail.packets.position import DeliveryPosition
from handrail.packets.proof import dsse
from handrail.packets.proof.recall import PackageRecall, RecallReason, RecallRequest
from handrail.packets.states import DeliveryEventKind


def signed(position: DeliveryPosition) -> NewDeliveryRow | None:
    """The row with the signed statement of the recall. It says when it was recalled, not when it was signed, so that
    it says the same whenever a worker gets to it. None without a release key: what lies in the lane is taken back all
    the same."""
    recall = position.status.recall
    assert recall is not None  # asked before
    said = recall.detail
    statement = PackageRecall(
        manifest_digest=position.digest,
        packet=position.revision.packet.ref,
        revision=position.revision.number,
        lane=position.revision.packet.lane,
        reason=RecallReason(said.get("class", RecallReason.WITHDRAWN)),
        asks=RecallRequest(said.get("asks", RecallRequest.DISREGARD)),
        recalled_at=recall.at,
        words=said.get("words", ""),
    )
    try:
        key = settings.current().signing_key()
    except Misconfigured:
        return None
    envelope = dsse.sign(statement.payload(), key)
    detail = {"envelope": envelope.decode(), "statement": digest_bytes(envelope), "key": key.key_id}
    return NewDeliveryRow(DeliveryEventKind.RECALL_SIGNED, detail=detail)


def leave(position: DeliveryPosition, lane: Lane) -> dict[str, str]:
    """Leaves the statement in the lane: what the ledger says of it. A lane that takes none has its notice. Raises
    LaneFailed where trying again may help, Misconfigured without a release key."""
    statement = position.status.statement
    if statement is None:
        settings.current().signing_key()
        raise Stale
    try:
        lane.recall(position.digest, str(statement.detail["envelope"]).encode())
    except LaneFailed as error:
        if error.kind is not ErrorKind.REFUSED:
            raise
        return {"statement_refused": error.message}
    return {"statement": str(statement.detail["statement"])}
