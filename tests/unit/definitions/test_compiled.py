"""What the engine asks of a compiled runbook."""

from __future__ import annotations

from typing import Any

import pytest

from handrail.connectors import jobs, rest, scim
from handrail.connectors.outcome import Answer, Failure
from handrail.definitions.runbook.compiled import CompiledRunbook
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.kernel.errors import Invalid
from tests.unit.definitions.bad import edited
from tests.unit.definitions.samples import RUNBOOK

TASK = {
    "tenant_id": "ten_1",
    "admins": ["ada@example.com"],
    "role": "admin",
    "seats": 3,
    "ratio": 2,
    "retry_budget": 2,
}


@pytest.fixture(scope="module")
def runbook() -> CompiledRunbook:
    return compile_runbook(RUNBOOK)


def scope(**more: Any) -> dict[str, Any]:
    tenant = {"id": "ten_1", "tier": "gold", "seats": 3, "regions": ["eu"], "note": None, "meta": None}
    holders, entitlement = {"user_names": ["old@example.com"]}, {"marker": "resync:1"}
    reads = {"tenant": tenant, "holders": holders, "entitlement": entitlement}
    return {"task": TASK, **reads, "before": reads, "steps": {}, **more}


def test_compile_gives_the_identity(runbook: CompiledRunbook) -> None:
    assert (runbook.name, runbook.version, runbook.title) == (
        "entitlement-resync",
        3,
        "Resynchronise admin entitlements",
    )
    assert (runbook.owner, runbook.escalate_to) == ("support-governance@example.com", "senior-support")
    assert runbook.checkpoints.invoked == "Job started"
    assert runbook.checkpoints.verified == "Effect verified"


def test_digest_ignores_comments_and_order_but_not_content(runbook: CompiledRunbook) -> None:
    assert runbook.digest.startswith("sha256:")
    assert compile_runbook("# a remark\n" + RUNBOOK).digest == runbook.digest
    assert compile_runbook(edited(RUNBOOK, "within: 60s", "within: 61s")).digest != runbook.digest


def test_initial_reads_leave_out_what_needs_an_answer(runbook: CompiledRunbook) -> None:
    assert runbook.initial_reads == ("tenant", "holders", "entitlement")
    assert runbook.reads["job"].after == "resynchronise"
    assert runbook.reads["entitlement"].needs == ("tenant",)


def test_verification_rereads_what_must_be_unchanged(runbook: CompiledRunbook) -> None:
    verify = runbook.step("resynchronise").verify
    assert verify is not None
    assert verify.reads == ("tenant", "holders", "entitlement", "job")
    assert (verify.within_seconds, verify.every_seconds) == (60.0, 2.0)


# tasks


def test_validate_task_gives_declared_fields(runbook: CompiledRunbook) -> None:
    assert runbook.validate_task(TASK) == {**TASK, "ratio": 2.0, "note": None}


@pytest.mark.parametrize(
    ("change", "where", "message"),
    [
        ({"tenant_id": "TEN"}, "task.tenant_id", "matches ^ten_[a-z0-9]+$"),
        ({"tenant_id": 5}, "task.tenant_id", "expected string"),
        ({"tenant_id": None}, "task.tenant_id", "expected string"),
        ({"admins": []}, "task.admins", "at least 1 items"),
        ({"admins": ["ada"]}, "task.admins[0]", "format email"),
        ({"admins": "ada@example.com"}, "task.admins", "expected array"),
        ({"seats": 0}, "task.seats", "at least 1"),
        ({"seats": 2.0}, "task.seats", "expected integer"),
        ({"seats": True}, "task.seats", "expected integer"),
        ({"ratio": float("nan")}, "task.ratio", "expected number"),
        ({"note": "x" * 101}, "task.note", "at most 100 characters"),
        ({"extra": "canary-7"}, "task", "does not declare"),
        ({"role": "x" * 70_000}, "task.role", "at most 65536"),
    ],
)
def test_validate_task_refuses(runbook: CompiledRunbook, change: dict[str, Any], where: str, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        runbook.validate_task({**TASK, **change})
    assert [(f.where, True) for f in refusal.value.faults if message in f.message] == [(where, True)]
    assert "canary-7" not in str(refusal.value.faults)


def test_validate_task_tells_every_field(runbook: CompiledRunbook) -> None:
    with pytest.raises(Invalid) as refusal:
        runbook.validate_task({"seats": 0})
    wheres = {fault.where for fault in refusal.value.faults}
    assert wheres == {"task.tenant_id", "task.admins", "task.role", "task.seats", "task.ratio", "task.retry_budget"}


def test_task_names_tenant_and_subject(runbook: CompiledRunbook) -> None:
    assert runbook.tenant_key(TASK) == "ten_1"
    assert runbook.subject(TASK) == "ten_1 / admin"


@pytest.mark.requirement("R2-06")
@pytest.mark.parametrize(("carried", "limit"), [(0, 0), (2, 2), (5, 5), (9, 5), (None, 5)])
def test_retry_limit_is_the_smaller(runbook: CompiledRunbook, carried: int | None, limit: int) -> None:
    assert runbook.retry_limit({**TASK, "retry_budget": carried}) == limit


def test_retry_limit_without_budget_is_what_the_steps_need() -> None:
    without = edited(RUNBOOK, "retry_budget: {task: retry_budget, at_most: 5}\n", "")
    assert compile_runbook(without).retry_limit(TASK) == 2 + 1


def test_retry_policy_backs_off_to_its_ceiling(runbook: CompiledRunbook) -> None:
    step = runbook.step("resynchronise")
    assert [step.policy(None).delay_seconds(n) for n in (1, 2, 3, 9)] == [2.0, 4.0, 8.0, 30.0]
    assert [step.policy("busy").delay_seconds(n) for n in (1, 2)] == [5.0, 10.0]
    assert step.policy("busy").attempts == 3


def test_validate_task_refuses_a_missing_required_field_of_a_list() -> None:
    text = edited(RUNBOOK, "minItems: 1, maxItems: 20}", "uniqueItems: true}")
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text).validate_task({**TASK, "admins": ["a@example.com", "a@example.com"]})
    assert [fault.message for fault in refusal.value.faults] == ["expected no item twice"]


def test_validate_task_bounds_the_whole() -> None:
    text = edited(RUNBOOK, "minItems: 1, maxItems: 20}", "maxItems: 9000}")
    admins = [f"person{number}@example.com" for number in range(5000)]
    with pytest.raises(Invalid, match="more than 65536 bytes"):
        compile_runbook(text).validate_task({**TASK, "admins": admins})


# operations


def test_operation_of_a_get(runbook: CompiledRunbook) -> None:
    built = runbook.operation(runbook.reads["tenant"].spec, {"task": {**TASK, "tenant_id": "a/b"}})
    assert built == rest.Get(path="/tenants/a%2Fb", query={"expand": "plan", "role": "admin", "page": 1})


def test_operation_of_a_scim_query(runbook: CompiledRunbook) -> None:
    built = runbook.operation(runbook.reads["holders"].spec, {"task": {**TASK, "role": 'a" or "'}})
    assert built == scim.Query(resource="Users", filter='roles.value eq "a\\" or \\""', attributes=("userName",))


def test_operation_of_a_job(runbook: CompiledRunbook) -> None:
    built = runbook.operation(runbook.step("resynchronise").call, scope(), idempotency_key="RUN-1:1")
    parameters = {"tenant": "ten_1", "admins": ["ada@example.com"], "text": "for admin"}
    assert built == jobs.Start(job="entitlement-resync", parameters=parameters, idempotency_key="RUN-1:1")


def test_operation_of_a_job_needs_a_key(runbook: CompiledRunbook) -> None:
    with pytest.raises(Invalid, match="idempotency key"):
        runbook.operation(runbook.step("resynchronise").call, scope())


def test_operation_of_a_poll(runbook: CompiledRunbook) -> None:
    poll = runbook.step("resynchronise").poll
    assert poll is not None
    assert runbook.operation(poll.spec, scope(answer={"id": "j 1"})) == jobs.Poll(id="j 1")


def test_operation_of_a_put(runbook: CompiledRunbook) -> None:
    built = runbook.operation(
        runbook.step("notify").call,
        scope(steps={"resynchronise": {"id": "j1"}}, job={"state": "done"}),
        idempotency_key="RUN-1:notify",
    )
    body = {"state": "done", "seats": 3}
    assert built == rest.Call(method="PUT", path="/notes/j1", json=body, idempotency_key="RUN-1:notify")


def test_operation_refuses_what_the_connector_would(runbook: CompiledRunbook) -> None:
    with pytest.raises(Invalid) as refusal:
        runbook.operation(runbook.reads["tenant"].spec, {"task": {**TASK, "tenant_id": "x" * 3000}})
    assert refusal.value.code == "placeholder"


@pytest.mark.parametrize(
    ("call", "built"),
    [
        (
            'scim: Users, id: "{task.role}", change: [{op: replace, path: active, value: false}, '
            "{op: remove, path: 'roles[value eq \"{task.role}\"]'}]",
            scim.Patch(
                resource="Users",
                id="admin",
                operations=(
                    scim.Change(op="replace", path="active", value=False),
                    scim.Change(op="remove", path='roles[value eq "admin"]'),
                ),
            ),
        ),
        ('add_member: {group: g1, member: "{task.role}"}', scim.AddMember(group="g1", member="admin")),
        ('remove_member: {group: g1, member: "{task.role}"}', scim.RemoveMember(group="g1", member="admin")),
        ('add_role: {user: u1, role: "{task.role}"}', scim.AddRole(user="u1", role="admin")),
        ('remove_role: {user: u1, role: "{task.role}"}', scim.RemoveRole(user="u1", role="admin")),
        ("delete: /notes/1", rest.Call(method="DELETE", path="/notes/1", idempotency_key="k")),
        (
            'post: /notes, query: {dry: false}, json: ["{task.seats}"]',
            rest.Call(method="POST", path="/notes", query={"dry": False}, json=[3], idempotency_key="k"),
        ),
        ("patch: /notes/1, json: null", rest.Call(method="PATCH", path="/notes/1", json=None, idempotency_key="k")),
    ],
)
def test_operation_of_other_calls(call: str, built: Any) -> None:
    old = 'put: "/notes/{steps.resynchronise.id}", json: {state: "{job.state}", seats: "{task.seats}"}'
    text = edited(RUNBOOK, old, call)
    compiled = compile_runbook(text)
    assert compiled.operation(compiled.step("notify").call, scope(), idempotency_key="k") == built


@pytest.mark.parametrize(
    ("read", "built"),
    [
        ('scim: Groups, id: "{task.role}"', scim.Read(resource="Groups", id="admin")),
        ('members_of: "{task.role}"', scim.Members(group="admin")),
        ('holders_of: "{task.role}"', scim.Holders(role="admin")),
        ("scim: Users", scim.Query(resource="Users")),
    ],
)
def test_operation_of_other_reads(read: str, built: Any) -> None:
    old = '    get: "/entitlements/{tenant.id}"\n    extract: {marker: string}'
    text = edited(
        edited(RUNBOOK, old, "    extract: {marker: string}"),
        "    connector: entitlements",
        f"    {read.split(': ', 1)[0]}: X",
    )
    lines = "\n".join(f"    {part}" for part in read.replace(", id", "\nid").split("\n"))
    key = read.split(": ", 1)[0]
    text = text.replace(f"    {key}: X", f"    connector: entitlements\n{lines}")
    compiled = compile_runbook(text)
    assert compiled.operation(compiled.reads["entitlement"].spec, scope()) == built


# taking values


@pytest.mark.requirement("R2-22")
def test_extract_keeps_only_what_is_named(runbook: CompiledRunbook) -> None:
    value = {"id": "ten_1", "plan": {"tier": "gold", "price": 9}, "seats": 3, "regions": [], "secret": "x"}
    taken = {"id": "ten_1", "tier": "gold", "seats": 3, "regions": [], "note": None, "meta": None}
    assert runbook.extract("tenant", value) == taken
    assert runbook.extract("holders", [{"userName": "a"}, {"userName": "b"}]) == {"user_names": ["a", "b"]}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"id": None}, "tenant.id"),
        ({"id": 7}, "tenant.id"),
        ({"plan": {}}, "tenant.tier"),
        ({"seats": "3"}, "tenant.seats"),
        ({"seats": True}, "tenant.seats"),
        ({"seats": 2**60}, "tenant.seats"),
        ({"regions": "eu"}, "tenant.regions"),
        ({"regions": ["eu", 1]}, "tenant.regions"),
        ({"note": 1}, "tenant.note"),
        ({"meta": []}, "tenant.meta"),
    ],
)
def test_extract_refuses_missing_or_wrongly_typed_values(
    runbook: CompiledRunbook, change: dict[str, Any], where: str
) -> None:
    value = {"id": "canary-9", "plan": {"tier": "gold"}, "seats": 3, "regions": [], **change}
    with pytest.raises(Invalid) as refusal:
        runbook.extract("tenant", value)
    assert [fault.where for fault in refusal.value.faults] == [where]
    assert "canary-9" not in str(refusal.value)


def test_classify_takes_the_answers_declared_values(runbook: CompiledRunbook) -> None:
    classified = runbook.classify("resynchronise", scope(), Answer(202, {"id": "j1", "status": "running", "x": 1}))
    assert classified.answer == {"id": "j1", "status": "running", "skipped": None}


# classification


DONE = {"id": "j1", "status": "done", "skipped": 0}


@pytest.mark.parametrize(
    ("answer", "kind", "retry_class"),
    [
        (Answer(200, DONE), "succeeded", None),
        (Answer(200, {**DONE, "status": "queued"}), "pending", None),
        (Answer(202, {**DONE, "status": "running"}), "pending", None),
        (Answer(503), "retryable", "busy"),
        (Answer(429, "slow down"), "retryable", "busy"),
        (Answer(None, failure=Failure.DNS), "retryable", None),
        (Answer(422, {"error": 1}), "terminal", None),
        (Answer(200, {**DONE, "skipped": 1}), "ambiguous", None),
        (Answer(200, {**DONE, "skipped": None}), "ambiguous", None),
        (Answer(200, {**DONE, "status": "complete-ish"}), "ambiguous", None),
        (Answer(200, {"id": "j1"}), "ambiguous", None),
        (Answer(200, None), "ambiguous", None),
        (Answer(201, DONE), "ambiguous", None),
        (Answer(None, failure=Failure.TIMEOUT_AFTER_SEND), "ambiguous", None),
        (Answer(200, failure=Failure.NOT_JSON), "ambiguous", None),
        (Answer(503, failure=Failure.NOT_JSON), "ambiguous", None),
    ],
)
def test_classify(runbook: CompiledRunbook, answer: Answer, kind: str, retry_class: str | None) -> None:
    result = runbook.classify("resynchronise", scope(), answer)
    assert (result.kind, result.retry_class) == (kind, retry_class)
    assert result.why


def test_classify_names_the_row_and_keeps_the_answer(runbook: CompiledRunbook) -> None:
    result = runbook.classify("resynchronise", scope(), Answer(200, DONE))
    assert (result.row, result.answer) == (0, DONE)
    assert result.why == "succeeded[0]: status 200"


def test_classify_takes_rows_in_order() -> None:
    text = edited(RUNBOOK, "terminal: [{status: [400, 403, 404, 422]}]", "terminal: [{when: http.status > 399}]")
    compiled = compile_runbook(text)
    assert compiled.classify("resynchronise", scope(), Answer(503)).kind == "retryable"
    assert compiled.classify("resynchronise", scope(), Answer(504)).kind == "terminal"


def test_classify_matches_a_failure_with_its_status() -> None:
    text = edited(RUNBOOK, "[{status: [400, 403, 404, 422]}]", "[{status: [500], failure: [not-json]}]")
    compiled = compile_runbook(text)
    assert compiled.classify("resynchronise", scope(), Answer(500, failure=Failure.NOT_JSON)).kind == "terminal"
    assert compiled.classify("resynchronise", scope(), Answer(501, failure=Failure.NOT_JSON)).kind == "ambiguous"
    assert compiled.classify("resynchronise", scope(), Answer(500, {})).kind == "ambiguous"


def test_classify_of_a_step_without_declared_answer(runbook: CompiledRunbook) -> None:
    assert runbook.classify("notify", scope(), Answer(204)).kind == "succeeded"


# guards and copies


def test_proof_needs_answer_where_reads_or_conditions_name_it(runbook: CompiledRunbook) -> None:
    assert runbook.step("resynchronise").proof_needs_answer
    assert not runbook.step("notify").proof_needs_answer
    leaning = edited(RUNBOOK, "reads: [holders, entitlement, job]", "reads: [holders, entitlement]")
    leaning = edited(leaning, "entitlement.marker.startsWith('resync:')", "entitlement.marker == answer.id")
    leaning = leaning.replace("{job.state}", "x").replace(", job.state]", "]")
    assert compile_runbook(leaning).step("resynchronise").proof_needs_answer


def test_changed_compares_with_before(runbook: CompiledRunbook) -> None:
    verify = runbook.step("resynchronise").verify
    assert verify is not None
    assert verify.changed(scope()) == ()
    assert verify.changed(scope(tenant={"tier": "silver"})) == ("tenant.tier",)
    assert verify.changed(scope(tenant={})) == ("tenant.tier",)


def test_checks_hold_or_do_not(runbook: CompiledRunbook) -> None:
    verify = runbook.step("resynchronise").verify
    assert verify is not None
    present = scope(holders={"user_names": ["old@example.com", "ada@example.com"]}, job={"state": "done"})
    broader = scope(holders={"user_names": ["ada@example.com", "eve@example.com"]}, job={"state": "done"})
    assert [check.condition.holds(present) for check in verify.conditions] == [True, True]
    assert [check.condition.holds(scope()) for check in verify.conditions] == [False, True]
    assert [check.condition.holds(broader) for check in verify.guards] == [False]
    assert [(check.reason, check.kind) for check in verify.guards] == [("broader-grant", "boundary")]
    assert [check.kind for check in runbook.prerequisites] == ["prerequisite", "boundary"]
    assert runbook.prerequisites[0].message == "The task names another tenant than the registry."


def test_copy_gives_what_there_is_by_now(runbook: CompiledRunbook) -> None:
    names = runbook.spec.completion.copy_
    assert runbook.copy(names, scope()) == {"task.tenant_id": "ten_1", "entitlement.marker": "resync:1"}
