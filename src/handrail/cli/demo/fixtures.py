"""The demo's fixtures: a workspace, its customers and people, and the runbooks that two of them propose and approve."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import handrail
from handrail.access import actions, queries
from handrail.access.actor import Actor
from handrail.cli.demo.workspace import WORKSPACE
from handrail.definitions import actions as definitions
from handrail.kernel import scope
from handrail.kernel.errors import Misconfigured

RUNBOOKS = Path(handrail.__file__).resolve().parents[2] / "definitions" / "runbooks"
WORDS = ("amber", "birch", "cobalt", "dune", "ember", "fjord", "garnet", "harbour", "iris", "juniper", "kelp", "lagoon")


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    name: str
    role: str


PROPOSER = Account("gina@practice.example", "Gina", "governance-owner")
APPROVER = Account("gustav@practice.example", "Gustav", "governance-owner")
OTHERS = (
    Account("olivia@practice.example", "Olivia", "operator"),
    Account("sam@practice.example", "Sam", "senior-support"),
    Account("eva@practice.example", "Eva", "escalation-owner"),
    Account("emil@practice.example", "Emil", "escalation-owner"),
    Account("audrey@practice.example", "Audrey", "auditor"),
    Account("ada@practice.example", "Ada", "workspace-administrator"),
)
ACCOUNTS = (PROPOSER, APPROVER, *OTHERS)
ESCALATION_OWNERS = tuple(account.email for account in OTHERS if account.role == "escalation-owner")


def new_password() -> str:
    """One password for all accounts of this demo, easy to type."""
    return "-".join(secrets.SystemRandom().sample(WORDS, 4)) + f"-{secrets.randbelow(900) + 100}"


def create(tenants: Iterable[str], password: str) -> Actor:
    """Makes workspace, customers and the two governance owners. Returns the installation's operator in it."""
    actions.create_workspace(slug=WORKSPACE, name="Practice Support", by=queries.operator())
    operator = queries.command_line(WORKSPACE)
    scope.change(operator.scope)
    for key in tenants:
        actions.create_tenant(key=key, name=f"{key.removeprefix('ten_').capitalize()} Ltd", by=operator)
    invite((PROPOSER, APPROVER), password, operator)
    return operator


def invite(accounts: Iterable[Account], password: str, operator: Actor) -> None:
    for account in accounts:
        actions.add_member(
            email=account.email,
            name=account.name,
            roles=[account.role],
            tenants=None,
            password=password,
            by=operator,
        )


def approve_runbooks() -> list[str]:
    """Proposes every runbook that ships as one person and approves it as another. Returns their names."""
    proposer, approver = queries.person(PROPOSER.email), queries.person(APPROVER.email)
    files = sorted(RUNBOOKS.glob("*.yaml"))
    if not files:
        raise Misconfigured(f"There are no runbooks in {RUNBOOKS}. The demo runs from a clone of the repository.")
    names = []
    for file in files:
        proposed = definitions.propose(text=file.read_text(encoding="utf-8"), by=proposer, file=file.name)
        definitions.approve(definition_id=proposed.id, by=approver, digest=proposed.digest)
        names.append(f"{proposed.name} v{proposed.version}")
    return names
