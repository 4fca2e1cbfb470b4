"""A tenant with a run, the people around it, and a small desk to hand requests to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.models import Tenant
from handrail.connectors import desk as desks
from handrail.connectors.desk import Desk, DeskConfig
from handrail.kernel.clock import now
from handrail.kernel.ids import Prefix, new_ref
from handrail.kernel.secrets import Secrets
from handrail.runbooks.models import OperationRun
from handrail.support import settings
from handrail.support.actions import support_requests
from handrail.support.actions.support_requests import Submitted
from handrail.support.input import SupportRequestInput
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffMode
from tests.factories import rows

SECTION: dict[str, Any] = {
    "name": "Example Desk",
    "base_url": "http://127.0.0.1:9",
    "auth": {"kind": "bearer", "secret": "env:TOKEN"},
    "reference_pattern": "T-[0-9]{1,6}",
    "reference_example": "T-12",
    "create": {
        "path": "/tickets",
        "body": {"title": "{subject}", "text": "{body}", "key": "{reference}", "page": "{page_url}"},
        "reference": "/key",
    },
    "web": {"url": "{base_url}/t/{reference}"},
    "link": {"urls": ["{base_url}/t/{reference}"]},
    "check": [{"path": "/me"}],
}
TOKEN = "canary-desk-token"
_number = itertools.count(1)


@dataclass(frozen=True)
class Support:
    tenant: Tenant
    run: OperationRun
    operator: Actor
    auditor: Actor
    administrator: Actor

    def submit(self, **given: Any) -> Submitted:
        """A request by the operator, from the tenant unless ``run`` is given, with a key of its own unless told."""
        place = {} if "run" in given or "tenant" in given else {"tenant": self.tenant.key}
        named = {"by": self.operator, "submission_key": f"form-{next(_number):06}", **place}
        named |= {name: given.pop(name) for name in ("by", "submission_key", "tenant", "run") if name in given}
        parsed = SupportRequestInput.parse({"summary": "Roles are missing", **given})
        return support_requests.submit(given=parsed, **named)

    def outsider(self) -> Actor:
        """An operator of the same workspace, entitled to another tenant only."""
        other = rows.tenant(self.tenant.workspace, name="Neighbour Ltd")
        return access.actor_for(rows.member(self.tenant.workspace, Role.OPERATOR, tenants=[other]))


def unfinished(tenant: Tenant, **given: Any) -> SupportRequest:
    """A request made directly: one that waits for its finalization unless told otherwise."""
    at = now()
    fields = {
        "ref": new_ref(Prefix.SUPPORT_REQUEST),
        "workspace_id": tenant.workspace_id,
        "tenant": tenant,
        "initiator": "ana@example.com",
        "primary_context": "tenant",
        "attachment_mode": "redacted_context",
        "severity": "normal",
        "summary": "Roles are missing",
        "contact_name": "Ana",
        "contact_email": "ana@example.com",
        "context_envelope": {"tenant": {"key": tenant.key, "name": tenant.name}, "recent_runs": []},
        "submission_key": new_ref(Prefix.SUPPORT_REQUEST),
        "content_digest": "sha256:0",
        "created_at": at,
        "updated_at": at,
        "handoff_deadline_at": at + timedelta(seconds=7),
        "external_handoff_mode": HandoffMode.CREATE,
        **given,
    }
    return SupportRequest.objects.create(**fields)


def open_desk(**own: Any) -> Desk:
    """The small desk, with keys of your own over its section."""
    return Desk(DeskConfig.model_validate({**SECTION, **own}), Secrets({"TOKEN": TOKEN}))


@contextmanager
def desk_at(url: str, *, at_once: int = 100, repeats: int = 100, **own: Any) -> Iterator[Desk]:
    """Handrail with the small desk at ``url`` as its one desk."""
    desk = open_desk(base_url=url, **own)
    with desks.use(desk), settings.use(settings.SupportSettings(concurrent_calls=at_once, concurrent_repeats=repeats)):
        yield desk
    desk.close()
