"""What `definitions check` reports of a runbook without faults, and what a new text is refused for."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.definitions import compilation
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Invalid
from tests.unit.definitions.bad import edited
from tests.unit.definitions.samples import RUNBOOK

SHIPPED = Path(__file__).parents[3] / "definitions/runbooks"
APPROVED = Path(__file__).parent / "approved"
TENANT_CHECK = "tenant.id == task.tenant_id"


def found(text: str) -> list[str]:
    return [f"{one.where}: {one.message}" for one in compilation.check(text).findings]


def refused(text: str) -> list[str]:
    return [one.where for one in compilation.check(text).refusals]


def with_prerequisite(condition: str) -> str:
    return edited(RUNBOOK, f"condition: {TENANT_CHECK}", f"condition: {condition}")


def with_version_read(condition: str, *, field: str = "runbook_version", at: str = "") -> str:
    extract = f"{{at: {at}, type: integer}}" if at else "integer"
    text = edited(RUNBOOK, "      id: string\n      tier:", f"      id: string\n      {field}: {extract}\n      tier:")
    return edited(text, f"condition: {TENANT_CHECK}", f"condition: {condition}")


@pytest.mark.parametrize(
    "condition",
    [
        "tenant.runbook_version == 2",
        "2 == tenant.runbook_version",
        "tenant.id == task.tenant_id && tenant.runbook_version == 4",
        "tenant.runbook_version in [1, 2]",
        "tenant.runbook_version != 2",
        "task.role != '' && !(tenant.runbook_version == 2)",
    ],
)
def test_a_literal_version_that_is_not_the_definitions_own_is_a_finding(condition: str) -> None:
    assert [one.split(":")[0] for one in found(with_version_read(condition))] == ["prerequisites[0].condition"]


@pytest.mark.parametrize(
    "condition",
    [
        "tenant.runbook_version == 3",
        "tenant.runbook_version in [2, 3]",
        "tenant.runbook_version == runbook.version",
        "tenant.seats == 2",
    ],
)
def test_the_own_version_and_other_numbers_are_no_finding(condition: str) -> None:
    assert found(with_version_read(condition)) == []


def test_a_version_is_known_by_where_it_is_read_from() -> None:
    assert found(with_version_read("tenant.wanted == 2", field="wanted", at="/runbook/version"))
    assert not found(with_version_read("tenant.wanted == 2", field="wanted", at="/client/version"))


def test_a_version_is_known_by_the_runbook_that_is_compared_beside_it() -> None:
    text = with_version_read('task.role == "x" && tenant.version == 2', field="version")
    assert not found(text)
    text = with_version_read("task.role == runbook.name && tenant.version == 2", field="version")
    assert found(text)


def test_a_literal_name_of_another_runbook_is_a_finding() -> None:
    text = edited(RUNBOOK, "  role: {type: string}\n", "  role: {type: string}\n  runbook: {type: string}\n")
    text = edited(text, f"condition: {TENANT_CHECK}", "condition: task.runbook == 'other-runbook'")
    assert [one.partition(": ")[2] for one in found(text)] == [
        "it compares task.runbook with other-runbook; this is entitlement-resync: write runbook.name"
    ]


def test_conditions_may_name_the_runbook_and_its_version() -> None:
    runbook = compile_runbook(with_prerequisite('runbook.name == "entitlement-resync" && runbook.version == 3'))
    assert runbook.prerequisites[0].condition.holds({"runbook": runbook.identity})


def test_a_new_read_can_not_take_the_runbooks_name() -> None:
    text = RUNBOOK.replace("\n  tenant:\n    connector", "\n  runbook:\n    connector").replace("tenant.", "runbook.")
    with pytest.raises(Invalid, match="runbook can't name a read"):
        compile_runbook(text)


def test_an_approved_text_whose_read_is_called_runbook_keeps_its_meaning() -> None:
    text = RUNBOOK.replace("\n  tenant:\n    connector", "\n  runbook:\n    connector").replace(" tenant.", " runbook.")
    text = text.replace("{tenant.id}", "{runbook.id}").replace("[tenant.tier]", "[runbook.tier]")
    kept = compile_runbook(text, kept=True)
    assert kept.prerequisites[0].condition.holds({"runbook": {"id": "ten_1"}, "task": {"tenant_id": "ten_1"}})


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (", holders.user_names]}", "]}", "steps[0].verify.guards[0].condition"),
        ("[task.tenant_id, tenant.tier, ", "[task.tenant_id, ", "steps[0].verify.unchanged[0]"),
        ("unchanged: [tenant.tier]", "unchanged: [tenant.tier, tenant.id]", "steps[0].verify.unchanged[1]"),
    ],
)
def test_a_guard_that_can_fail_on_a_value_the_exception_may_not_carry_is_refused(
    old: str, new: str, where: str
) -> None:
    text = edited(RUNBOOK, old, new)
    assert refused(text) == [where]
    with pytest.raises(Invalid, match=r"exception\.copy"):
        compilation.check(text).refuse_if_any()


def test_a_guard_on_an_answer_needs_the_steps_answer_to_be_carried() -> None:
    guard = '        - {condition: "answer.skipped == 0", reason: broader-grant}\n'
    text = edited(RUNBOOK, "  - name: notify\n", f"{guard}  - name: notify\n")
    assert refused(text) == ["steps[0].verify.guards[1].condition"]
    carried = edited(
        text, "tenant.tier, holders.user_names]", "tenant.tier, holders.user_names, steps.resynchronise.skipped]"
    )
    assert refused(carried) == []


@pytest.mark.parametrize("name", ["entitlement-resync", "rotate-sync-credential"])
def test_shipped_runbooks_are_proposed_without_findings(name: str) -> None:
    checked = compilation.check((SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"))
    assert (checked.findings, checked.refusals) == ((), ())


def test_a_text_approved_before_the_rule_still_compiles() -> None:
    text = (APPROVED / "entitlement-resync.yaml").read_text(encoding="utf-8")
    checked = compilation.check(text)
    assert checked.refusals
    assert compilation.compile_text(DefinitionKind.RUNBOOK, text, checked.definition.digest).version == 2


def test_check_says_when_each_prerequisite_is_decided() -> None:
    decided = compilation.check((SHIPPED / "rotate-sync-credential.yaml").read_text(encoding="utf-8")).decisions
    by_reason = {one.reason: one.decided for one in decided}
    assert by_reason["tenant-not-active"] == "before every call"
    assert by_reason["credential-not-active"] == "before every call"
    assert by_reason["rotation-under-way"] == (
        "before every call, until issue has been verified, which changes inventory.pending"
    )


def test_check_says_what_of_a_prerequisite_is_decided_after_a_step() -> None:
    text = (SHIPPED / "rotate-sync-credential.yaml").read_text(encoding="utf-8")
    condition = next(line for line in text.splitlines() if "inventory.pending" in line and "condition:" in line)
    mixed = edited(text, condition, f'{condition} && tenant.status == "active"')
    by_reason = {one.reason: one.decided for one in compilation.check(mixed).decisions}
    assert by_reason["rotation-under-way"] == (
        "before every call; once issue has been verified, which changes inventory.pending, on the rest"
    )


@pytest.mark.parametrize(
    ("written", "said"), [("start", "before the first call only"), ("always", "before every call")]
)
def test_a_prerequisite_may_say_when_it_is_decided(written: str, said: str) -> None:
    text = (SHIPPED / "rotate-sync-credential.yaml").read_text(encoding="utf-8")
    text = edited(text, "    reason: rotation-under-way\n", f"    reason: rotation-under-way\n    decided: {written}\n")
    assert {one.reason: one.decided for one in compilation.check(text).decisions}["rotation-under-way"] == said


def test_what_nothing_needs_doing_for_is_proven_by_a_read() -> None:
    already = "already_as_required: {condition: \"task.role == 'x'\"}\nsteps:\n"
    with pytest.raises(Invalid, match="at least one value that is read"):
        compile_runbook(edited(RUNBOOK, "steps:\n", already))
    already = 'already_as_required: {condition: "task.admins.all(a, a in holders.user_names)"}\nsteps:\n'
    assert compile_runbook(edited(RUNBOOK, "steps:\n", already)).already is not None


def test_a_next_action_names_a_reason_for_which_the_runbook_can_stop() -> None:
    text = RUNBOOK.replace("holders.user_names]}", "holders.user_names], next_actions: {REASON: Ask the owner.}}")
    for reason in ("broader-grant", "outcome-unknown", "source-unreadable-tenant", "changed-tenant-tier"):
        assert compile_runbook(text.replace("REASON", reason)).spec.exception.next_actions == {reason: "Ask the owner."}
    with pytest.raises(Invalid, match="did you mean broader-grant"):
        compile_runbook(text.replace("REASON", "broad-grant"))


@pytest.mark.parametrize(("budget", "accepted"), [("5m", True), ("1h", True), ("0s", True), ("61m", False)])
def test_a_budget_for_reads_is_an_hour_at_most(budget: str, accepted: bool) -> None:
    text = edited(RUNBOOK, "reads:\n", f"read_budget: {budget}\nreads:\n")
    if accepted:
        assert compile_runbook(text).spec.read_budget is not None
    else:
        with pytest.raises(Invalid, match="at most 1h"):
            compile_runbook(text)
