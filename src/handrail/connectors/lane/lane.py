"""What every lane offers, and what can come of asking it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

from pydantic import JsonValue

from handrail.connectors.bounded import Bounded, Crowded, Overdue
from handrail.connectors.finding import Finding
from handrail.kernel.errors import Unavailable
from handrail.kernel.secrets import Secret

T = TypeVar("T")

# What a receiver leaves beyond this is not read.
MAX_REPLIES = 100
MAX_REPLY_BYTES = 64 * 1024


class LaneState(StrEnum):
    """How a manifest's package stands at the lane.

    ``withdrawn``: it was taken back, or is refused from now on. ``gone``: the lane had it, has it no more, and doesn't
    say what became of it.
    """

    ABSENT = "absent"
    DELIVERED = "delivered"
    CONSUMED = "consumed"
    WITHDRAWN = "withdrawn"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the lane says of one manifest digest. ``reference`` is its own name for the delivery, cleaned and bounded;
    ``package_digest`` is ``sha256:…`` where the lane says what it took. Both are empty when it has nothing."""

    state: LaneState
    reference: str = ""
    package_digest: str = ""


class ErrorKind(StrEnum):
    """Why a lane gave no receipt."""

    NOT_SENT = "not-sent"
    BUSY = "busy"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Ability(StrEnum):
    """What a kind of lane can do beside taking packages. What it can't, people do, or learn that nobody does."""

    ASK = "ask"  # whether a package is there, after a lost answer
    POLL = "poll"  # whether the receiver has consumed it
    WITHDRAW = "withdraw"
    REPLIES = "replies"
    RECALL = "recall"  # leaves a signed recall statement


ALL = frozenset(Ability)
_WITHOUT = {
    Ability.ASK: "This lane can't be asked whether a package arrived: where its answer is lost, you ask the vendor.",
    Ability.POLL: "It doesn't say whether the vendor has opened the package.",
    Ability.WITHDRAW: "It takes nothing back: you tell the vendor not to use it.",
    Ability.REPLIES: "The vendor can't reply on it.",
    Ability.RECALL: "It takes no recall: you hand over the signed statement.",
}


def limits_of(abilities: frozenset[Ability]) -> tuple[str, ...]:
    """What people have to do where a lane can't, in whole sentences."""
    return tuple(said for ability, said in _WITHOUT.items() if ability not in abilities)


@dataclass(frozen=True, slots=True)
class UploadAddress:
    """One address that the vendor gave. ``number``: which one, for the ledger, which never has the address itself."""

    number: int
    url: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Addressee:
    """What else some lanes need of one packet. ``document``: its ``inputs``, and the ``packet`` as it leaves.
    ``upload``: the address that the vendor gave for it, a secret; None where nobody has entered one, or it was used."""

    document: JsonValue
    upload: UploadAddress | None = None


class LaneFailed(Unavailable):
    """``kind`` says what is certain: nothing was sent; it answered "not now"; it refused for good; or nobody knows,
    and then only ``status`` may be asked, never ``deliver`` again. ``body``: what the receiver wrote with a refusal,
    cleaned and bounded; it is in no message."""

    code = "lane-failed"

    def __init__(
        self, message: str, kind: ErrorKind, *, retry_after_seconds: float | None = None, body: str = ""
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds
        self.body = body


@runtime_checkable
class Lane(Protocol):
    """Every method is one call that ends within ``deadline_seconds``. Safe to share between threads."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def deadline_seconds(self) -> float: ...

    @property
    def abilities(self) -> frozenset[Ability]: ...

    def deliver(self, package: Path, manifest_digest: str) -> Receipt:
        """Puts the package into the lane; the same package again gives the same receipt.

        After ``withdraw`` nothing is put there any more, however late it comes. Raises LaneFailed.
        """
        ...

    def status(self, manifest_digest: str) -> Receipt:
        """How it stands. Raises LaneFailed when the lane can't say."""
        ...

    def withdraw(self, manifest_digest: str, reason: str) -> Receipt:
        """Takes back what was not consumed, and leaves a notice with ``reason`` where something is.

        Where nothing is yet, the lane remembers it, so that a package still on its way is refused; a receiver over HTTP
        that doesn't says ``absent``. Doing it again is harmless. Raises LaneFailed.
        """
        ...

    def replies(self, manifest_digest: str) -> tuple[bytes, ...]:
        """What the receiver replied, each as it was left: signed envelopes, which nobody has checked yet.

        In no promised order, each content once, at most ``MAX_REPLIES`` of at most ``MAX_REPLY_BYTES``; longer ones are
        cut to one byte more, so that the reader refuses them. Empty where the lane keeps none. Raises LaneFailed.
        """
        ...

    def recall(self, manifest_digest: str, statement: bytes) -> None:
        """Leaves a signed recall statement where the receiver finds it. Once for each content: doing it again is
        harmless. Raises LaneFailed."""
        ...

    def check(self) -> list[Finding]: ...


@runtime_checkable
class AddressedLane(Protocol):
    """A lane that has to know more of a packet than its package."""

    def addressed(self, to: Addressee) -> Lane:
        """The lane as it is for that packet. Raises LaneFailed where the packet doesn't say."""
        ...


@runtime_checkable
class TakesAddress(Protocol):
    """A lane whose address a person enters for each packet."""

    @property
    def address(self) -> UploadAddress | None: ...

    def check_address(self, address: Secret) -> None:
        """Raises Invalid, which quotes nothing of it."""
        ...


def bounded_replies(found: Iterable[bytes]) -> tuple[bytes, ...]:
    """Each content once, as many and as long as a reader takes."""
    return tuple(dict.fromkeys(one[: MAX_REPLY_BYTES + 1] for one in islice(found, MAX_REPLIES)))


def in_time(bounded: Bounded, name: str, call: Callable[[], T]) -> T:
    """What ``call`` gives, within the lane's deadline. Raises LaneFailed: after it nobody knows what comes of it."""
    try:
        return bounded.run(call)
    except Overdue:
        raise LaneFailed(f"The lane {name} did not answer in time.", ErrorKind.UNKNOWN) from None
    except Crowded:
        raise LaneFailed(f"The lane {name}: too many earlier calls have not ended.", ErrorKind.NOT_SENT) from None
