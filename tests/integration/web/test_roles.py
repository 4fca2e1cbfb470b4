"""Every page as every role: shown with the capability, refused and audited without it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access import capabilities
from handrail.access import queries as access
from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from tests.factories.installation import Installation
from tests.factories.web import Web
from tests.integration.web.urlmap import inside
from tests.lanes import portion

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    """One for the whole module: each test undoes what it does to it."""
    return Installation.named("Northwind").web


C = Capability
NEEDS: dict[str, Capability | None] = {
    "admin": None,
    "admin/find": None,
    "admin/workspaces": None,
    "admin/tokens": None,
    "admin/sessions": None,
    "admin/factors": None,
    "admin/factors/passkeys/add": None,
    "admin/factors/app": None,
    "admin/members/<member>/keys": C.MEMBER_VIEW,
    "admin/notifications": None,
    "admin/notifications/sent": C.EXCEPTION_VIEW,
    "admin/members": C.MEMBER_VIEW,
    "admin/members/<member>/sessions": C.MEMBER_MANAGE,
    "admin/tenants": C.TENANT_VIEW,
    "admin/t/<tenant>": C.TENANT_VIEW,
    "admin/operations": C.RUN_VIEW,
    "admin/operations/start": C.RUN_PREVIEW,
    "admin/operations/start/tenants": C.RUN_PREVIEW,
    "admin/reviews": C.RUN_REVIEW,
    "admin/operations/<run>": C.RUN_VIEW,
    "admin/operations/<run>/live": C.RUN_VIEW,
    "admin/waves": C.RUN_VIEW,
    "admin/waves/start": C.WAVE_START,
    "admin/waves/<wave>": C.RUN_VIEW,
    "admin/waves/<wave>/live": C.RUN_VIEW,
    "admin/brakes": C.RUN_VIEW,
    "admin/exceptions": C.EXCEPTION_VIEW,
    "admin/exceptions/<exception>": C.EXCEPTION_VIEW,
    "admin/packets": C.PACKET_VIEW,
    "admin/packets/assemble": C.PACKET_ASSEMBLE,
    "admin/packets/preview": C.PACKET_ASSEMBLE,
    "admin/packets/<packet>": C.PACKET_VIEW,
    "admin/packets/<packet>/live": C.PACKET_VIEW,
    "admin/packets/<packet>/document": C.PACKET_VIEW,
    "admin/packets/<packet>/annex": C.PACKET_VIEW,
    "admin/packets/<packet>/original": C.PACKET_APPROVE,
    "admin/packets/<packet>/package": C.PACKET_RELEASE,
    "admin/lanes/<lane>/recalls": C.PACKET_RELEASE,
    "admin/packets/<packet>/picture": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/picture/drawn": C.PACKET_CLEAR_HOLD,
    "admin/tenants/keeping/<tenant>": C.TENANT_VIEW,
    "admin/definitions": C.DEFINITION_VIEW,
    "admin/definitions/propose": C.DEFINITION_PROPOSE,
    "admin/definitions/<definition>": C.DEFINITION_VIEW,
    "admin/exceptions/<exception>/follow-up": C.EXCEPTION_VIEW,
    "admin/audit": C.AUDIT_VIEW,
    "admin/audit/record": C.AUDIT_VIEW,
    "admin/audit/proofs/event/<event>": C.AUDIT_VIEW,
    "admin/audit/proofs/packet/<packet>": C.PACKET_VIEW,
    "admin/evaluation": C.EVALUATION_VIEW,
}
# Another capability that opens the page as well.
AS_WELL = {"admin/packets/<packet>/original": C.PACKET_CLEAR_HOLD}
# Of a revision that is being assembled there is nothing to take away yet.
NOTHING_YET = {"admin/packets/<packet>/document", "admin/packets/<packet>/package"} | {
    *("admin/packets/<packet>/annex", "admin/packets/<packet>/original"),
    *("admin/packets/<packet>/picture", "admin/packets/<packet>/picture/drawn"),
    *("admin/audit/proofs/event/<event>", "admin/audit/proofs/packet/<packet>"),
}
# These take only POST, of one's own.
OWN = {
    "admin/factors/passkeys/begin",
    "admin/factors/passkeys/<key>/rename",
    "admin/factors/passkeys/<key>/remove",
    "admin/factors/app/remove",
    "admin/factors/codes",
}
# These take only POST.
CHANGES: dict[str, Capability] = {
    "admin/tenants/rename": C.TENANT_MANAGE,
    "admin/tenants/close": C.TENANT_MANAGE,
    "admin/tenants/reopen": C.TENANT_MANAGE,
    "admin/tenants/hold": C.TENANT_HOLD,
    "admin/tenants/hold/ask-to-lift": C.TENANT_HOLD,
    "admin/tenants/hold/lift": C.TENANT_HOLD,
    "admin/tenants/erase": C.TENANT_ERASE,
    "admin/tenants/erase/withdraw": C.TENANT_ERASE,
    "admin/tenants/erase/confirm": C.TENANT_ERASE,
    "admin/members/<member>/keys/<key>/confirm": C.MEMBER_MANAGE,
    "admin/members/<member>/keys/<key>/remove": C.MEMBER_MANAGE,
    "admin/members/second-factor": C.MEMBER_MANAGE,
    "admin/tokens/<token>/revoke": C.MEMBER_MANAGE,  # another member's
    "admin/operations/<run>/cancel": C.RUN_CANCEL,
    "admin/operations/<run>/stop": C.RUN_STOP,
    "admin/operations/<run>/found-wrong": C.EXCEPTION_RESOLVE,
    "admin/operations/<run>/review": C.RUN_REVIEW,
    "admin/notifications/<notice>/redeliver": C.RUN_START,
    "admin/messages/<message>/redeliver": C.RUN_START,
    "admin/waves/<wave>/pause": C.RUN_PAUSE,
    "admin/waves/<wave>/resume": C.RUN_PAUSE,
    "admin/waves/<wave>/abandon": C.RUN_PAUSE,
    "admin/brakes/pause": C.RUN_PAUSE,
    "admin/brakes/close": C.RUN_PAUSE,
    "admin/brakes/<brake>/resume": C.RUN_PAUSE,
    "admin/exceptions/<exception>/take": C.EXCEPTION_TAKE,
    "admin/exceptions/take": C.EXCEPTION_TAKE,
    "admin/exceptions/resolve": C.EXCEPTION_RESOLVE,
    "admin/exceptions/<exception>/note": C.EXCEPTION_TAKE,
    "admin/exceptions/<exception>/hand-back": C.EXCEPTION_TAKE,
    "admin/exceptions/<exception>/assign": C.EXCEPTION_TAKE,
    "admin/exceptions/<exception>/read-again": C.EXCEPTION_TAKE,
    "admin/exceptions/<exception>/resolve": C.EXCEPTION_RESOLVE,
    "admin/packets/<packet>/again": C.PACKET_ASSEMBLE,
    "admin/packets/<packet>/clear": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/mask": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/seen": C.PACKET_APPROVE,
    "admin/packets/<packet>/redact": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/attest": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/approve": C.PACKET_APPROVE,
    "admin/packets/<packet>/sign": C.PACKET_APPROVE,
    "admin/packets/<packet>/reject": C.PACKET_APPROVE,
    "admin/packets/<packet>/withdraw": C.PACKET_WITHDRAW,
    "admin/packets/<packet>/recall": C.PACKET_WITHDRAW,
    "admin/packets/<packet>/settle": C.PACKET_CLEAR_HOLD,
    "admin/packets/<packet>/discard": C.PACKET_ASSEMBLE,
    "admin/packets/<packet>/release": C.PACKET_RELEASE,
    "admin/packets/<packet>/upload-address": C.PACKET_RELEASE,
    "admin/packets/<packet>/arrival": C.PACKET_RELEASE,
    "admin/definitions/<definition>/approve": C.DEFINITION_DECIDE,
    "admin/definitions/<definition>/sign": C.DEFINITION_DECIDE,
    "admin/definitions/<definition>/reject": C.DEFINITION_DECIDE,
    "admin/definitions/<definition>/deprecate": C.DEFINITION_DECIDE,
    "admin/definitions/<definition>/request-return": C.DEFINITION_PROPOSE,
    "admin/definitions/<definition>/bring-back": C.DEFINITION_DECIDE,
    "admin/audit/export": C.AUDIT_EXPORT,
}
ROUTES = {route.path: route for route in inside()}


def test_every_route_says_what_it_needs() -> None:
    assert set(ROUTES) == set(NEEDS) | set(CHANGES) | OWN


@pytest.mark.parametrize(("path", "role"), portion(itertools.product(NEEDS, Role), 3))
def test_page_follows_the_capability(house: Web, as_role: Callable[..., Client], path: str, role: Role) -> None:
    needed = NEEDS[path]
    worker = access.worker("worker-1", house.workspace.pk)
    record(EventName.RUN_RECEIVED, by=worker, subject_kind="run", subject="s", tenant_id=house.tenant.pk)  # not sealed
    response = as_role(role).get(ROUTES[path].url(house.ids()), follow=True)
    denials = AuditEvent.objects.filter(event="access.denied")
    if needed is None or {needed, AS_WELL.get(path)} & set(BUNDLES[role]):
        assert response.status_code == (409 if path in NOTHING_YET else 200)
        assert not denials.exists()
    else:
        assert response.status_code == 403
        body = response.content.decode()
        assert capabilities.needed(needed) in body  # the roles that would do,
        assert needed not in body  # never the capability's own name
        assert [(d.subject, d.workspace_id) for d in denials] == [(needed, house.workspace.pk)]


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize(
    ("path", "role"),
    portion(((path, role) for path in CHANGES for role in Role if CHANGES[path] not in BUNDLES[role]), 3),
)
def test_change_without_the_capability_is_refused_and_audited(
    house: Web, as_role: Callable[..., Client], path: str, role: Role
) -> None:
    ids = house.ids()
    form = {"tenant": ids["tenant"], "ref": ids["hold" if "/hold/" in path else "erasure"]}
    response = as_role(role).post(ROUTES[path].url(ids), form)
    assert response.status_code == 403
    assert AuditEvent.objects.filter(event="access.denied", subject=CHANGES[path]).count() == 1


@pytest.mark.parametrize("role", Role)
def test_navigation_offers_only_what_opens(house: Web, as_role: Callable[..., Client], role: Role) -> None:
    client = as_role(role)
    body = client.get("/admin").content.decode()
    for path in (
        "admin/operations",
        "admin/exceptions",
        "admin/packets",
        "admin/definitions",
        "admin/audit",
        "admin/evaluation",
    ):
        needed = NEEDS[path]
        assert (f'<li><a href="/{path}"' in body) == (needed in BUNDLES[role])


# Pages of a workspace that are never empty, and a part of a page.
HAVE_SOMETHING = {
    *("admin/workspaces", "admin/sessions", "admin/members", "admin/audit", "admin/audit/record"),
    *("admin/operations/start/tenants", "admin/definitions/propose"),
    *("admin/notifications", "admin/factors/passkeys/add", "admin/factors/app"),
}


@pytest.mark.parametrize("path", [p for p in NEEDS if "<" not in p])
def test_empty_workspace_says_what_will_come(db: None, enter: Callable[..., Client], path: str) -> None:
    from tests.factories import rows

    client = enter(rows.member(rows.workspace("Empty"), *Role))
    response = client.get(f"/{path}")
    assert response.status_code == 200
    if path not in HAVE_SOMETHING:
        assert 'class="empty"' in response.content.decode()
