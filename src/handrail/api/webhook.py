"""The task system pushes tasks: signed and replay-protected by Standard Webhooks (https://www.standardwebhooks.com)."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router, Status
from standardwebhooks.webhooks import Webhook

from handrail.access import queries as access
from handrail.api import body, problems
from handrail.api.fields import REFUSALS
from handrail.kernel import scope
from handrail.kernel.clock import now
from handrail.kernel.errors import Fault, HandrailError, Invalid
from handrail.kernel.secrets import Secret
from handrail.runbooks import task_system
from handrail.runbooks.actions import messages
from handrail.runbooks.actions.messages import Delivered
from handrail.runbooks.actions.runs import IntakePaused
from handrail.runbooks.task_system import TaskSystem

router = Router()
BODY_LIMIT = 256 * 1024
ID_LIMIT = 128
TOLERANCE = timedelta(minutes=5)
DELEGATED = "task.delegated"
PAUSED = "The intake is paused: no new run begins. Send this message again later."
RETRY_AFTER = "60"
UNSIGNED = "The message is not signed with this installation's webhook secret, or too old."


# The body is read raw, since the signature is over its bytes: what it holds is declared here for the OpenAPI document.
HEADERS = {
    "webhook-id": "The message's id. A repeated id is acknowledged and has no effect.",
    "webhook-timestamp": "When it was sent, in seconds since 1970; at most five minutes off.",
    "webhook-signature": "v1,BASE64 of HMAC-SHA256 over id.timestamp.body. https://www.standardwebhooks.com",
}
MESSAGE = {
    "type": "object",
    "required": ["type", "data"],
    "properties": {
        "type": {"const": DELEGATED},
        "data": {"type": "object", "description": "The task as the task system sends it; [tasks] maps its fields."},
    },
}
EXAMPLE = {
    "type": DELEGATED,
    "data": {"id": "TASK-1", "runbook": "entitlement-resync", "runbook_version": 5, "payload": {}},
}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "required": True, "description": description, "schema": {"type": "string"}}


class Unsigned(HandrailError):
    status = 401
    code = "unsigned"


@router.post(
    "/tasks",
    auth=None,
    response={202: Delivered, **REFUSALS},
    operation_id="deliver_task",
    openapi_extra={
        "parameters": [_header(name, text) for name, text in HEADERS.items()],
        "requestBody": {"required": True, "content": {"application/json": {"schema": MESSAGE, "example": EXAMPLE}}},
    },
)
def deliver_task(request: HttpRequest) -> Status[Delivered] | HttpResponse:
    """One delegated task as ``{"type": "task.delegated", "data": {…}}``, signed with its system's webhook_secret.

    Answers 202 for what was started, for what was refused (and recorded), and for a message that came before; 503
    with Retry-After while the intake is paused: send the message again.
    """
    signing = [(one, one.webhook_secret) for one in task_system.known() if one.webhook_secret is not None]
    if not signing:
        raise Unsigned(UNSIGNED)
    data = body.read(request, limit=BODY_LIMIT)
    message_id, system = _verified(request, data, signing)
    item = _delegated(body.parse(data))
    who = access.worker("task-webhook", access.get_workspace(system.workspace).pk)
    with scope.entered(who.scope):
        try:
            return Status(202, messages.deliver(message_id=message_id, item=item, by=who))
        except IntakePaused:
            return problems.problem(503, IntakePaused.code, PAUSED, headers={"Retry-After": RETRY_AFTER})


def _verified(
    request: HttpRequest, data: bytes, signing: Sequence[tuple[TaskSystem, Secret]]
) -> tuple[str, TaskSystem]:
    """The message's id, and whose it is: each task system signs with a secret of its own. Raises Unsigned unless a
    current signature over exactly these bytes is there."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    message_id, sent_at, signatures = (request.headers.get(name, "") for name in names)
    try:
        at = datetime.fromtimestamp(float(sent_at), tz=UTC)
        # The library's own check goes by this machine's clock, which need not be right.
        known = 0 < len(message_id) <= ID_LIMIT and abs(now() - at) <= TOLERANCE
        text = data.decode()
        expected = [(one, Webhook(secret.reveal()).sign(message_id, at, text).encode()) for one, secret in signing]
    except (ValueError, OverflowError, OSError):
        raise Unsigned(UNSIGNED) from None  # a timestamp that is none, or a body that is not UTF-8
    given = [one.encode() for one in signatures.split(" ")]
    found = [one for one, signature in expected if any(hmac.compare_digest(signature, each) for each in given)]
    if not known or len(found) != 1:
        raise Unsigned(UNSIGNED)
    return message_id, found[0]


def _delegated(message: Any) -> Any:
    if not isinstance(message, dict) or message.get("type") != DELEGATED or "data" not in message:
        fault = Fault("type", f'expected "{DELEGATED}", with the task in data')
        raise Invalid("Handrail does not expect this message.", code="message-malformed", faults=[fault])
    return message["data"]
