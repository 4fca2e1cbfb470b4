"""Revisions: their states, what follows what, and the vocabulary of votes and of the delivery ledger."""

from __future__ import annotations

from enum import StrEnum

from handrail.kernel.statemachine import StateMachine


class RevisionState(StrEnum):
    ASSEMBLING = "assembling"
    HELD = "held"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    RELEASED = "released"
    CONSUMED = "consumed"
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


R = RevisionState
_ENDINGS = frozenset({R.SUPERSEDED, R.REJECTED, R.WITHDRAWN})
# Back from approved to in_review: a vote stopped counting because its voter lost the role.
REVISION = StateMachine(
    name="packet-revision",
    initial=R.ASSEMBLING,
    transitions={
        R.ASSEMBLING: frozenset({R.HELD, R.IN_REVIEW}) | _ENDINGS,
        R.HELD: _ENDINGS,
        R.IN_REVIEW: frozenset({R.APPROVED}) | _ENDINGS,
        R.APPROVED: frozenset({R.RELEASED, R.IN_REVIEW}) | _ENDINGS,
        R.RELEASED: frozenset({R.CONSUMED}) | _ENDINGS,
        R.CONSUMED: frozenset(),
        R.SUPERSEDED: frozenset(),
        R.REJECTED: frozenset(),
        R.WITHDRAWN: frozenset(),
    },
)

# A packet has at most one revision in these.
CURRENT = (R.ASSEMBLING, R.HELD, R.IN_REVIEW, R.APPROVED, R.RELEASED)
# What people decide about: clear, reject.
DECIDABLE = (R.HELD, R.IN_REVIEW, R.APPROVED)


class RevisionReason(StrEnum):
    """Why a revision was made, or why one ended."""

    FIRST = "first"
    EVIDENCE = "new-evidence"
    DRIFT = "drift"
    DEFINITION = "definition-changed"
    CLEARANCE = "hold-cleared"
    MASK = "text-masked"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    DISCARDED = "discarded"
    RECALLED = "recalled"
    VENDOR = "rejected-by-vendor"


class VoteKind(StrEnum):
    """What somebody said about one manifest digest. Only approvals are counted; the others end the revision."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


class DeliveryEventKind(StrEnum):
    """Kinds of delivery-ledger rows.

    ``intent`` is committed before the lane is called, and each has one result: ``receipt``, ``not-taken`` (certainly
    nothing there, or "not now"), ``refused`` (for good) or ``unknown``, which only asking the lane resolves.
    ``given-up``: the lane had it and no longer has it, without reporting that it was consumed.

    What stands aside moves no delivery: ``reply`` and ``reply-refused`` (what the vendor said, believed or not),
    ``settled`` (a person's answer to one of its reasons), ``drift-noted`` (sources changed without consequence),
    ``unwatched`` and ``watched`` (sources can't be read, and can again), ``looked`` (the reading after it was consumed)
    and ``recall-signed`` (the signed statement).
    """

    RELEASED = "released"
    INTENT = "intent"
    RECEIPT = "receipt"
    NOT_TAKEN = "not-taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    ABSENT = "absent"
    CONSUMED = "consumed"
    GIVEN_UP = "given-up"
    RECALL = "recall"
    WITHDRAWN = "withdrawn"
    NOTICED = "noticed"
    NEVER_DELIVERED = "never-delivered"
    REPLY = "reply"
    REPLY_REFUSED = "reply-refused"
    SETTLED = "settled"
    DRIFT_NOTED = "drift-noted"
    UNWATCHED = "unwatched"
    WATCHED = "watched"
    LOOKED = "looked"
    RECALL_SIGNED = "recall-signed"


E = DeliveryEventKind
ASIDE = frozenset(
    {E.REPLY, E.REPLY_REFUSED, E.SETTLED, E.DRIFT_NOTED, E.UNWATCHED, E.WATCHED, E.LOOKED, E.RECALL_SIGNED}
)
RESULTS = frozenset(
    {DeliveryEventKind.RECEIPT, DeliveryEventKind.NOT_TAKEN, DeliveryEventKind.REFUSED, DeliveryEventKind.UNKNOWN}
)


class DeliveryState(StrEnum):
    """How far a delivery is, as people see it. ``unknown``: an answer was lost, and the lane has not been asked yet."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    DELIVERED = "delivered"
    CONSUMED = "consumed"
    RECALLING = "recalling"
    GIVEN_UP = "given-up"
    NEVER_DELIVERED = "never-delivered"
    NOTICED = "noticed"
    WITHDRAWN = "withdrawn"


# It goes on by itself in these: a worker has something left to do.
MOVING = frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN, DeliveryState.DELIVERED, DeliveryState.RECALLING})
# The lane has not confirmed it, or no longer has it.
UNDELIVERED = frozenset(
    {
        DeliveryState.SENDING,
        DeliveryState.UNKNOWN,
        DeliveryState.REFUSED,
        DeliveryState.GIVEN_UP,
        DeliveryState.NEVER_DELIVERED,
    }
)
