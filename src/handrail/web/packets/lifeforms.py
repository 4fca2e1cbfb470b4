"""What is shown and asked after a release: the recall's form, and the checklist of what the vendor minded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from handrail.packets.actions.recalling import REASONS
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.queries import PacketDetail, ReasonView
from handrail.web.packets.forms import ReasonChoice, ReasonForm, SubmittedReason

_CAUSES = {
    RecallReason.WRONG_RECIPIENT: "It went to the wrong recipient",
    RecallReason.WRONG_CONTENT: "It has wrong content",
    RecallReason.SENT_BY_MISTAKE: "It was sent by mistake",
    RecallReason.WITHDRAWN: "It is no longer needed",
}
_ASKS = {
    RecallRequest.DELETE: "Delete it",
    RecallRequest.RETURN: "Return it",
    RecallRequest.DISREGARD: "Disregard it",
}


@dataclass(frozen=True, slots=True)
class ChecklistRow:
    """One reason of the vendor; ``form`` None where it is settled, or not the actor's to settle."""

    reason: ReasonView
    form: ReasonForm | None


_ARRIVALS = (
    ("arrived", "yes", "It arrived", "As the vendor says. Nothing is sent again."),
    ("not-arrived", "no", "It did not arrive", "As the vendor says. It is sent again."),
)


def arrival_forms(detail: PacketDetail, typed: SubmittedReason) -> Iterator[ReasonForm]:
    """Where an answer was lost on a lane that can't be asked: a person decides."""
    for key, arrived, button, hint in _ARRIVALS:
        hidden = {"revision": str(detail.summary.revision.number), "arrived": arrived}
        label = "Who says so, and how"
        yield ReasonForm(key, "packet-arrival", label, button, hint, danger=False, hidden=hidden, typed=typed)


def recall_form(detail: PacketDetail, typed: SubmittedReason) -> ReasonForm:
    return ReasonForm(
        "recall",
        "packet-recall",
        "Why it is recalled",
        "Recall",
        "A signed statement goes into the lane, also if the vendor has opened it. Your words leave only if the profile "
        "allows it.",
        danger=True,
        hidden={"revision": str(detail.summary.revision.number)},
        typed=typed,
        choices=(
            ReasonChoice("cause", "Reason that the vendor sees", tuple((one.value, _CAUSES[one]) for one in REASONS)),
            ReasonChoice("asks", "The vendor is asked to", tuple((one.value, text) for one, text in _ASKS.items())),
        ),
    )


def checklist(detail: PacketDetail, typed: SubmittedReason) -> list[ChecklistRow]:
    annexes = tuple((one.name, one.name) for one in detail.annexes if one.cleared)
    return [ChecklistRow(one, _settle_form(detail, one, annexes, typed)) for one in detail.checklist]


def _settle_form(
    detail: PacketDetail, one: ReasonView, annexes: tuple[tuple[str, str], ...], typed: SubmittedReason
) -> ReasonForm | None:
    if one.settled_by or detail.why_not_settle is not None:
        return None
    return ReasonForm(
        f"settle {one.key}",
        "packet-settle",
        "What was done about it",
        "Settle",
        "People who sign this revision see your note.",
        danger=False,
        hidden={"revision": str(detail.summary.revision.number), "key": one.key},
        typed=typed,
        choices=(ReasonChoice("evidence", "Annex that shows it", (("", "None"), *annexes)),) if annexes else (),
    )
