"""The delegated tasks of the practice estate, what goes wrong in each, and how each ought to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from handrail.sandbox.faults import FOREVER, FaultKind, ScriptedFault

ROLE = "tenant-admin"
RESYNC = "entitlement-resync"
ROTATE = "rotate-sync-credential"


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """``reason`` is None for a completed run. Attempts are counted over all steps of the run."""

    state: str
    reason: str | None
    attempts_at_least: int
    attempts_at_most: int

    def __str__(self) -> str:
        return self.state if self.reason is None else f"{self.state}:{self.reason}"


def completed(attempts: int, at_most: int | None = None) -> ExpectedOutcome:
    return ExpectedOutcome("completed", None, attempts, at_most or attempts)


def stopped(reason: str, attempts: int) -> ExpectedOutcome:
    return ExpectedOutcome("exception", reason, attempts, attempts)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One task. ``*_is`` are merged over the customer's records; ``faults`` have their subject filled in."""

    name: str
    title: str
    tenant: str
    expected: ExpectedOutcome
    runbook: str = RESYNC
    faults: tuple[tuple[str, FaultKind, Mapping[str, Any]], ...] = ()
    tenant_is: Mapping[str, Any] = field(default_factory=dict)
    entitlement_is: Mapping[str, Any] = field(default_factory=dict)
    task_is: Mapping[str, Any] = field(default_factory=dict)

    def script(self) -> list[ScriptedFault]:
        return [
            ScriptedFault(point=point, subject=self.tenant, kind=kind, **given) for point, kind, given in self.faults
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "tenant": self.tenant,
            "runbook": self.runbook,
            "outcome": str(self.expected),
            "expected": asdict(self.expected),
        }


_START, _ACTIVATE = "sync-jobs.start", "credentials.activate"


def _behaves(behaviour: str) -> tuple[tuple[str, FaultKind, Mapping[str, Any]], ...]:
    return ((_START, FaultKind.BEHAVE, {"behaviour": behaviour}),)


def _start(kind: FaultKind, **given: Any) -> tuple[tuple[str, FaultKind, Mapping[str, Any]], ...]:
    return ((_START, kind, given),)


def _activate(kind: FaultKind, **given: Any) -> tuple[tuple[str, FaultKind, Mapping[str, Any]], ...]:
    return ((_ACTIVATE, kind, given),)


_RESYNC = (
    Scenario("happy", "Admins lost their role after sync drift", "ten_alder", completed(1)),
    Scenario("busy-once", "Job runner busy, then not", "ten_birch", completed(2), faults=_start(FaultKind.BUSY)),
    Scenario("throttled", "Job runner asks to wait", "ten_cedar", completed(2), faults=_start(FaultKind.THROTTLED)),
    Scenario(
        "timeout-after-effect",
        "The job ran, its answer never came",
        "ten_dogwood",
        completed(1, 2),
        faults=_start(FaultKind.STALL_AFTER),
    ),
    Scenario(
        "no-effect",
        "The job says done and did nothing",
        "ten_elm",
        stopped("role-absent", 1),
        faults=_behaves("no-effect"),
    ),
    Scenario(
        "partial", "The job skipped one admin", "ten_fir", stopped("ambiguous-result", 1), faults=_behaves("partial")
    ),
    Scenario(
        "unknown-word",
        "The job reports a status that nobody knows",
        "ten_ginkgo",
        stopped("ambiguous-result", 1),
        faults=_start(FaultKind.REWRITE, body={"status": "concluded"}),
    ),
    Scenario(
        "truncated-json",
        "The job's answer is cut in half",
        "ten_hazel",
        stopped("ambiguous-result", 1),
        faults=_start(FaultKind.TRUNCATED),
    ),
    Scenario(
        "tier-changed-meanwhile",
        "The product tier changes while the job runs",
        "ten_ivy",
        stopped("tier-changed", 1),
        faults=_behaves("change-tier"),
    ),
    Scenario(
        "wrong-tenant",
        "The registry answers for another customer",
        "ten_juniper",
        stopped("tenant-mismatch", 0),
        faults=(("registry.read", FaultKind.REWRITE, {"body": {"id": "ten_acacia"}, "times": FOREVER}),),
    ),
    Scenario(
        "broader-role",
        "The job grants more than was asked",
        "ten_kapok",
        stopped("broader-grant", 1),
        faults=_behaves("broader-role"),
    ),
    Scenario(
        "marker-missing",
        "The job leaves no audit marker",
        "ten_larch",
        stopped("audit-marker-absent", 1),
        faults=_behaves("no-marker"),
    ),
    Scenario(
        "permanent-failure",
        "The job runner refuses permanently",
        "ten_maple",
        stopped("terminal-result", 1),
        faults=_start(FaultKind.ANSWER, body={"id": "job_none", "status": "rejected"}, times=FOREVER),
    ),
    Scenario(
        "lock-contention",
        "Another sync holds the lock, then lets go",
        "ten_nutmeg",
        completed(2),
        faults=_start(FaultKind.ANSWER, status=200, body={"id": "job_none", "status": "lock_contention"}),
    ),
    Scenario(
        "contract-mapping",
        "The role follows from a contract, not from the ledger",
        "ten_oak",
        stopped("role-mapping-needs-interpretation", 0),
        entitlement_is={"role_mappings": [{"role": ROLE, "kind": "contract"}]},
    ),
    Scenario(
        "admin-not-designated",
        "The task names an admin that the registry does not",
        "ten_pine",
        stopped("admin-not-designated", 0),
        tenant_is={"admins": [{"email": "amelie@pine.example", "designated": True}]},
    ),
    Scenario(
        "slow-propagation",
        "The role shows only after a while",
        "ten_quince",
        completed(1),
        faults=_behaves("late"),
    ),
    Scenario(
        "cut-before-effect",
        "The connection breaks before the job starts",
        "ten_rowan",
        completed(2),
        faults=_start(FaultKind.CUT_BEFORE),
    ),
    Scenario(
        "version-mismatch",
        "The task was qualified for another runbook version",
        "ten_spruce",
        stopped("runbook-version-mismatch", 0),
        task_is={"runbook_version": 99},
    ),
    Scenario(
        "stays-running",
        "The job never ends",
        "ten_teak",
        stopped("poll-window-over", 1),
        faults=_behaves("stays-running"),
    ),
    Scenario(
        "retries-exhausted",
        "The job runner stays busy",
        "ten_umber",
        stopped("retries-exhausted", 3),
        faults=_start(FaultKind.BUSY, times=FOREVER),
    ),
    Scenario(
        "tier-mismatch",
        "The product tier is no longer that of the task",
        "ten_viburnum",
        stopped("tier-mismatch", 0),
        entitlement_is={"tier": "starter"},
    ),
)

_ROTATION = (
    Scenario("rotation", "Rotate an expiring sync credential", "ten_willow", completed(2), ROTATE),
    Scenario(
        "rotation-busy-once",
        "Rotation, with a busy job runner",
        "ten_yew",
        completed(3),
        ROTATE,
        faults=_start(FaultKind.BUSY),
    ),
    Scenario(
        "rotation-customer-managed",
        "The customer manages this credential",
        "ten_zelkova",
        stopped("customer-contact-needed", 0),
        ROTATE,
        tenant_is={"provisioning": {"managed_by": "customer"}},
    ),
    Scenario(
        "rotation-cut-before-activation",
        "The connection breaks at the switch-over",
        "ten_aspen",
        stopped("outcome-unknown", 2),
        ROTATE,
        faults=_activate(FaultKind.CUT_BEFORE),
    ),
    Scenario(
        "rotation-cut-after-activation",
        "The switch-over worked, its answer was lost",
        "ten_beech",
        completed(2),
        ROTATE,
        faults=_activate(FaultKind.CUT_AFTER),
    ),
    Scenario(
        "rotation-no-switch",
        "The switch-over is confirmed and did not happen",
        "ten_catalpa",
        stopped("new-credential-not-active", 2),
        ROTATE,
        faults=((_ACTIVATE, FaultKind.BEHAVE, {"behaviour": "no-effect"}),),
    ),
)

SCENARIOS: tuple[Scenario, ...] = (*_RESYNC, *_ROTATION)
