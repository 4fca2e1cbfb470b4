"""Holds as reviewers find them: by reason, what blocks first, one act for like ones."""

from __future__ import annotations

from typing import Any

from handrail.access.refusals import Refusal
from handrail.packets.review import HoldView
from handrail.web.packets.forms import SubmittedReason
from handrail.web.packets.holding import HoldGroup, grouped

NO = Refusal("not-yours", "Not yours.")


def hold(code: str, target: str, **changes: Any) -> HoldView:
    known: dict[str, Any] = {"scope": "field", "owner": "privacy", "clears": (), "blocking": False, "blocks": False}
    known |= {"message": "Said.", "released_by": "", "digest": "", "cleared": None, "internal": {}}
    known |= {"why_not_clear": NO, "why_not_mask": NO}
    return HoldView(code=code, target=target, **(known | changes))


def shown(*holds: HoldView) -> list[HoldGroup]:
    return grouped(holds, SubmittedReason(), revision=3)


def test_what_blocks_stands_first_and_is_counted() -> None:
    groups = shown(
        hold("small", "a"), hold("large", "b"), hold("large", "c"), hold("stops", "d"), hold("stops", "e", blocks=True)
    )
    assert [(group.code, len(group.items), group.blocking) for group in groups] == [
        ("stops", 2, 1),
        ("large", 2, 0),
        ("small", 1, 0),
    ]
    assert [item.hold.target for item in groups[0].items] == ["e", "d"]


def test_one_form_is_about_those_that_are_the_actors() -> None:
    (group,) = shown(hold("x", "a", why_not_clear=None), hold("x", "b"), hold("x", "c", why_not_mask=None))
    assert (group.clearable, group.maskable) == (frozenset("a"), frozenset("c"))
    assert group.clear is not None
    assert group.clear.hidden == {"revision": "3", "code": "x"}


def test_a_hold_alone_is_named_by_its_form() -> None:
    (group,) = shown(hold("x", "a", why_not_clear=None))
    assert group.clear is not None
    assert (group.clear.button, group.clear.hidden["target"]) == ("Clear this hold", "a")
    assert group.mask is None


def test_who_it_waits_for_is_said_in_words() -> None:
    waits = [shown(one)[0].items[0].waits for one in (hold("x", "a"), hold("x", "a", clears=("dpo", "owner")))]
    assert waits == ["Nobody can clear it.", "Waits for dpo or owner to clear it."]
    masked = hold("x", "a", clears=("owner",), masks=("dpo",))
    assert shown(masked)[0].items[0].waits == "Waits for dpo to mask it, or for owner to clear it."


def test_many_of_one_reason_are_folded() -> None:
    (group,) = shown(*(hold("x", f"t{number}") for number in range(30)))
    assert (len(group.first), len(group.rest)) == (8, 22)
