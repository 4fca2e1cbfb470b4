"""Proposing, approving, rejecting and deprecating, on a real database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Workspace
from handrail.audit.models import AuditEvent
from handrail.definitions import actions, queries
from handrail.definitions.active import active_profile, active_runbook, active_table, compiled_runbook, compiled_table
from handrail.definitions.models import Definition
from handrail.definitions.queries import DefinitionSummary
from handrail.definitions.states import DefinitionKind, DefinitionState
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound, Stale
from tests.factories import rows
from tests.unit.definitions.bad import edited
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.definitions.samples import RUNBOOK, TABLE

NEXT = edited(edited(RUNBOOK, "version: 3", "version: 4"), "within: 60s\n      every", "within: 90s\n      every")


@dataclass(frozen=True)
class House:
    workspace: Workspace
    author: Actor
    owner: Actor
    operator: Actor

    def propose(self, text: str = RUNBOOK) -> DefinitionSummary:
        return actions.propose(text=text, by=self.author)

    def active(self, text: str = RUNBOOK) -> DefinitionSummary:
        return actions.approve(definition_id=self.propose(text).id, by=self.owner)


@pytest.fixture
def house(db: None) -> House:
    workspace = rows.workspace()

    def actor(role: Role) -> Actor:
        return access.actor_for(rows.member(workspace, role), workspace.slug)

    return House(workspace, actor(Role.SENIOR_SUPPORT), actor(Role.GOVERNANCE_OWNER), actor(Role.OPERATOR))


def events() -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.filter(event__startswith="definition.").order_by("pk")
    return [(event.event, event.actor, event.subject) for event in found]


SUBJECT = "runbook/entitlement-resync/3"


def test_propose_keeps_the_text_and_who(house: House) -> None:
    proposal = house.propose()
    row = Definition.objects.get(pk=proposal.id)
    assert (row.kind, row.name, row.version, row.state) == ("runbook", "entitlement-resync", 3, "proposed")
    assert (row.text, row.proposed_by, row.workspace_id) == (RUNBOOK, house.author.name, house.workspace.pk)
    assert row.digest == compiled_runbook(row).digest
    assert events() == [("definition.proposed", house.author.name, SUBJECT)]


def test_propose_a_table(house: House) -> None:
    assert house.propose(TABLE).kind is DefinitionKind.TABLE


def test_propose_the_same_text_again_changes_nothing(house: House) -> None:
    assert house.propose() == house.propose()
    assert len(events()) == 1


def test_propose_other_text_under_a_used_version_is_refused(house: House) -> None:
    house.propose()
    with pytest.raises(Conflict) as refusal:
        house.propose(edited(RUNBOOK, "title: Resync", "title: Please resync"))
    assert refusal.value.code == "version-exists"


def test_propose_a_version_below_the_active_one_is_refused(house: House) -> None:
    house.active()
    with pytest.raises(Conflict) as refusal:
        house.propose(edited(RUNBOOK, "version: 3", "version: 2"))
    assert refusal.value.code == "version-not-newer"


def test_propose_a_rejected_text_again_needs_a_new_version(house: House) -> None:
    actions.reject(definition_id=house.propose().id, reason="no", by=house.owner)
    with pytest.raises(Conflict, match="Raise the version"):
        house.propose()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (edited(RUNBOOK, "version: 3", "version: zero"), "version"),
        (edited(RUNBOOK, "runbook/v1", "packet/v9"), "handrail"),
        ("- a list\n", "handrail"),
        ("just text", "handrail"),
        ("a: [", ""),
    ],
)
def test_propose_a_faulty_text_is_refused(house: House, text: str, where: str) -> None:
    with pytest.raises(Invalid) as refusal:
        actions.propose(text=text, by=house.author, file="mine.yaml")
    assert refusal.value.message.startswith("mine.yaml")
    assert [fault.where for fault in refusal.value.faults] == [where]
    assert not Definition.objects.exists()


def test_propose_without_the_capability_is_denied(house: House) -> None:
    with pytest.raises(Denied):
        actions.propose(text=RUNBOOK, by=house.operator)


def test_approve_puts_in_force(house: House) -> None:
    proposal = house.propose()
    approved = actions.approve(definition_id=proposal.id, by=house.owner, digest=proposal.digest)
    assert (approved.state, approved.decided_by) == (DefinitionState.ACTIVE, house.owner.name)
    assert active_runbook(house.workspace.pk, "entitlement-resync").pk == proposal.id
    assert events()[-1] == ("definition.approved", house.owner.name, SUBJECT)


def test_approve_deprecates_the_version_in_force(house: House) -> None:
    former, latter = house.active(), house.active(NEXT)
    former = queries.get_definition(house.owner, former.id).summary
    assert (former.state, former.deprecated_by) == (DefinitionState.DEPRECATED, house.owner.name)
    assert active_runbook(house.workspace.pk, "entitlement-resync").pk == latter.id
    assert [event for event, _, _ in events()[-2:]] == ["definition.deprecated", "definition.approved"]


@pytest.mark.requirement("P-13", "R2-23")
def test_profile_with_its_schema_audience_and_holds_waits_for_a_governance_owner(house: House) -> None:
    proposal = house.propose(PROFILE)
    assert proposal.kind is DefinitionKind.PACKET
    for nobody in (house.author, house.operator):
        with pytest.raises(Denied):
            actions.approve(definition_id=proposal.id, by=nobody)
    with pytest.raises(NotFound):
        active_profile(house.workspace.pk, proposal.name)
    actions.approve(definition_id=proposal.id, by=house.owner)
    assert active_profile(house.workspace.pk, proposal.name).pk == proposal.id


@pytest.mark.requirement("R2-23")
def test_approve_by_the_proposer_is_refused(house: House) -> None:
    proposal = actions.propose(text=RUNBOOK, by=house.owner)
    with pytest.raises(Conflict) as refusal:
        actions.approve(definition_id=proposal.id, by=house.owner)
    assert refusal.value.code == "own-proposal"


def test_approve_another_text_than_was_seen_is_refused(house: House) -> None:
    with pytest.raises(Conflict) as refusal:
        actions.approve(definition_id=house.propose().id, by=house.owner, digest="sha256:" + "0" * 64)
    assert refusal.value.code == "digest-differs"


def test_approve_twice_is_refused(house: House) -> None:
    with pytest.raises(Conflict) as refusal:
        actions.approve(definition_id=house.active().id, by=house.owner)
    assert refusal.value.code == "already-decided"


def test_approve_an_older_proposal_after_a_newer_one_is_refused(house: House) -> None:
    older = house.propose()
    house.active(NEXT)
    with pytest.raises(Conflict) as refusal:
        actions.approve(definition_id=older.id, by=house.owner)
    assert refusal.value.code == "version-not-newer"


def test_approve_a_text_that_no_longer_passes_is_refused(house: House) -> None:
    row = rows.definition(house.workspace, text="handrail: runbook/v1\n", state=DefinitionState.PROPOSED)
    with pytest.raises(Invalid):
        actions.approve(definition_id=row.pk, by=house.owner)


def test_reject_needs_a_reason(house: House) -> None:
    proposal = house.propose()
    for reason in ("", "  \n", "x" * 501):
        with pytest.raises(Invalid):
            actions.reject(definition_id=proposal.id, reason=reason, by=house.owner)
    rejected = actions.reject(definition_id=proposal.id, reason="Names no\u202e owner.", by=house.owner)
    assert (rejected.state, rejected.reason) == (DefinitionState.REJECTED, "Names no owner.")
    assert events()[-1] == ("definition.rejected", house.owner.name, SUBJECT)


def test_reject_by_the_proposer_is_refused(house: House) -> None:
    proposal = actions.propose(text=RUNBOOK, by=house.owner)
    with pytest.raises(Conflict, match="Another governance owner"):
        actions.reject(definition_id=proposal.id, reason="mine", by=house.owner)


def test_deprecate_takes_out_of_force(house: House) -> None:
    gone = actions.deprecate(definition_id=house.active().id, reason="Replaced by hand.", by=house.owner)
    assert (gone.state, gone.deprecated_by, gone.reason) == ("deprecated", house.owner.name, "Replaced by hand.")
    with pytest.raises(NotFound, match="Propose one"):
        active_runbook(house.workspace.pk, "entitlement-resync")
    assert events()[-1] == ("definition.deprecated", house.owner.name, SUBJECT)


def test_deprecate_a_proposal_is_refused(house: House) -> None:
    with pytest.raises(Conflict) as refusal:
        actions.deprecate(definition_id=house.propose().id, reason="x", by=house.owner)
    assert refusal.value.code == "not-active"


Deed = Callable[[House, int], object]
DEEDS: dict[str, Deed] = {
    "approve": lambda house, pk: actions.approve(definition_id=pk, by=house.owner),
    "reject": lambda house, pk: actions.reject(definition_id=pk, reason="no", by=house.owner),
    "deprecate": lambda house, pk: actions.deprecate(definition_id=pk, reason="no", by=house.owner),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_decisions_on_a_foreign_or_missing_definition_find_nothing(house: House, deed: Deed) -> None:
    foreign = rows.definition(rows.workspace("Elsewhere"), state=DefinitionState.PROPOSED)
    messages = []
    for pk in (foreign.pk, foreign.pk + 1000):
        with pytest.raises(NotFound) as missing:
            deed(house, pk)
        messages.append(missing.value.message)
    assert messages[0] == messages[1]


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_decisions_without_the_capability_are_denied(house: House, deed: Deed) -> None:
    proposal = house.propose()
    powerless = House(house.workspace, house.author, house.operator, house.operator)
    with pytest.raises(Denied) as refusal:
        deed(powerless, proposal.id)
    assert refusal.value.capability == "definition:decide"


@pytest.fixture
def broken_audit(db: None) -> Callable[[], None]:
    """From the call on, the audit table takes no row."""

    def break_it() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {AuditEvent._meta.db_table} ADD CONSTRAINT broken CHECK (false) NOT VALID")

    return break_it


def snapshot() -> list[dict[str, object]]:
    return list(Definition.objects.order_by("pk").values())


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_decisions_leave_nothing_behind_when_the_audit_insert_fails(
    house: House, broken_audit: Callable[[], None], deed: Deed
) -> None:
    former = house.active()
    proposal = house.propose(NEXT)
    before = snapshot()
    broken_audit()
    target = former.id if deed is DEEDS["deprecate"] else proposal.id
    with pytest.raises(IntegrityError, match="broken"):
        deed(house, target)
    assert snapshot() == before


def test_propose_leaves_nothing_behind_when_the_audit_insert_fails(
    house: House, broken_audit: Callable[[], None]
) -> None:
    broken_audit()
    with pytest.raises(IntegrityError, match="broken"):
        house.propose()
    assert snapshot() == []


@pytest.mark.parametrize(
    "change", ["text = text || ' '", "digest = 'x'", "version = 9", "name = 'x'", "proposed_by = 'x'", "owner = 'x'"]
)
def test_database_refuses_to_change_what_was_proposed(house: House, change: str) -> None:
    proposal = house.propose()
    with pytest.raises(DatabaseError, match="frozen"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE definitions_definition SET {change} WHERE id = %s", [proposal.id])


def test_database_refuses_to_delete(house: House) -> None:
    proposal = house.propose()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Definition.objects.filter(pk=proposal.id)._raw_delete("default")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"decided_by": "x@example.com"}, "definition_decided_paired"),
        ({"deprecated_by": "x@example.com"}, "definition_deprecated_paired"),
        ({"state": "active"}, "definition_one_active"),
    ],
)
def test_database_refuses_half_told_facts(house: House, change: dict[str, str], constraint: str) -> None:
    house.active()
    proposal = house.propose(NEXT)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Definition.objects.filter(pk=proposal.id).update(**change)


@pytest.mark.requirement("R2-23")
def test_database_refuses_a_decision_by_the_proposer(house: House) -> None:
    row = Definition.objects.get(pk=house.propose().id)
    with pytest.raises(IntegrityError, match="definition_two_people"), transaction.atomic():
        Definition.objects.filter(pk=row.pk).update(decided_by=row.proposed_by, decided_at=row.proposed_at)


def test_a_decision_made_meanwhile_is_stale(house: House) -> None:
    proposal = house.propose()
    row = Definition.objects.get(pk=proposal.id)
    house_owner = house.owner
    actions.reject(definition_id=proposal.id, reason="no", by=house_owner)
    with pytest.raises(Stale):
        actions._move(row, DefinitionState.ACTIVE)


# what is seen


def test_list_gives_the_newest_version_first(house: House) -> None:
    house.active(), house.propose(NEXT), house.propose(TABLE)
    rows.definition(rows.workspace("Elsewhere"))
    found = queries.list_definitions(house.operator)
    assert [(d.kind, d.version, d.state) for d in found] == [
        ("runbook", 4, "proposed"),
        ("runbook", 3, "active"),
        ("table", 1, "proposed"),
    ]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [({"kind": "table"}, 1), ({"state": "active"}, 1), ({"name": "entitlement-resync"}, 2), ({"limit": 1}, 1)],
)
def test_list_filters(house: House, wanted: dict[str, str], count: int) -> None:
    house.active(), house.propose(NEXT), house.propose(TABLE)
    assert len(queries.list_definitions(house.operator, queries.DefinitionFilter(**wanted))) == count  # type: ignore[arg-type]


def test_get_compares_with_the_version_in_force(house: House) -> None:
    former, latter = house.active(), house.propose(NEXT)
    detail = queries.get_definition(house.owner, latter.id)
    assert detail.text == NEXT
    assert detail.active == queries.get_definition(house.owner, former.id).summary
    changed = [(line.change, line.text.strip()) for line in detail.changes if line.change in ("added", "removed")]
    assert changed == [
        ("removed", "version: 3"),
        ("added", "version: 4"),
        ("removed", "within: 60s"),
        ("added", "within: 90s"),
    ]
    assert [version.version for version in detail.versions] == [4, 3]


def test_get_says_what_the_actor_may_do(house: House) -> None:
    proposal = house.propose()
    detail = queries.get_definition(house.owner, proposal.id)
    assert (detail.active, detail.changes) == (None, ())
    assert (detail.why_not_approve, detail.why_not_reject) == (None, None)
    assert detail.why_not_deprecate is not None
    assert detail.why_not_deprecate.code == "not-active"
    refused = queries.get_definition(house.author, proposal.id).why_not_approve
    assert refused is not None
    assert refused.code == "denied"


def test_get_foreign_and_missing_look_alike(house: House) -> None:
    foreign = rows.definition(rows.workspace("Elsewhere"))
    for pk in (foreign.pk, foreign.pk + 1000):
        with pytest.raises(NotFound):
            queries.get_definition(house.owner, pk)


def test_get_without_the_capability_is_denied(house: House) -> None:
    proposal = house.propose()
    user = rows.member(house.workspace, Role.WORKSPACE_ADMINISTRATOR)
    administrator = access.actor_for(user, house.workspace.slug)
    with pytest.raises(Denied):
        queries.get_definition(administrator, proposal.id)
    with pytest.raises(Denied):
        queries.list_definitions(administrator)


def test_find_by_name_and_version(house: House) -> None:
    former, latter = house.active(), house.propose(NEXT)
    find = queries.find_definition_id
    assert find(house.owner, DefinitionKind.RUNBOOK, "entitlement-resync") == former.id
    assert find(house.owner, DefinitionKind.RUNBOOK, "entitlement-resync", 4) == latter.id
    with pytest.raises(NotFound):
        find(house.owner, DefinitionKind.RUNBOOK, "entitlement-resync", 5)


def test_compiled_definitions_are_kept(house: House) -> None:
    row = Definition.objects.get(pk=house.active().id)
    assert compiled_runbook(row) is compiled_runbook(Definition.objects.get(pk=row.pk))
    house.active(TABLE)
    table = active_table(house.workspace.pk, "plan-codes")
    assert compiled_table(table).value_of("P-100") == "Basic"
    assert compiled_table(table) is compiled_table(table)
