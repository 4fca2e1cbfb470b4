"""The list of exception packets: filtered, sorted, gone through page by page, and counted in groups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.decisions import Proof
from handrail.access.models import Membership, Tenant
from handrail.access.proofs import just_now
from handrail.access.queries import member_actor
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied, Invalid
from handrail.runbooks.models import ExceptionPacket
from handrail.runbooks.queries.exceptions import (
    ExceptionFilter,
    count_exceptions,
    group_exceptions,
    list_exceptions,
    list_owners,
)
from handrail.runbooks.states import ExceptionCause, Handling
from tests.factories import rows

pytestmark = pytest.mark.requirement("R2-17")


@dataclass(frozen=True, slots=True)
class House:
    tenant: Tenant
    definition: Definition
    me: Actor
    at: datetime

    def stopped(self, *, hours: float = 0, **values: object) -> ExceptionPacket:
        return rows.exception(self.tenant, self.definition, at=self.at - timedelta(hours=hours), **values)  # type: ignore[arg-type]


@pytest.fixture
def house(db: None) -> House:
    workspace = rows.workspace()
    user = rows.member(workspace, Role.SENIOR_SUPPORT, email="me@example.com")
    me = member_actor(Membership.objects.get(user=user), Proof.SESSION, just_now())
    return House(rows.tenant(workspace), rows.definition(workspace), me, now() - timedelta(minutes=1))


def found(house: House, **wanted: object) -> list[str]:
    return [one.ref for one in list_exceptions(house.me, ExceptionFilter(**wanted))]  # type: ignore[arg-type]


def test_list_says_which_are_mine_and_which_are_nobodys(house: House) -> None:
    mine = house.stopped(handling=Handling.TAKEN, taken_by=house.me.name)
    done = house.stopped(hours=1, handling=Handling.RESOLVED, taken_by=house.me.name)
    theirs = house.stopped(hours=2, handling=Handling.TAKEN, taken_by="other@example.com")
    free = house.stopped(hours=3)
    assert found(house, owner="mine") == [mine.ref, done.ref]
    assert found(house, owner="mine", handling="unresolved") == [mine.ref]
    assert found(house, owner="unassigned") == [free.ref]
    assert found(house, owner="other@example.com") == [theirs.ref]
    assert list_owners(house.me) == [house.me.name, "other@example.com"]


def test_list_is_filtered_by_age_cause_reason_runbook_task_and_text(house: House) -> None:
    old = house.stopped(hours=30, cause=ExceptionCause.BOUNDARY, reason="tier-differs", message="The tier is 100% odd.")
    house.stopped(hours=2)
    others = rows.definition(house.tenant.workspace, name="another", text=rows.runbook_text())
    another = rows.exception(house.tenant, others, at=house.at - timedelta(hours=1))
    assert found(house, older_than="1d") == [old.ref]
    assert found(house, older_than="2h", sort="newest")[-1] == old.ref
    assert found(house, older_than="31h") == []
    assert found(house, cause="boundary") == found(house, reason="tier-differs") == [old.ref]
    assert found(house, runbook="another") == [another.ref]
    assert found(house, task=old.run.task_key) == [old.ref]
    for text in (old.ref, old.run.ref.lower(), old.run.task_key, "100% ODD"):
        assert found(house, text=text) == [old.ref]
    assert found(house, text="1_0% odd") == []
    assert found(house, cause="boundary", owner="mine") == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("handling", "done", "one of: unresolved, open, taken, resolved"),
        ("owner", "me", "mine, unassigned or a member's e-mail address"),
        ("older_than", "yesterday", "a number and m, h or d"),
        ("older_than", "0h", "a number and m, h or d"),
        ("older_than", "٣h", "a number and m, h or d"),
        ("cause", "weather", "one of: prerequisite"),
        ("sort", "random", "one of: newest, oldest"),
        ("tenant", "ten_none", "the key of a tenant that you have access to"),
        ("text", "x" * 129, "at most 128 characters"),
        ("reason", "a\0b", "U+0000"),
        ("tenant", "a\0b", "U+0000"),
        ("after", "EXC-NONE000000", "the reference of the last exception packet of a list"),
        ("after", "a\0b", "U+0000"),
    ],
)
def test_filter_that_can_not_be_one_is_refused_in_words(house: House, name: str, value: str, told: str) -> None:
    wanted = replace(ExceptionFilter(), **{name: value})  # type: ignore[arg-type]
    with pytest.raises(Invalid) as caught:
        list_exceptions(house.me, wanted)
    assert [fault.where for fault in caught.value.faults] == [name]
    assert told in caught.value.faults[0].message
    if name not in {"after", "sort"}:
        for asked in (count_exceptions, group_exceptions):
            with pytest.raises(Invalid):
                asked(house.me, wanted)


def test_every_fault_is_named_at_once(house: House) -> None:
    with pytest.raises(Invalid) as caught:
        list_exceptions(house.me, ExceptionFilter(handling="x", owner="y", older_than="z"))
    assert [fault.where for fault in caught.value.faults] == ["handling", "owner", "older_than"]


def test_another_tenants_key_is_refused_like_one_that_is_not_there(house: House) -> None:
    hidden = rows.tenant(house.tenant.workspace, key="ten_two")
    narrow = replace(house.me, tenant_ids=frozenset({house.tenant.pk}))
    told = []
    for key in (hidden.key, "ten_none"):
        with pytest.raises(Invalid) as caught:
            list_exceptions(narrow, ExceptionFilter(tenant=key))
        told.append((caught.value.message, caught.value.faults))
    assert told[0] == told[1]


@pytest.mark.parametrize("sort", ["newest", "oldest"])
def test_pages_lose_and_repeat_no_packet_of_one_moment(house: House, sort: str) -> None:
    packets = [house.stopped(hours=hours) for hours in (0, 1, 1, 1, 1, 1, 2)]
    seen: list[str] = []
    while page := found(house, sort=sort, limit=2, after=seen[-1] if seen else ""):
        seen += page
    assert sorted(seen) == sorted(one.ref for one in packets)
    assert len(seen) == len(set(seen))
    moments = {one.ref: one.at for one in packets}
    assert [moments[ref] for ref in seen] == sorted(moments.values(), reverse=sort == "newest")


def test_page_goes_on_behind_a_packet_that_fits_the_filter_no_more(house: House) -> None:
    first, second = house.stopped(), house.stopped(hours=1)
    ExceptionPacket.objects.filter(pk=first.pk).update(handling="taken", taken_by="x@example.com", taken_at=now())
    assert found(house, handling="open", after=first.ref) == [second.ref]


def test_groups_count_by_runbook_and_reason_the_most_first(house: House) -> None:
    for hours in (1, 2, 3):
        house.stopped(hours=hours, reason="tier-differs")
    oldest = house.stopped(hours=4, reason="tier-differs", handling=Handling.TAKEN)
    house.stopped(hours=5, reason="inactive", handling=Handling.RESOLVED)
    name = house.definition.name
    told = [(one.runbook, one.reason, one.count, one.unassigned) for one in group_exceptions(house.me)]
    assert told == [(name, "tier-differs", 4, 3), (name, "inactive", 1, 0)]
    assert group_exceptions(house.me)[0].oldest == oldest.at
    unresolved = group_exceptions(house.me, ExceptionFilter(handling="unresolved"))
    assert [one.reason for one in unresolved] == ["tier-differs"]


def test_lists_and_groups_are_of_the_actors_tenants_only(house: House) -> None:
    house.stopped()
    nobody = replace(house.me, tenant_ids=frozenset())
    assert (list_exceptions(nobody), group_exceptions(nobody), list_owners(nobody)) == ([], [], [])
    blind = replace(house.me, capabilities=frozenset())
    for asked in (list_exceptions, group_exceptions, list_owners):
        with pytest.raises(Denied):
            asked(blind)
