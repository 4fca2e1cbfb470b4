"""Who clears a hold, and what is refused: nothing is written then."""

from __future__ import annotations

import pytest

from handrail.access.models import Membership
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.packets.actions import holds
from handrail.packets.models import Clearance, HoldRow, Revision
from tests.factories.packets import Desk

REASON = "Checked with the registry's owner by phone."


@pytest.fixture
def held(desk: Desk) -> Revision:
    """A revision with a source conflict, which an identity owner may clear."""
    desk.sources.case["plan"] = "biz"
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["escalation-owner", "identity-owner"])
    return desk.assemble()


def clear(desk: Desk, revision: Revision, name: str, *, code: str = "source-conflict", reason: str = REASON) -> None:
    hold = HoldRow.objects.filter(revision=revision, code=code).first()
    target = hold.target if hold else "nowhere"
    holds.clear(
        ref=revision.packet.ref, revision=revision.number, code=code, target=target, reason=reason, by=desk.person(name)
    )


def test_clear_keeps_who_why_and_in_which_role(desk: Desk, held: Revision) -> None:
    clear(desk, held, "cy")
    kept = Clearance.objects.get()
    assert (kept.by, kept.role, kept.reason) == (desk.person("cy").name, "identity-owner", REASON)


def test_clear_twice_is_refused(desk: Desk, held: Revision) -> None:
    clear(desk, held, "cy")
    with pytest.raises(Conflict):
        clear(desk, held, "cy")
    assert Clearance.objects.count() == 1


@pytest.mark.parametrize("reason", ["", " \u200b", "x" * 501])
def test_clear_without_a_usable_reason_is_invalid(desk: Desk, held: Revision, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        clear(desk, held, "cy", reason=reason)
    assert refused.value.faults[0].where == "reason"
    assert not Clearance.objects.exists()


def test_clear_a_hold_that_there_is_none_of_finds_nothing(desk: Desk, held: Revision) -> None:
    with pytest.raises(NotFound):
        clear(desk, held, "cy", code="no-such-hold")


def test_clear_without_the_capability_is_denied(desk: Desk, held: Revision) -> None:
    Membership.objects.filter(user=desk.people["cy"]).update(roles=["auditor", "identity-owner"])
    with pytest.raises(Denied):
        clear(desk, held, "cy")


def test_clear_what_nobody_clears_is_refused(desk: Desk, held: Revision) -> None:
    HoldRow.objects.bulk_create(
        [
            HoldRow(
                **{
                    field.attname: getattr(HoldRow.objects.get(revision=held, code="source-conflict"), field.attname)
                    for field in HoldRow._meta.concrete_fields
                    if not field.primary_key
                }
                | {"code": "for-nobody", "clears": [], "position": 99}
            )
        ]
    )
    with pytest.raises(Conflict) as refused:
        clear(desk, held, "cy", code="for-nobody")
    assert refused.value.code == "hold-stays"
