"""Foreign and missing look alike on every route and verb; in scope without the capability is 403, and audited."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from handrail.access import actions as access
from handrail.access import queries
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.packets.models import Packet, Revision
from handrail.runbooks.models import ExceptionPacket
from tests.factories import rows, wave_rows
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.runs import Runs
from tests.integration.api.conftest import Caller
from tests.lanes import crossed, portion

BODIES = {
    "change_tenant": {"name": "New"},
    "close_tenant": {"reason": "no"},
    "set_hold": {"reason": "no"},
    "ask_to_lift_hold": {"reason": "no"},
    "ask_erasure": {"reason": "no"},
    "take_exceptions": {"refs": ["EXC-ZZZZZZZZZZ"]},
    "resolve_exceptions": {"refs": ["EXC-ZZZZZZZZZZ"], "outcome": "other", "note": "done"},
    "preview_follow_up": {"runbook": "resync"},
    "start_follow_up": {"runbook": "resync"},
    "note_on_exception": {"note": "looked"},
    "hand_back_exception": {"note": "not mine"},
    "assign_exception": {"to": "other@example.com"},
    "resolve_exception": {"outcome": "other", "note": "done"},
    "check_definition": {"text": "handrail: runbook/v1"},
    "approve_definition": {"digest": "sha256:" + "0" * 64},
    "reject_definition": {"reason": "no"},
    "deprecate_definition": {"reason": "no"},
    "request_return_of_definition": {"reason": "no"},
    "bring_back_definition": {"digest": "sha256:" + "0" * 64},
    "stop_run": {"reason": "no"},
    "mark_run_wrong": {"reason": "no"},
    "review_run": {"verdict": "right", "reason": "no"},
    "pause": {"kind": "everything", "reason": "no"},
    "resume": {"reason": "no"},
    "redeliver_notification": {"may_repeat": False},
    "choose": {"choices": {}},
    "test_responder": {"responder": "on-call"},
    "start_wave": {
        "runbook": "flip-switch",
        "event": "drift",
        "tenants": ["ten_one"],
        "template": {"switch_id": "s1"},
        "reason": "no",
    },
    "pause_wave": {"reason": "no"},
    "resume_wave": {"reason": "no"},
    "abandon_wave": {"reason": "no"},
    "close_breaker": {"target": "board", "reason": "no"},
    "propose_definition": {"text": "handrail: runbook/v1"},
    "preview_packet": {"profile": "outage-escalation", "inputs": {}},
    "assemble_packet": {"profile": "outage-escalation", "inputs": {}},
    "reassemble_packet": {"reason": "A late trace."},
    "clear_holds": {"code": "source-conflict", "targets": ["tenant.plan"], "reason": "They mean the same."},
    "mask_texts": {"code": "secret-in-text", "targets": ["timeline[].text"], "reason": "It is a password."},
    "clear_hold": {"code": "source-conflict", "target": "tenant.plan", "reason": "They mean the same."},
    "mark_packet_seen": {"digests": ["sha256:" + "0" * 64]},
    "redact_picture": {"annex": "picture-1", "original_digest": "sha256:" + "0" * 64, "boxes": []},
    "attest_picture": {"annex": "picture-1", "digest": "sha256:" + "0" * 64},
    "approve_packet": {"digest": "sha256:" + "0" * 64},
    "reject_packet": {"reason": "no"},
    "remove_passkey": {"reason": "no"},
    "set_second_factor": {"required": False},
    "withdraw_packet": {"reason": "no"},
    "recall_packet": {"cause": "wrong-content", "asks": "delete", "reason": "no"},
    "settle_reason": {"key": "1.1", "reason": "no"},
    "discard_packet": {"reason": "no"},
    "give_upload_address": {"address": "https://vendor.example/x", "expires_at": "2099-01-01T00:00:00Z"},
    "confirm_arrival": {"arrived": True, "reason": "no"},
    "request_support_for_tenant": {"summary": "Roles are missing"},
    "request_support_for_run": {"summary": "Roles are missing"},
}
# What the role of test_an_unnamed_operation… may do.
ADMINISTERS = {"set_second_factor"}
# What everybody does for themselves.
OWN = {"list_choices", "choose", "list_passkeys"}
# Operations that name a thing in their address, and those that do not.
OPERATIONS = [
    (op["operationId"], method.upper(), path)
    for path, verbs in description()["paths"].items()
    for method, op in verbs.items()
]
NAMED = [operation for operation in OPERATIONS if "{" in operation[2]]
# Pushed tasks are signed; the names of tenants are for everybody who is entitled to them, and so are own tokens. The
# search finds what one may see.
OPEN = [
    op
    for op in OPERATIONS
    if "{" not in op[2]
    and op[0] not in {"deliver_task", "list_tenants", "list_tokens", "create_token", "find", *OWN, *ADMINISTERS}
]


@pytest.fixture
def foreign(estate: Runs, board: object) -> dict[str, str]:
    """Things of another workspace: a run, an exception packet, a definition, a packet."""
    other = Installation(tenant="ten_two", workspace="other").runs
    run = other.start("TASK-9")
    packet = ExceptionPacket.objects.create(
        ref="EXC-0000000001",
        workspace=other.workspace,
        tenant=other.tenant,
        run=run,
        at=now(),
        cause="boundary",
        reason="fuse-sealed",
        message="A sealed fuse.",
        checkpoint="Looked",
        escalate_to="senior-support",
        fields={},
        evidence=[],
        attempts=[],
        handling="open",
    )
    pack(other)
    return {
        "packets": "PKT-0000000001",
        "events": str(AuditEvent.objects.filter(workspace_id=other.workspace.pk).latest("pk").pk),
        "runs": run.ref,
        "exceptions": packet.ref,
        "definitions": str(other.definition.pk),
        "tenants": "ten_two",
        "tokens": rows.token(other.workspace).ref,
        "passkeys": rows.passkey(rows.member(other.workspace)).ref,
        "brakes": rows.brake(other.tenant).ref,
        "messages": rows.task_update(packet).ref,
        "notifications": rows.notice(other.tenant, packet.ref).ref,
        "waves": wave_rows.wave(other.definition).ref,
        "holds": rows.hold(other.tenant).ref,
        "erasures": rows.erasure(other.tenant).ref,
        "lanes": "another-vendor-intake",
    }


def pack(of: Runs) -> None:
    """A packet whose first revision is being assembled."""
    owned = {"workspace": of.workspace, "tenant": of.tenant, "created_at": now()}
    digest = of.definition.digest
    packet = Packet.objects.create(
        **owned,
        ref="PKT-0000000001",
        profile="p",
        lane="another-vendor-intake",
        inputs={},
        inputs_digest=digest,
        subject="s",
        salt=b"0" * 32,
    )
    Revision.objects.create(
        **owned,
        packet=packet,
        number=1,
        definition=of.definition,
        profile_digest=digest,
        cause="first",
        assembled_by="dee@example.com",
        state="assembling",
        updated_at=now(),
    )


MISSING = {
    "events": "999999999",
    "packets": "PKT-ZZZZZZZZZZ",
    "runs": "RUN-ZZZZZZZZZZ",
    "exceptions": "EXC-ZZZZZZZZZZ",
    "definitions": "999999999",
    "tenants": "ten_none",
    "tokens": "TOK-ZZZZZZZZZZ",
    "passkeys": "KEY-ZZZZZZZZZZ",
    "brakes": "BRK-ZZZZZZZZZZ",
    "messages": "MSG-ZZZZZZZZZZ",
    "notifications": "NTF-ZZZZZZZZZZ",
    "waves": "WAV-ZZZZZZZZZZ",
    "holds": "HLD-ZZZZZZZZZZ",
    "erasures": "ERA-ZZZZZZZZZZ",
    "lanes": "nowhere",
}


def call(client: Client, operation: tuple[str, str, str], things: dict[str, str]) -> tuple[int, bytes]:
    name, method, template = operation
    start, _, end = template.partition("{")
    kind = start.rstrip("/").rsplit("/", 1)[-1]
    path = template if not end else start + things[kind] + end.partition("}")[2].replace("{number}", "1")
    body, key = json.dumps(BODIES.get(name, {})), {"idempotency-key": "a-key-of-one-form"}
    response = client.generic(method, path, body, "application/json", headers=key)
    return response.status_code, response.getvalue()


@pytest.mark.parametrize("operation", portion(NAMED, 2), ids=lambda operation: operation[0])
def test_a_foreign_thing_is_answered_like_a_missing_one(
    operation: tuple[str, str, str], foreign: dict[str, str], caller: Caller
) -> None:
    client = caller("operator", "senior-support", "governance-owner", "workspace-administrator")
    assert call(client, operation, foreign)[0] == 404
    assert call(client, operation, foreign) == call(client, operation, MISSING)


@pytest.mark.parametrize(
    ("operation", "ref"),
    portion(crossed(NAMED, ["x", "%00", "RUN-%E2%80%AE", "-1", "1e9"]), 2),
    ids=lambda each: str(each[0]),
)
def test_a_reference_that_can_not_be_one_is_answered_like_a_missing_one(
    operation: tuple[str, str, str], ref: str, caller: Caller
) -> None:
    client = caller("operator", "senior-support", "governance-owner", "workspace-administrator")
    odd = dict.fromkeys(MISSING, ref)
    assert call(client, operation, odd) == call(client, operation, MISSING)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation[0])
def test_without_token_or_session_nothing_is_answered(operation: tuple[str, str, str], db: None) -> None:
    if operation[0] == "deliver_task":
        pytest.skip("pushed tasks are signed: tests/integration/api/test_webhook.py")
    status, body = call(Client(), operation, MISSING)
    assert (status, b"unauthenticated" in body) == (401, True)


# Who administers a workspace may do these; the others are refused them in test_doors.py.
ADMINISTERED = {
    "revoke_token",
    "confirm_passkey",
    "remove_passkey",
    "change_tenant",
    "close_tenant",
    "reopen_tenant",
    "list_holds",
    "list_erasures",
}
ADMINISTERED |= {"set_hold", "ask_to_lift_hold", "lift_hold", "preview_erasure", "ask_erasure", "get_erasure"}
ADMINISTERED |= {"withdraw_erasure", "confirm_erasure"}


@pytest.mark.parametrize(
    "operation", portion([op for op in NAMED if op[0] not in ADMINISTERED], 2), ids=lambda operation: operation[0]
)
def test_in_scope_without_the_capability_is_denied_and_audited(
    operation: tuple[str, str, str], foreign: dict[str, str], caller: Caller
) -> None:
    other = queries.command_line("other")
    client = caller("workspace-administrator", by=other)
    assert call(client, operation, foreign)[0] == 403
    event = AuditEvent.objects.get(event="access.denied")
    assert (event.outcome, event.workspace_id) == ("denied", other.workspace_id)


@pytest.mark.parametrize("operation", OPEN, ids=lambda operation: operation[0])
def test_an_unnamed_operation_without_the_capability_is_denied_and_audited(
    operation: tuple[str, str, str], estate: Runs, caller: Caller
) -> None:
    task = estate.task()
    whole = {"key": task.key, "runbook": task.runbook, "version": 1, "payload": dict(task.payload)}
    BODIES.update(start_run=whole, preview_run=whole)
    assert call(caller("workspace-administrator"), operation, {})[0] == 403
    assert AuditEvent.objects.filter(event="access.denied").count() == 1


def test_another_tenants_task_key_tells_nothing_of_its_run(estate: Runs, board: object, caller: Caller) -> None:
    theirs = estate.start("TASK-7")
    rows.tenant(estate.workspace, key="ten_two")
    client = caller("operator", tenants=["ten_two"])

    def post(tenant: str) -> tuple[int, bytes]:
        payload = {"tenant_id": tenant, "switch_id": "s1"}
        body = {"key": "TASK-7", "runbook": "flip-switch", "version": 1, "payload": payload}
        response = client.post("/api/v1/runs", body, content_type="application/json")
        return response.status_code, response.content

    assert post("ten_one") == post("ten_none")
    assert post("ten_one")[0] == 404
    status, content = post("ten_two")
    assert (status, theirs.ref.encode() in content) == (201, False)


def test_an_unknown_address_is_answered_like_a_missing_thing(caller: Caller) -> None:
    client = caller("operator")
    assert client.get("/api/v1/nothing").content == client.get("/api/v1/runs/RUN-ZZZZZZZZZZ").content


def test_a_removed_members_token_opens_nothing(caller: Caller, operator: object) -> None:
    client = caller("operator")
    access.change_member(email="member0@example.com", by=operator, is_active=False)
    assert client.get("/api/v1/runs").status_code == 401
