"""What is shown of requests, to whom, and how a request that nobody finished reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handrail.access import queries as access
from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.connectors import desk as desks
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied, NotFound
from handrail.support import permissions, queries
from handrail.support.states import HandoffMode, HandoffOutcome, PrimaryContext, outcome
from tests.factories import rows
from tests.factories.support import Support, desk_at, open_desk
from tests.unit.support.test_database import row


@pytest.mark.requirement("H-09", "H-22")
def test_latest_for_tenant_is_the_newest_raised_from_the_tenant(house: Support) -> None:
    house.submit()
    newest = house.submit().handoff
    house.submit(run=house.run.ref)
    assert queries.latest_for_tenant(house.operator, house.tenant.key) == newest


@pytest.mark.requirement("H-22")
def test_latest_for_run_is_the_newest_of_that_run(house: Support) -> None:
    newest = house.submit(run=house.run.ref).handoff
    house.submit()
    other = rows.run(house.tenant, house.run.definition)
    assert queries.latest_for_run(house.operator, house.run.ref) == newest
    assert queries.latest_for_run(house.operator, other.ref) is None


@pytest.mark.requirement("H-22")
@pytest.mark.parametrize(("place", "index"), [("tenant", "support_tenant_recent"), ("run", "support_run_recent")])
def test_latest_is_found_by_the_index_of_its_place(house: Support, place: str, index: str) -> None:
    latest, key = {
        "tenant": (queries.latest_for_tenant, house.tenant.key),
        "run": (queries.latest_for_run, house.run.ref),
    }[place]
    with CaptureQueriesContext(connection) as captured:
        latest(house.operator, key)
    (asked,) = [query["sql"] for query in captured if 'FROM "support_supportrequest"' in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")  # so few rows need no index
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"using {index} " in plan


def test_latest_is_none_before_the_first_request(house: Support) -> None:
    assert queries.latest_for_tenant(house.operator, house.tenant.key) is None


def test_latest_outside_the_scope_is_not_found(house: Support) -> None:
    house.submit()
    house.submit(run=house.run.ref)
    outsider = house.outsider()
    with pytest.raises(NotFound):
        queries.latest_for_tenant(outsider, house.tenant.key)
    with pytest.raises(NotFound):
        queries.latest_for_run(outsider, house.run.ref)


@pytest.mark.parametrize("role", [role for role in Role if Capability.SUPPORT_REQUEST not in BUNDLES[role]])
def test_latest_without_the_capability_is_denied(house: Support, role: Role) -> None:
    house.submit()
    member = access.actor_for(rows.member(house.tenant.workspace, role))
    for latest, key in ((queries.latest_for_tenant, house.tenant.key), (queries.latest_for_run, house.run.ref)):
        with pytest.raises(Denied) as caught:
            latest(member, key)
        assert caught.value.capability == "support:request"


def test_latest_of_an_unfinished_request_is_under_way_until_its_deadline(house: Support) -> None:
    row(house)
    latest = queries.latest_for_tenant(house.operator, house.tenant.key)
    assert latest is not None
    assert (latest.outcome, latest.failure) == (HandoffOutcome.UNDER_WAY, None)


@pytest.mark.requirement("H-13")
def test_latest_of_an_abandoned_request_is_unknown_and_writes_nothing(house: Support) -> None:
    made = row(house, handoff_deadline_at=now() - timedelta(seconds=1))
    latest = queries.latest_for_tenant(house.operator, house.tenant.key)
    assert latest is not None
    assert latest.outcome is HandoffOutcome.UNKNOWN
    assert latest.failure is not None
    assert f"Look for {made.ref}" in latest.failure
    made.refresh_from_db()
    assert made.external_handoff_failure_summary is None


@pytest.mark.parametrize(
    ("mode", "reference", "failure", "expected"),
    [
        (HandoffMode.INTERNAL_ONLY, None, None, HandoffOutcome.NOT_ASKED),
        (HandoffMode.LINK, "T-1", None, HandoffOutcome.LINKED),
        (HandoffMode.CREATE, "T-1", None, HandoffOutcome.CREATED),
        (HandoffMode.CREATE, None, "It failed. No ticket was created.", HandoffOutcome.FAILED),
        (HandoffMode.CREATE, None, "Slow. Outcome unknown: a ticket may exist.", HandoffOutcome.UNKNOWN),
    ],
)
def test_outcome_follows_from_the_row(
    mode: HandoffMode, reference: str | None, failure: str | None, expected: HandoffOutcome
) -> None:
    late = now()
    for deadline_at in (late - timedelta(days=1), late + timedelta(days=1)):
        assert outcome(mode, reference=reference, failure=failure, deadline_at=deadline_at, at=late) is expected


@pytest.mark.requirement("H-02", "H-15")
def test_panel_shows_what_the_page_needs(house: Support) -> None:
    latest = house.submit(run=house.run.ref).handoff
    with desk_at("http://127.0.0.1:9"):
        panel = queries.panel_for_run(house.operator, house.run.ref)
    assert (panel.primary_context, panel.latest, panel.why_not_request) == (
        PrimaryContext.OPERATION_RUN,
        latest,
        None,
    )
    assert panel.desk == queries.DeskSummary("Example Desk", "T-12", "http://127.0.0.1:9", pages_hold_reference=True)
    assert panel.contact == queries.Contact(house.operator.name, house.operator.name)
    assert [(choice.mode, choice.effect, choice.refusal) for choice in panel.modes] == [
        (HandoffMode.INTERNAL_ONLY, "Handrail only", None),
        (HandoffMode.CREATE, "Handrail + external support desk", None),
        (HandoffMode.LINK, "Handrail only", None),
    ]


def test_panel_without_a_desk_offers_internal_only_and_says_so(house: Support) -> None:
    panel = queries.panel_for_tenant(house.operator, house.tenant.key)
    assert not panel.desk.configured
    refused = {choice.mode for choice in panel.modes if choice.refusal}
    assert refused == {HandoffMode.CREATE, HandoffMode.LINK}
    assert panel.modes[1].refusal == permissions.why_not_mode(HandoffMode.CREATE, None)


def test_panel_without_capabilities_shows_no_summary_and_refuses_the_act(house: Support) -> None:
    house.submit()
    for member in (house.administrator, house.auditor):
        panel = queries.panel_for_tenant(member, house.tenant.key)
        assert (panel.latest, panel.own) == (None, None)
        assert panel.why_not_request is not None


def test_panel_outside_the_scope_is_not_found(house: Support) -> None:
    with pytest.raises(NotFound):
        queries.panel_for_tenant(house.outsider(), house.tenant.key)


def test_contact_prefers_the_full_name(house: Support) -> None:
    from handrail.access.models import User

    User.objects.filter(pk=house.operator.user_id).update(first_name="Ana", last_name="Example")
    assert queries.contact_of(house.operator) == queries.Contact("Ana Example", house.operator.name)


def test_desk_summary_tells_nothing_secret(house: Support) -> None:
    with desks.use(open_desk()):
        assert "canary" not in repr(queries.desk_summary())
