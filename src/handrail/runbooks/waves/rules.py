"""By what a wave is carried, and when it stops itself. Pure: what is decided here, ``settling`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from handrail.definitions.runbook.format import WavesSpec
from handrail.kernel.errors import Fault, Invalid


class StopRule(StrEnum):
    """Why a wave stopped itself."""

    BOUNDARY = "boundary"
    SAME_REASON = "same-reason"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class WaveRules:
    """A round of ``canary`` runs, then rounds of ``width``; at most ``a_minute`` begin within any minute. It stops at
    ``same_reason`` exceptions of one reason, or where exceptions are more than ``share`` of what ended, once
    ``at_least`` runs have. ``stays_open_seconds``: how long after its last task a wave expects further ones."""

    canary: int
    width: int
    a_minute: int
    same_reason: int
    share: float
    at_least: int
    stays_open_seconds: float

    @classmethod
    def of(cls, spec: WavesSpec) -> WaveRules:
        """As the runbook has them, which was approved with them."""
        stop = spec.stop
        return cls(
            *(spec.canary, spec.width, spec.a_minute, stop.same_reason, stop.share, stop.at_least, spec.stays_open)
        )

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> WaveRules:
        return cls(**found)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def stricter(self, wanted: StricterRules) -> WaveRules:
        """With what ``wanted`` gives in place of it. Raises Invalid where that is not stricter than the runbook."""
        given = {one.name: getattr(wanted, one.name) for one in fields(wanted)}
        given = {name: value for name, value in given.items() if value is not None}
        faults = [
            Fault(name, f"over 0, and at most {getattr(self, name):g} as in the runbook")
            for name, value in given.items()
            if not 0 < value <= getattr(self, name)
        ]
        if faults:
            raise Invalid("A wave can only be carried more carefully than its runbook says.", faults=faults)
        return WaveRules(**{**asdict(self), **given})


@dataclass(frozen=True, slots=True)
class StricterRules:
    """What the person who starts a wave gives in place of its runbook's rules. None: as the runbook says."""

    canary: int | None = None
    width: int | None = None
    a_minute: int | None = None
    same_reason: int | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True)
class ReasonShare:
    """So many of the exceptions that are counted have this cause and reason."""

    cause: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class WaveFacts:
    """What the members say. ``waiting``: not let begin yet. ``open``: let begin, and not ended; ``open_earlier`` of
    them in earlier rounds. ``in_round``: let begin in this one. ``lately``: within the last minute. ``completed`` and
    ``stopped``: how members ended that are counted, and ``reasons`` why. ``returned``: given back, and to be taken up
    again when the wave goes on. ``joined_at``: when the last member came."""

    waiting: int = 0
    open: int = 0
    open_earlier: int = 0
    in_round: int = 0
    lately: int = 0
    completed: int = 0
    stopped: int = 0
    reasons: tuple[ReasonShare, ...] = ()
    returned: int = 0
    joined_at: datetime | None = None

    @property
    def ended(self) -> int:
        return self.completed + self.stopped


@dataclass(frozen=True, slots=True)
class StopVerdict:
    """Why a wave stops itself. ``message``: in a sentence of ours."""

    rule: StopRule
    reason: str
    message: str


def why_stop(rules: WaveRules, facts: WaveFacts, overreaching: frozenset[str]) -> StopVerdict | None:
    """Whether the wave stops itself. ``overreaching``: reasons of its runbook that are boundaries or broken guards."""
    for one in facts.reasons:
        if one.cause == "boundary" or one.reason in overreaching or one.reason.startswith("changed-"):
            message = f"A run stopped at a boundary, or changed more than it may: {one.reason}."
            return StopVerdict(StopRule.BOUNDARY, one.reason, message)
    for one in facts.reasons:
        if one.count >= rules.same_reason:
            message = f"{_runs(one.count)} stopped for the same reason: {one.reason}."
            return StopVerdict(StopRule.SAME_REASON, one.reason, message)
    if facts.ended >= rules.at_least and facts.stopped > rules.share * facts.ended:
        message = f"{facts.stopped} of {facts.ended} runs that ended stopped: more than {rules.share:.0%}."
        return StopVerdict(StopRule.SHARE, "", message)
    return None


def is_round_over(rules: WaveRules, facts: WaveFacts, *, canary: bool) -> bool:
    """Whether the next round may begin: this one is full, and every member that ever began has ended."""
    return facts.open == 0 and facts.in_round >= _capacity(rules, canary)


def admissible(rules: WaveRules, facts: WaveFacts, *, canary: bool) -> int:
    """How many members that wait begin now. In any round none does while one of an earlier round is under way."""
    if facts.open_earlier:
        return 0
    room = _capacity(rules, canary) - facts.in_round
    return max(min(room, rules.a_minute - facts.lately, facts.waiting), 0)


def _capacity(rules: WaveRules, canary: bool) -> int:
    return rules.canary if canary else rules.width


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"
