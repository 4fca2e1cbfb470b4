"""What is held, by its reason: what blocks first, and one act for those that are alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handrail.packets.review import HoldView
from handrail.web.packets.forms import ReasonForm, SubmittedReason

# So many holds of one reason are shown open; the others are folded.
SHOWN = 8


@dataclass(frozen=True, slots=True)
class HoldItem:
    """``chosen``: it is among those that a form of its group is about, until somebody takes it out."""

    id: str
    hold: HoldView
    waits: str


@dataclass(frozen=True, slots=True)
class HoldGroup:
    """The open holds of one code. ``message``: what all of them say, empty where they differ. ``clear``, ``mask``: the
    acts that are the actor's, for ``clearable`` and ``maskable`` of them at once."""

    id: str
    code: str
    message: str
    items: tuple[HoldItem, ...]
    clear: ReasonForm | None
    mask: ReasonForm | None
    clearable: frozenset[str]
    maskable: frozenset[str]

    @property
    def blocking(self) -> int:
        return sum(item.hold.blocks for item in self.items)

    @property
    def alone(self) -> bool:
        return len(self.items) == 1

    @property
    def first(self) -> tuple[HoldItem, ...]:
        return self.items[:SHOWN]

    @property
    def rest(self) -> tuple[HoldItem, ...]:
        return self.items[SHOWN:]


def clear_key(code: str) -> str:
    return f"clear {code}"


def mask_key(code: str) -> str:
    return f"mask {code}"


def grouped(holds: Iterable[HoldView], typed: SubmittedReason, *, revision: int) -> list[HoldGroup]:
    """What blocks first, then the larger groups; in a group likewise."""
    by_code: defaultdict[str, list[HoldView]] = defaultdict(list)
    for hold in holds:
        by_code[hold.code].append(hold)
    groups = [_group(code, found, typed, revision) for code, found in by_code.items()]
    return sorted(groups, key=lambda group: (not group.blocking, -group.blocking, -len(group.items), group.code))


def _group(code: str, holds: list[HoldView], typed: SubmittedReason, revision: int) -> HoldGroup:
    ordered = sorted(holds, key=lambda hold: not hold.blocks)
    clearable = [hold for hold in ordered if hold.why_not_clear is None]
    maskable = [hold for hold in ordered if hold.why_not_mask is None]
    alone = len(holds) == 1
    messages = {hold.message for hold in holds}
    return HoldGroup(
        id=f"hold-{code}",
        code=code,
        message=messages.pop() if len(messages) == 1 else "",
        items=tuple(HoldItem(f"hold-{code}-{at}", hold, _waits(hold)) for at, hold in enumerate(ordered, start=1)),
        clear=_clear_form(code, clearable, typed, revision, alone=alone) if clearable else None,
        mask=_mask_form(code, maskable, typed, revision, alone=alone) if maskable else None,
        clearable=frozenset(hold.target for hold in clearable),
        maskable=frozenset(hold.target for hold in maskable),
    )


def _waits(hold: HoldView) -> str:
    """Who can do something about it, in words."""
    ways = []
    if hold.masks:
        ways.append(f"{' or '.join(hold.masks)} to mask it")
    if hold.clears:
        ways.append(f"{' or '.join(hold.clears)} to clear it")
    if not ways:
        return "Nobody can clear it."
    return f"Waits for {', or for '.join(ways)}."


def _clear_form(
    code: str, holds: Sequence[HoldView], typed: SubmittedReason, revision: int, *, alone: bool
) -> ReasonForm:
    return ReasonForm(
        key=clear_key(code),
        route="packet-clear",
        label="Why it may be cleared" if alone else "Why they may be cleared",
        button="Clear this hold" if alone else "Clear the chosen holds",
        hint="This creates a new revision and voids the votes so far. You can't approve the new revision yourself.",
        danger=False,
        hidden=_hidden(code, holds, revision, alone=alone),
        typed=typed,
    )


def _mask_form(
    code: str, holds: Sequence[HoldView], typed: SubmittedReason, revision: int, *, alone: bool
) -> ReasonForm:
    return ReasonForm(
        key=mask_key(code),
        route="packet-mask",
        label="Why it is masked",
        button="Mask what was found" if alone else "Mask what the chosen found",
        hint="A visible mark takes its place in a new revision; the original stays inside. The votes so far are "
        "void, and you can't approve the new revision yourself.",
        danger=False,
        hidden=_hidden(code, holds, revision, alone=alone),
        typed=typed,
    )


def _hidden(code: str, holds: Sequence[HoldView], revision: int, *, alone: bool) -> dict[str, str]:
    named = {"revision": str(revision), "code": code}
    return {**named, "target": holds[0].target} if alone else named
