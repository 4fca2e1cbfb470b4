"""A process killed between the internal row and its finalization: the row stays, and reads as outcome unknown."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from handrail.access import queries as access
from handrail.audit.models import AuditEvent
from handrail.support import queries
from handrail.support.actions import support_requests
from handrail.support.input import SupportRequestInput
from handrail.support.models import SupportRequest
from handrail.support.states import HandoffMode, HandoffOutcome
from tests import databases
from tests.factories import forks
from tests.factories.installation import Installation
from tests.factories.support import Support, desk_at
from tests.factories.switches import RUNBOOK
from tests.unit.connectors.peers import Peer, hear_then_hang, peer

BUDGET_SECONDS = 1.0
KEY = "the-killed-form"

CONFIG = """
[desk]
name = "Example Desk"
base_url = "{url}"
budget_seconds = {budget}
reference_pattern = "T-[0-9]+"
reference_example = "T-12"
create = {{ path = "/tickets", body = {{ title = "{{subject}}" }}, reference = "/key" }}
check = [{{ path = "/me" }}]
"""


@pytest.mark.requirement("H-03", "H-42")
def test_killed_while_the_desk_is_asked_keeps_the_request(committed_db: str, tmp_path: Path) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    with peer(hear_then_hang) as server:
        process = start_victim(house, server, committed_db, tmp_path)
        try:
            wait_until(lambda: bool(server.requests), what="the desk was asked")
        finally:
            process.kill()
        assert process.code == -signal.SIGKILL
        row = SupportRequest.objects.get()
        assert row.external_ticket_reference is None
        assert row.external_handoff_failure_summary is None
        assert row.ref.encode() in server.requests[0]
        wait_until(lambda: seen(house).outcome is not HandoffOutcome.UNDER_WAY, what="its deadline passed")
    assert_reads_as_unknown(house, row)
    assert_submitting_again_calls_nobody(house, row)


def start_victim(house: Support, server: Peer, database: str, directory: Path) -> forks.Process:
    config = directory / "handrail.toml"
    config.write_text(CONFIG.format(url=server.url, budget=BUDGET_SECONDS))
    environment = {
        **os.environ,
        "HANDRAIL_CONFIG": str(config),
        "HANDRAIL_STATE_DIR": str(directory),
        "DATABASE_URL": databases.as_serving(database),
        "DJANGO_SETTINGS_MODULE": "handrail.conf.settings",
    }
    return forks.start(Path(__file__).with_name("victim.py"), house.tenant.key, KEY, env=environment)


def seen(house: Support) -> queries.Handoff:
    latest = queries.latest_for_tenant(house.operator, house.tenant.key)
    assert latest is not None
    return latest


def assert_reads_as_unknown(house: Support, row: SupportRequest) -> None:
    latest = seen(house)
    assert (latest.ref, latest.outcome) == (row.ref, HandoffOutcome.UNKNOWN)
    assert f"Look for {row.ref}" in (latest.failure or "")
    assert [event.event for event in AuditEvent.objects.filter(subject=row.ref)] == ["support_request.created"]


def assert_submitting_again_calls_nobody(house: Support, row: SupportRequest) -> None:
    with peer(hear_then_hang) as other, desk_at(other.url):
        again = support_requests.submit(
            by=access.command_line(house.tenant.workspace.slug),
            tenant=house.tenant.key,
            submission_key=KEY,
            given=SupportRequestInput(
                summary="Roles are missing",
                mode=HandoffMode.CREATE,
                contact_name="Ana",
                contact_email="ana@example.com",
            ),
        )
        assert other.connections == 0
    assert (again.repeated, again.handoff.ref, again.handoff.outcome) == (True, row.ref, HandoffOutcome.UNKNOWN)
    assert SupportRequest.objects.count() == 1


def wait_until(true: Callable[[], bool], *, what: str, seconds: float = 60.0) -> None:
    """Polls until ``true``; fails the test after ``seconds``, a bound far above what is expected."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.05)
