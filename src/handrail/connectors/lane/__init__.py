"""The lane: the one restricted vendor-intake queue. Whatever the carrier, one manifest digest is delivered once.

lane ────── what every carrier offers, and what can come of a call
config ──── the sections ``[lanes.NAME]``
current ─── the lanes of this process, by name
intake, drop, bucket, sftp, portal, upload ─ HTTP intake, directory drop, S3, SFTP, case portal, one PUT a packet
"""

from handrail.connectors.lane.current import Lanes, configure, encryption, get, names, parse, reply_keys, use
from handrail.connectors.lane.lane import (
    ALL,
    MAX_REPLIES,
    MAX_REPLY_BYTES,
    Ability,
    AddressedLane,
    Addressee,
    ErrorKind,
    Lane,
    LaneFailed,
    LaneState,
    Receipt,
    TakesAddress,
    UploadAddress,
    bounded_replies,
    limits_of,
)

__all__ = [
    "ALL",
    "MAX_REPLIES",
    "MAX_REPLY_BYTES",
    "Ability",
    "AddressedLane",
    "Addressee",
    "ErrorKind",
    "Lane",
    "LaneFailed",
    "LaneState",
    "Lanes",
    "Receipt",
    "TakesAddress",
    "UploadAddress",
    "bounded_replies",
    "configure",
    "encryption",
    "get",
    "limits_of",
    "names",
    "parse",
    "reply_keys",
    "use",
]
