"""The receiver's own list of signers' keys: the only ones whose approvals count for it, whatever the sender says.

A JSON file that the receiver keeps. It names each key by the SHA-256 of its SubjectPublicKeyInfo, as ``intake verify``
prints it, with the time for which it counts; a removed key counts for nothing, whenever a vote says it was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Invalid
from handrail.packets.proof import reading
from handrail.packets.proof.approvals import Approval, Approvals
from handrail.packets.proof.findings import Code
from handrail.packets.proof.reading import strict
from handrail.packets.proof.rules import JsonName, Length
from handrail.packets.proof.terms import Digest, Instant, Text

MAX_PINS: Final = 1000
MAX_PINS_BYTES: Final = 1024 * 1024


@strict(kw_only=True)
class SignerPin:
    """One key. ``until`` None: it counts on. ``removed``: it never counts. ``from`` is included, ``until`` is not."""

    signer: Text
    key: Digest
    from_: Annotated[Instant, JsonName("from")]
    until: Instant | None = None
    removed: bool = False


@strict(kw_only=True)
class SignerPins:
    """Raises BrokenRule where a key stands twice."""

    type: Annotated[Literal["handrail-signer-pins/v1"], JsonName("handrail")]
    keys: Annotated[tuple[SignerPin, ...], Length(0, MAX_PINS)]

    def holds_together(self) -> None:
        if len({pin.key for pin in self.keys}) != len(self.keys):  # PF-50
            raise ValueError("a key stands twice")


def from_bytes(raw: bytes) -> SignerPins:
    """The list in a receiver's file, of which nothing is left out. Raises Invalid."""
    if len(raw) > MAX_PINS_BYTES:  # PF-50
        raise Invalid(f"The list of signers' keys is over {MAX_PINS_BYTES} bytes.", code="proof")
    return reading.read(SignerPins, raw, what="list of signers' keys")


def faults(pins: SignerPins, approvals: Approvals) -> Iterator[tuple[Code, str]]:
    """Why the receiver doesn't take these votes; nothing when each was signed with a key that counts for its signer."""
    known = {pin.key: pin for pin in pins.keys}
    for vote in approvals.votes:
        if vote.passkey is None:  # PF-50
            given = vote.proof or ApprovalProof.CLICK
            yield Code.APPROVAL_TOO_WEAK, f"{vote.signer} approved by {given}, and you take signatures of pinned keys"
        else:
            yield from _pinned(known.get(vote.passkey.key.digest), vote)


def _pinned(pin: SignerPin | None, vote: Approval) -> Iterator[tuple[Code, str]]:
    if pin is None or pin.signer != vote.signer:  # PF-50
        yield Code.SIGNER_KEY_NOT_PINNED, f"{vote.signer} signed with a key that is not among those you take from them"
    elif pin.removed:  # PF-50
        yield Code.SIGNER_KEY_REMOVED, f"{vote.signer} signed with a key that you removed"
    elif vote.approved_at < pin.from_ or (pin.until is not None and vote.approved_at >= pin.until):  # PF-50
        yield Code.SIGNER_KEY_OUT_OF_TIME, f"{vote.signer} signed at a time for which you don't take their key"
