"""The shipped runbooks on the practice estate: where they stop, and what was done outside until then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from handrail.connectors import registry
from handrail.kernel.clock import after
from handrail.kernel.secrets import Secrets
from handrail.runbooks import timing
from handrail.runbooks.actions import runs
from handrail.runbooks.delegated import IncomingTask
from handrail.runbooks.models import CompletionRecord, ExceptionPacket, OperationRun, RetryLedgerEntry
from handrail.runbooks.states import RUN
from handrail.runbooks.timing import Timing
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.scenarios import SCENARIOS
from handrail.sandbox.server import Sandbox
from tests.factories.installation import Installation

RUNBOOKS = Path(__file__).parents[3] / "definitions" / "runbooks"
SYSTEMS = (
    ("tasks", "rest", "", "tasks"),
    ("registry", "rest", "/registry", "registry"),
    ("entitlements", "rest", "", "entitlements"),
    ("credentials", "rest", "", "credentials"),
    ("sync-jobs", "jobs", "", "sync-jobs"),
    ("roles", "scim", "/scim/v2", "roles"),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass
class Practice:
    sandbox: Sandbox
    workspace: str = "acme"

    def ended(self, name: str) -> OperationRun:
        """The run of the scenario's task, when it has ended; verification looks for a second at most."""
        world = self.sandbox.estate.world
        key, task = next((key, task) for key, task in world.tasks.items() if task["scenario"] == name)
        text = (RUNBOOKS / f"{BY_NAME[name].runbook}.yaml").read_text(encoding="utf-8")
        text = text.replace("within: 8s", "within: 1s")
        made = Installation(text, tenant=BY_NAME[name].tenant, workspace=self.workspace)
        given = IncomingTask(key, task["runbook"], task["runbook_version"], task["payload"])
        run = OperationRun.objects.get(ref=runs.start(task=given, by=made.worker).ref)
        for _ in range(20):
            if run.state in RUN.terminal:
                break
            OperationRun.objects.filter(pk=run.pk).update(due_at=after(0))
            made.runs.advance(run)
        return run


@contextmanager
def practising(sandbox: Sandbox, *, workspace: str = "acme") -> Iterator[Practice]:
    """Handrail connected to the systems of ``sandbox``, as the demo connects it."""
    sections = {
        name: {"kind": kind, "base_url": sandbox.url + path, "auth": {"kind": "bearer", "secret": f"env:{token}"}}
        for name, kind, path, token in SYSTEMS
    }
    made = registry.Registry.build(registry.parse(sections), Secrets(PRACTICE_TOKENS))
    with registry.use(made), timing.use(Timing(short_wait_seconds=60, in_process_wait_seconds=60)):
        yield Practice(sandbox, workspace)


@pytest.fixture
def practice(db: None) -> Iterator[Practice]:
    with Sandbox() as sandbox, practising(sandbox) as practice:
        yield practice


def assert_stopped(run: OperationRun, cause: str, reason: str, attempts: int) -> None:
    packet = ExceptionPacket.objects.get(run=run)
    assert (packet.cause, packet.reason) == (cause, reason)
    assert RetryLedgerEntry.objects.get(run=run).attempts == attempts
    assert not CompletionRecord.objects.filter(run=run).exists()


def assert_nothing_was_done(practice: Practice, run: OperationRun) -> None:
    assert practice.sandbox.estate.effects.entries(tenant=run.tenant.key) == []
    assert run.tenant.key in practice.sandbox.estate.world.tenants


@pytest.mark.requirement("R2-03", "R2-10")
@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("wrong-tenant", "tenant-mismatch"),
        ("version-mismatch", "runbook-version-mismatch"),
        ("admin-not-designated", "admin-not-designated"),
    ],
)
def test_task_whose_prerequisites_conflict_stops_before_the_job(practice: Practice, scenario: str, reason: str) -> None:
    run = practice.ended(scenario)
    assert_stopped(run, "prerequisite", reason, 0)
    assert_nothing_was_done(practice, run)


@pytest.mark.requirement("R2-03", "R2-11", "R2-19")
@pytest.mark.parametrize(
    ("scenario", "reason"),
    [("tier-mismatch", "tier-mismatch"), ("contract-mapping", "role-mapping-needs-interpretation")],
)
def test_question_of_pricing_or_contract_stops_at_the_boundary(practice: Practice, scenario: str, reason: str) -> None:
    run = practice.ended(scenario)
    assert_stopped(run, "boundary", reason, 0)
    assert_nothing_was_done(practice, run)


@pytest.mark.requirement("R2-16", "R2-19")
def test_next_step_that_needs_the_customer_stops_at_the_boundary(practice: Practice) -> None:
    run = practice.ended("rotation-customer-managed")
    assert_stopped(run, "boundary", "customer-contact-needed", 0)
    assert_nothing_was_done(practice, run)


@pytest.mark.requirement("R2-08", "R2-14", "R2-19")
@pytest.mark.parametrize(
    ("scenario", "cause", "reason"),
    [
        ("no-effect", "verification-failed", "role-absent"),
        ("marker-missing", "verification-failed", "audit-marker-absent"),
        ("tier-changed-meanwhile", "boundary", "tier-changed"),
        ("broader-role", "boundary", "broader-grant"),
    ],
)
def test_job_that_says_done_is_not_believed(practice: Practice, scenario: str, cause: str, reason: str) -> None:
    assert_stopped(practice.ended(scenario), cause, reason, 1)


@pytest.mark.requirement("R2-01", "R2-08", "R2-22")
def test_prequalified_task_completes_with_what_the_runbook_names(practice: Practice) -> None:
    run = practice.ended("happy")
    assert set(run.task) == {"ticket", "tenant_id", "admins", "role", "product_tier", "retry_budget"}
    assert (run.runbook, run.task_version, run.retry_limit) == ("entitlement-resync", 5, 3)
    record = CompletionRecord.objects.get(run=run)
    assert set(record.fields) == {
        "task.ticket",
        "task.tenant_id",
        "task.role",
        "task.admins",
        "entitlement.audit_marker",
    }
    assert record.fields["entitlement.audit_marker"].startswith("resync:")
    assert len(practice.sandbox.estate.effects.entries(tenant=run.tenant.key, service="sync-jobs")) == 1
