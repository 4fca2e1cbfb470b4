# ruff: noqa: E501 — a table
"""Definitions that must be refused, each with the field and the line that are at fault."""

from __future__ import annotations

from functools import partial

import pytest

from handrail.definitions.runbook.compiler import compile_runbook
from handrail.kernel.errors import Invalid
from tests.unit.definitions.bad import FILE, Bad, edited
from tests.unit.definitions.samples import RUNBOOK

BAD = [
    # the text
    Bad("duplicate key", "version: 3", "version: 3\nversion: 4", "version", "given twice", "version: 4"),
    Bad("tag", "title: Resync", "title: !!str Resync", "title", "tags"),
    Bad("anchor", "title: Resync", "title: &t Resync", "title", "anchors"),
    Bad("alias", "owner: support", "owner: *t\nx: support", "owner", "aliases"),
    Bad("merge", "tenant: task", "<<: {a: b}\ntenant: task", "<<", "not text"),
    Bad("second document", "tenant: task", "---\ntenant: task", "", "second document", "---"),
    Bad("directive", "handrail: run", "%YAML 1.1\n---\nhandrail: run", "", "directives", "---"),
    Bad("number as key", "version: 3", "version: 3\n7: x", "7", "not text", "7: x"),
    Bad("list as key", "version: 3", "version: 3\n? [a]\n: x", "", "plain text", "? [a]"),
    Bad("infinity", "version: 3", "version: .inf", "version", "finite"),
    Bad("not a number", "version: 3", "version: .nan", "version", "finite"),
    Bad("huge integer", "version: 3", "version: 99999999999999999999", "version", "9007199254740991"),
    Bad("control character", "title: Resync", "title: \x07Resync", "", "U+0007"),
    Bad("escaped control", "title: Resynchronise admin", 'title: "\\a"\nx: admin', "title", "U+0007"),
    Bad("direction override", "title: Resync", "title: \u202eResync", "", "U+202E"),
    Bad("broken YAML", "  role: {type: string}", "  role: {type: string", "", "not YAML", "  seats"),
    # the shape
    Bad("other format", "runbook/v1", "runbook/v2", "handrail", "runbook/v1"),
    Bad("missing field", "title: Resynchronise admin entitlements\n", "", "title", "required", "handrail:"),
    Bad("unknown field", "escalate_to:", "escalate_too: x\nescalate_to:", "escalate_too", "expected one of: handrail"),
    Bad("unknown nested field", "minItems: 1", "minimumItems: 1", "task.admins.minimumItems", "minItems"),
    Bad("name not kebab", "name: entitlement-resync", "name: Entitlement_Resync", "name", "kebab-case"),
    Bad("version zero", "version: 3", "version: 0", "version", "greater than or equal to 1"),
    Bad("version as text", "version: 3", 'version: "3"', "version", "whole number"),
    Bad("norway is text", "deduplicates: true", "deduplicates: no", "steps[0].deduplicates", "true or false"),
    Bad("title as number", "title: Tell the ledger", "title: 12", "steps[1].title", "expected text"),
    Bad("unknown kind", "kind: boundary\nsteps", "kind: border\nsteps", "prerequisites[1].kind", "boundary"),
    # the task
    Bad("bad pattern", "^ten_[a-z0-9]+$", "^ten_(", "task.tenant_id", "pattern"),
    Bad("pattern with backreference", "^ten_[a-z0-9]+$", "^(a)\\\\1$", "task.tenant_id", "pattern"),
    Bad("array without items", "{type: array, items: {type: string, format: email}, ", "{type: array, ",
        "task.admins.items", "has items"),
    Bad("unknown type", "role: {type: string}", "role: {type: text}", "task.role.type", "string"),
    Bad("reserved field", "  role: {type: string}", "  role: {type: string}\n  while: {type: string}",
        "task.while", "condition language", "  while"),
    Bad("field twice", "  role: {type: string}", "  role: {type: string}\n  role?: {type: string}",
        "task.role?", "declared twice", "  role?"),
    Bad("tenant undeclared", "tenant: task.tenant_id", "tenant: task.tenant", "tenant", "did you mean task.tenant_id"),
    Bad("tenant optional", "tenant: task.tenant_id", "tenant: task.note", "tenant", "required"),
    Bad("subject a list", "subject: [task.tenant_id, task.role]", "subject: [task.admins]", "subject[0]", "subject"),
    Bad("budget not integer", "{task: retry_budget,", "{task: role,", "retry_budget.task", "integer"),
    Bad("wave of no field", "tenant: task", "waves: {by: task.drift}\ntenant: task", "waves.by", "not a declared task"),
    Bad("wave of a list", "tenant: task", "waves: {by: task.admins}\ntenant: task", "waves.by", "one text"),
    Bad("wave of width zero", "tenant: task", "waves: {width: 0}\ntenant: task", "waves.width", "greater than or equal"),
    Bad("share over all", "tenant: task", "waves: {stop: {share: 1.5}}\ntenant: task", "waves.stop.share", "equal to 1"),
    Bad("limit of none", "tenant: task", "limits: {at_once: 0}\ntenant: task", "limits.at_once", "greater than or equal"),
    Bad("kept in hours", "tenant: task", "keep: 400h\ntenant: task", "keep", "a number of days"),
    Bad("kept no day", "tenant: task", "keep: 0d\ntenant: task", "keep", "from 1d to 36500d"),
    Bad("budget over ceiling", "at_most: 5", "at_most: 500", "retry_budget.at_most", "less than or equal to 20"),
    # reads
    Bad("read without form", '    get: "/entitlements/{tenant.id}"\n', "", "reads.entitlement", "one of: get",
        "    connector: entitlements"),
    Bad("read named as a root", "  holders:\n", "  before:\n", "reads.before", "can't name a read"),
    Bad("undeclared placeholder", "/tenants/{task.tenant_id}", "/tenants/{task.tenant}", "reads.tenant.get",
        "did you mean task.tenant_id"),
    Bad("placeholder expression", "/tenants/{task.tenant_id}", "/tenants/{1 + 1}", "reads.tenant.get", "dotted name"),
    Bad("loose brace", "/tenants/{task.tenant_id}", "/tenants/{task.tenant_id", "reads.tenant.get", "brace"),
    Bad("list in a path", "/tenants/{task.tenant_id}", "/tenants/{task.admins}", "reads.tenant.get", "[string]"),
    Bad("optional in a path", "/tenants/{task.tenant_id}", "/tenants/{task.note}", "reads.tenant.get", "absent"),
    Bad("whole URL", '"/tenants/{task', '"https://evil.example/{task', "reads.tenant.get", "begins with /"),
    Bad("dots in a path", "/tenants/{task", "/../{task", "reads.tenant.get", ".. segments"),
    Bad("double slash", "/tenants/{task", "//tenants/{task", "reads.tenant.get", "empty segments"),
    Bad("query in a path", "/tenants/{task.tenant_id}", "/tenants/{task.tenant_id}?x=1", "reads.tenant.get", "query"),
    Bad("bad JMESPath", '"[].userName"', '"[].["', "reads.holders.extract.user_names.at", "JMESPath"),
    Bad("unknown value type", "seats: integer", "seats: int", "reads.tenant.extract.seats", "expected one of string"),
    Bad("read before it is made", "/tenants/{task.tenant_id}", "/tenants/{entitlement.marker}", "reads.tenant.get",
        "not declared"),
    # conditions
    Bad("undeclared in condition", "tenant.id == task.tenant_id", "tenant.id == task.tenantid",
        "prerequisites[0].condition", "did you mean task.tenant_id"),
    Bad("types do not fit", "tenant.id == task.tenant_id", "tenant.id == 5", "prerequisites[0].condition", "overload"),
    Bad("not a truth value", "tenant.id == task.tenant_id", "tenant.id", "prerequisites[0].condition", "true or false",
        "  - condition: tenant.id"),
    Bad("syntax", "tenant.id == task.tenant_id", "tenant.id ==", "prerequisites[0].condition", "Syntax"),
    Bad("answer before the call", "tenant.id == task.tenant_id", "answer.id == task.tenant_id",
        "prerequisites[0].condition", "not declared"),
    Bad("code not kebab", "reason: tenant-mismatch", "reason: TENANT_MISMATCH", "prerequisites[0].reason",
        "kebab-case"),
    Bad("growing a list", "a in holders.user_names)", "a in holders.user_names.map(u, u))",
        "steps[0].verify.conditions[0].condition", "map"),
    Bad("pattern from outside", "entitlement.marker.startsWith('resync:')", "entitlement.marker.matches(task.role)",
        "steps[0].verify.conditions[1].condition", "written out"),
    Bad("joining texts", "entitlement.marker.startsWith('resync:')", "entitlement.marker + 'x' == 'y'",
        "steps[0].verify.conditions[1].condition", "overload"),
    # steps
    Bad("no verify", """    verify:
      reads: [entitlement]
      conditions: [{condition: "entitlement.marker != ''", reason: note-absent}]
""", "", "steps[1].verify", "verified", "  - name: notify"),
    Bad("two methods", 'put: "/notes/', 'post: /notes, put: "/notes/', "steps[1].call", "exactly one"),
    Bad("call without form", 'put: "/notes/{steps.resynchronise.id}", ', "", "steps[1].call", "one of: start",
        "connector: ledger"),
    Bad("get that mutates", 'put: "/notes/{steps.resynchronise.id}", json: {state: "{job.state}", seats: "{task.seats}"}',
        'get: "/notes"', "steps[1].effect", "changes nothing", "    effect: mutating\n    call: {connector: ledger"),
    Bad("two steps of one name", "  - name: notify", "  - name: resynchronise", "steps[1].name", "two steps",
        "  - name: resynchronise\n    title"),
    Bad("later step's answer", 'tenant: "{task.tenant_id}", admins', 'tenant: "{steps.notify.id}", admins',
        "steps[0].call.with.tenant", "not declared"),
    Bad("poll without id", "answer: {id: string,", "answer: {ident: string,", "steps[0].answer", "needs its id"),
    Bad("poll slower than its window", "every: 1s, within: 60s", "every: 2m, within: 60s", "steps[0].poll.every",
        "longer than within"),
    Bad("duration without unit", "within: 60s\n      every", "within: 60\n      every", "steps[0].verify.within",
        "duration", "      within: 60\n"),
    Bad("duration too long", "ceiling: 30s", "ceiling: 25h", "steps[0].retry.ceiling", "24h"),
    Bad("initial over ceiling", "initial: 2s", "initial: 40s", "steps[0].retry.initial", "ceiling"),
    Bad("attempts over budget", "attempts: 3", "attempts: 9", "steps[0].retry.attempts", "at_most is 5"),
    Bad("class nobody names", "classes: {busy:", "classes: {bussy:", "steps[0].retry.classes.bussy", "as: bussy"),
    # result tables
    Bad("status out of range", "status: [429, 502, 503]", "status: [429, 5020]", "steps[0].result.retryable[0].status[1]",
        "less than or equal to 599"),
    Bad("unknown failure", "failure: [dns, ", "failure: [dsn, ", "steps[0].result.retryable[1].failure[0]", "dns"),
    Bad("empty row", "{status: [400, 403, 404, 422]}", "{}", "steps[0].result.terminal[0]", "at least one of"),
    Bad("row never reached", "{status: [400, 403, 404, 422]}", "{status: [400]}, {status: [503]}",
        "steps[0].result.terminal[1]", "never reached"),
    Bad("same row twice", "[{status: [200, 204]}]", "[{status: [200]}, {status: [200]}]",
        "steps[1].result.succeeded[1]", "never reached"),
    Bad("status twice", "status: [200, 204]", "status: [200, 200]", "steps[1].result.succeeded[0].status", "twice"),
    Bad("failed success", "[{status: [200, 204]}]", "[{failure: [not-json]}]", "steps[1].result.succeeded[0].failure",
        "can't be succeeded"),
    Bad("pending without poll", "    poll: {every: 1s, within: 60s}\n", "", "steps[0].result.pending[0]", "need poll",
        "      pending"),
    Bad("unsafe repeat", "retryable: [{failure: [connect]}]", "retryable: [{status: [503]}]",
        "steps[1].result.retryable[0]", "does not deduplicate"),
    Bad("retryable without retry", "    retry: {attempts: 2}\n", "", "steps[1].result.retryable[0]", "need retry",
        "      retryable: [{failure: [connect]}]"),
    Bad("class on success", "[{status: [200, 204]}]", "[{status: [200], as: fine}]", "steps[1].result.succeeded[0].as",
        "only retryable"),
    # verification and copies
    Bad("unknown read", "reads: [holders, entitlement, job]", "reads: [holder, entitlement, job]",
        "steps[0].verify.reads[0]", "did you mean holders"),
    Bad("verify names what it does not read", "entitlement.marker != ''", "holders.user_names.size() > 0",
        "steps[1].verify.conditions[0].condition", "not declared"),
    Bad("unchanged unknown", "unchanged: [tenant.tier]", "unchanged: [tenant.tyre]", "steps[0].verify.unchanged[0]",
        "did you mean tenant.tier"),
    Bad("unchanged not read before", "unchanged: [tenant.tier]", "unchanged: [job.state]",
        "steps[0].verify.unchanged[0]", "not read before"),
    Bad("copy undeclared", "exception: {copy: [task.tenant_id, tenant.tier, holders.user_names]}",
        "exception: {copy: [task.tenant_id, tenant.secret]}", "exception.copy[1]", "not declared"),
    Bad("copy a whole read", "exception: {copy: [task.tenant_id, tenant.tier, holders.user_names]}", "exception: {copy: [tenant]}",
        "exception.copy[0]", "matches"),
    Bad("copy twice", "exception: {copy: [task.tenant_id, tenant.tier, holders.user_names]}", "exception: {copy: [task.role, task.role]}",
        "exception.copy[1]", "twice"),
    Bad("poll without path", "    retry: {attempts: 2}\n", "    retry: {attempts: 2}\n    poll: {every: 1s, within: 5s}\n", "steps[1].poll", "give get:", "    poll: {every: 1s, within: 5s}"),
    Bad("poll query without path", "every: 1s, within: 60s", "every: 1s, within: 60s, query: {a: b}", "steps[0].poll.query", "goes with get"),
    Bad("poll query undeclared", "every: 1s, within: 60s", 'every: 1s, within: 60s, get: /j, query: {a: "{answer.no}"}', "steps[0].poll.query.a", "not declared"),
    Bad("poll path undeclared", "every: 1s, within: 60s", 'every: 1s, within: 60s, get: "/j/{answer.no}"', "steps[0].poll.get", "not declared"),
    Bad("job polled by a path", "every: 1s, within: 60s", "every: 1s, within: 60s, get: /j", "steps[0].poll.get", "polled by its id"),
    Bad("poll without pending", """      pending: [{status: [200, 202], when: 'answer.status in ["queued", "running"]'}]\n""", "", "steps[0].result.pending", "lists the answers that are pending", "      succeeded: [{status: [200], when"),
    Bad("space in a path", "/tenants/{task", "/ten ants/{task", "reads.tenant.get", "visible ASCII"),
    Bad("step named by a reserved word", "  - name: notify", "  - name: while", "steps[1].name", "condition language"),
    Bad("class slower than its ceiling", "{busy: {initial: 5s}}", "{busy: {initial: 50s}}", "steps[0].retry.classes.busy.initial", "ceiling"),
    Bad("class with more attempts", "{busy: {initial: 5s}}", "{busy: {attempts: 4}}", "steps[0].retry.classes.busy.attempts", "step's own 3"),
    Bad("verify slower than its window", "every: 2s\n", "every: 2m\n", "steps[0].verify.every", "longer than within"),
    Bad("wait too short", "initial: 2s", "initial: 50ms", "steps[0].retry.initial", "100ms"),
    Bad("retry that nothing uses", "      retryable: [{failure: [connect]}]\n", "", "steps[1].retry", "no retryable row", "    retry: {attempts: 2}"),
    Bad("status of an unsent call", "[{status: [200, 204]}]", "[{status: [200, 204]}]\n      terminal: [{status: [200], failure: [dns]}]", "steps[1].result.terminal[0].status", "come with a status", "      terminal: [{status: [200], failure: [dns]}]"),
    Bad("read of a later step", "reads: [holders, entitlement, job]", "reads: [holders, entitlement, late]", "steps[0].verify.reads[2]", "not a declared read"),
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_compile_refuses(bad: Bad) -> None:
    bad.check(RUNBOOK, partial(compile_runbook, file=FILE))


def test_compile_tells_many_faults_at_once() -> None:
    text = RUNBOOK
    for old, new in (
        ("tenant: task.tenant_id", "tenant: task.nothing"),
        ("tenant.id == task.tenant_id", "tenant.ident == 5"),
        ("unchanged: [tenant.tier]", "unchanged: [tenant.tyre]"),
        ("/entitlements/{tenant.id}", "/entitlements/{tenant.ident}"),
    ):
        text = edited(text, old, new)
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text)
    fields = [fault.where for fault in refusal.value.faults]
    assert fields == ["tenant", "reads.entitlement.get", "prerequisites[0].condition", "steps[0].verify.unchanged[0]"]


def test_compile_points_into_a_condition() -> None:
    text = edited(RUNBOOK, "a in holders.user_names)", "a in holders.usernames)")
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text)
    fault = refusal.value.faults[0]
    line = text.split("\n")[(fault.line or 0) - 1]
    assert line[(fault.column or 0) - 1 :].startswith(".usernames")


def test_compile_points_into_a_block_condition() -> None:
    old = "  - condition: tenant.id == task.tenant_id\n"
    text = edited(RUNBOOK, old, "  - condition: |\n      tenant.id == task.tenant_id &&\n      tenant.nothing == 1\n")
    with pytest.raises(Invalid) as refusal:
        compile_runbook(text)
    fault = refusal.value.faults[0]
    assert text.split("\n")[(fault.line or 0) - 1][(fault.column or 0) - 1 :].startswith(".nothing")
