"""Every command of the table of doors: as a member who may, who may not, of another tenant, with a token that only
reads, as the installation's operator, and without anybody's word."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.access import decisions
from handrail.access.capabilities import BUNDLES, Capability, Role
from handrail.access.models import User
from handrail.audit.models import AuditEvent
from tests.factories import rows
from tests.factories.doors import pairs, program
from tests.factories.installation import Installation
from tests.factories.people import secret_of
from tests.factories.web import Web
from tests.integration.cli.conftest import Handrail
from tests.lanes import portion

pytestmark = pytest.mark.django_db
DOORS: dict[str, Any] = pairs("commands")
# These have not said who acts when they find that this installation has no task system.
UNCONFIGURED = {"tasks pull"}
NEEDING = {
    door: Capability(act.capability) for door, act in DOORS.items() if act.capability and door not in UNCONFIGURED
}
WRITING = sorted(door for door in NEEDING if not DOORS[door].reads)
DECIDING = sorted(door for door in NEEDING if DOORS[door].person == "yes")
OPERATORS, LOCAL = sorted(pairs("commands", who="operator")), sorted(pairs("commands", who="local"))
REASON, REVISION = ("--reason", "Because."), ("--revision", "1")
SHA = "sha256:" + "0" * 64
RUNBOOK = "runbook/entitlement-resync"
# What each command is given besides its name; a word in braces names a thing of the house.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "audit prove": ("1",),
    "audit proof": ("event", "{event}", "--out", "{folder}"),
    "audit timestamp": ("--out", "{folder}"),
    "audit accept-restore": REASON,
    "definitions propose": ("{yaml}",),
    "definitions show": (RUNBOOK,),
    "definitions approve": (f"{RUNBOOK}/2",),
    "definitions reject": (f"{RUNBOOK}/2", *REASON),
    "definitions deprecate": (f"{RUNBOOK}/1", *REASON),
    "find": ("{run}",),
    "exceptions show": ("{exception}",),
    "exceptions take": ("{exception}",),
    "exceptions take-all": ("{exception}",),
    "exceptions resolve-all": ("{exception}", "--outcome", "other", "--note", "Done."),
    "exceptions note": ("{exception}", "--note", "Looked."),
    "exceptions hand-back": ("{exception}", "--note", "Not mine."),
    "exceptions assign": ("{exception}", "{other}"),
    "exceptions read-again": ("{exception}",),
    "exceptions follow-up": ("{exception}", "--runbook", "flip-switch"),
    "exceptions resolve": ("{exception}", "--outcome", "other", "--note", "Done."),
    "members keys": ("{other}",),
    "members confirm-key": ("KEY-0000000000",),
    "members remove-key": ("KEY-0000000000", *REASON),
    "members second-factor": ("off",),
    "members reset-factors": ("{other}",),
    "members add": ("new@example.com", "--role", "auditor", "--password-stdin"),
    "members change": ("{other}", "--role", "auditor"),
    "members password": ("{other}", "--password-stdin"),
    "members remove": ("{other}",),
    "members restore": ("{other}",),
    "members revoke-token": ("{token}",),
    "members sessions": ("{other}",),
    "packets assemble": ("nothing", "{json}"),
    "packets preview": ("nothing", "{json}"),
    "packets reassemble": ("{packet}", *REASON),
    "packets show": ("{packet}",),
    "packets diff": ("{packet}",),
    "packets holds": ("{packet}",),
    "packets mask": ("{packet}", "secret-in-text", "timeline[].text", *REVISION, *REASON),
    "packets clear": ("{packet}", "source-conflict", "tenant.plan", *REVISION, *REASON),
    "packets seen": ("{packet}", SHA, *REVISION),
    "pictures show": ("{packet}", "picture-1"),
    "pictures redact": ("{packet}", "picture-1", *REVISION, "--original", SHA, "--box", "1,0,0,9,9"),
    "pictures attest": ("{packet}", "picture-1", *REVISION, "--digest", SHA),
    "packets approve": ("{packet}", *REVISION, "--digest", SHA),
    "packets reject": ("{packet}", *REVISION, *REASON),
    "packets withdraw": ("{packet}", *REVISION, *REASON),
    "vendor recall": ("{packet}", *REVISION, "--cause", "wrong-content", *REASON),
    "vendor settle": ("{packet}", "1.1", *REVISION, *REASON),
    "vendor recalls": ("vendor-signing-intake", "recalls.jsonl"),
    "packets discard": ("{packet}", *REASON),
    "packets release": ("{packet}", *REVISION),
    "deliveries address": ("{packet}", *REVISION, "--from", "{json}", "--expires", "2099-01-01T00:00Z"),
    "deliveries confirm": ("{packet}", *REVISION, "--arrived", *REASON),
    "packets export": ("{packet}", "{folder}"),
    "packets document": ("{packet}", "packet.json", "{folder}"),
    "runs show": ("{run}",),
    "runs watch": ("{run}",),
    "runs preview": ("{json}",),
    "runs start": ("{json}",),
    "runs cancel": ("{run}",),
    "runs stop": ("{run}", *REASON),
    "waves show": ("{wave}",),
    "waves watch": ("{wave}",),
    "waves start": (
        *(RUNBOOK, "--event", "drift", "--tenants", "{json}", "--task", "{json}"),
        *REASON,
    ),
    "waves pause": ("{wave}", *REASON),
    "waves resume": ("{wave}", *REASON),
    "waves abandon": ("{wave}", *REASON),
    "brakes pause": ("everything", *REASON),
    "brakes close": ("board", *REASON),
    "brakes resume": ("{brake}", *REASON),
    "notifications redeliver": ("{notice}",),
    "responders test": ("on-call",),
    "definitions request-return": (f"{RUNBOOK}/1", *REASON),
    "definitions bring-back": (f"{RUNBOOK}/1", "--digest", SHA),
    "runs redeliver": ("{run}",),
    "runs found-wrong": ("{run}", *REASON),
    "runs reviews": (),
    "runs review": ("{run}", "--verdict", "right", *REASON),
    "sign-on remove": ("{other}",),
    "sign-on move": ("https://old.example", "https://new.example"),
    "support request": ("--run", "{run}", "--summary", "Roles are missing"),
    "support latest": ("--run", "{run}"),
    "support diagnostics": ("--run", "{run}"),
    "tasks receive": ("{json}",),
    "tasks redeliver": ("{message}",),
    "tenants add": ("ten_new", "--name", "New"),
    "tenants close": ("{tenant}", *REASON),
    "tenants rename": ("{tenant}", "--name", "New"),
    "tenants reopen": ("{tenant}",),
    "tenants holds": ("{tenant}",),
    "tenants hold": ("{tenant}", *REASON),
    "tenants lift-hold": ("{hold}", *REASON),
    "tenants preview-erasure": ("{tenant}",),
    "tenants erasures": ("{tenant}",),
    "tenants erase": ("{tenant}", *REASON),
    "tenants withdraw-erasure": ("{erasure}",),
    "tenants confirm-erasure": ("{erasure}",),
    "tenants certificate": ("{erasure}",),
    "workspaces add": ("new", "--name", "New"),
    "keys retire": ("00000000",),
    "keys revoke": ("00000000",),
    "desk try": ("--contact-email", "a@example.com"),
}
# Who chooses a password that opens more than their token does would have more by it.
PASSWORDS = {"members add", "members password"}
THINGS = {"{run}", "{exception}", "{packet}", "{brake}", "{message}", "{wave}", "{hold}", "{erasure}"}
# Several at once, each on its own: what came of each is reported, and the exit code is that of a conflict.
TOGETHER = {"exceptions take-all", "exceptions resolve-all"}
NAMED = sorted(door for door in NEEDING if THINGS & set(ARGUMENTS.get(door, ())))
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    return Installation.named("Northwind").web


@pytest.fixture
def as_(house: Web, handrail: Handrail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command of the table with its arguments, with a token of ``user`` and perhaps ``scopes``."""
    task = {"key": "T-1", "runbook": "entitlement-resync", "version": 1, "payload": {}}
    (tmp_path / "task.json").write_text(json.dumps(task))
    (tmp_path / "definition.yaml").write_text(rows.runbook_text(3))
    words = {"json": tmp_path / "task.json", "yaml": tmp_path / "definition.yaml", "folder": tmp_path}
    words = {**house.ids(), **words, "other": house.token.membership.user.email}

    def run(door: str, user: User | None, *scopes: str, options: tuple[str, ...] = ()) -> Any:
        if user is not None:
            monkeypatch.setenv("HANDRAIL_TOKEN", secret_of(user.email, house.workspace.pk, *scopes))
        monkeypatch.setattr("sys.stdin.readline", lambda _: "correct horse battery staple\n", raising=False)
        given = [part.format(**words) if "{" in part else part for part in ARGUMENTS.get(door, ())]
        return handrail(*door.split(), *given, *options)

    return run


@pytest.fixture(params=[False, True], ids=["act_as=false", "act_as=true"])
def by_name(request: pytest.FixtureRequest) -> Iterator[bool]:
    allowed = bool(request.param)
    with decisions._names_decide.use(lambda: allowed):
        yield allowed


def denials() -> list[str]:
    return list(AuditEvent.objects.filter(event="access.denied").values_list("subject", flat=True))


def without(capability: Capability) -> list[Role]:
    """A role without ``capability``; none, where every role has it."""
    return [role for role in Role if capability not in BUNDLES[role]][:1]


def test_the_table_names_every_command() -> None:
    assert {*DOORS, *OPERATORS, *LOCAL} == program.existing()["commands"]


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize("door", portion(sorted(NEEDING), 3))
def test_the_token_of_a_member_without_the_capability_is_refused_and_audited(house: Web, as_: Run, door: str) -> None:
    ended = as_(door, rows.member(house.workspace, *without(NEEDING[door])))
    assert ended.code == 4, ended.err
    assert denials() == [NEEDING[door]]


@pytest.mark.parametrize("door", portion(WRITING, 3))
def test_a_token_that_only_reads_does_nothing(house: Web, as_: Run, door: str) -> None:
    ended = as_(door, rows.member(house.workspace, *Role), "read")
    assert (ended.code, "[token-scope]" in ended.err) == (4, True), ended.err


@pytest.mark.parametrize("door", portion(sorted(NEEDING), 3))
def test_a_token_of_exactly_this_act_passes(house: Web, as_: Run, door: str) -> None:
    """What the rows then say is another question. Commands that show what came of an act read it as well."""
    user = rows.member(house.workspace, *Role)
    chosen = tuple(Capability) if door in PASSWORDS else ()
    ended = as_(door, user, NEEDING[door], "read", *chosen)
    assert ended.code not in {4, 6}, ended.err
    assert denials() == []


@pytest.mark.parametrize("door", portion(NAMED, 3))
def test_a_thing_of_another_tenant_is_not_found(house: Web, as_: Run, door: str) -> None:
    elsewhere = rows.tenant(house.workspace, name="Another customer")
    ended = as_(door, rows.member(house.workspace, *Role, tenants=[elsewhere]))
    assert (ended.code, denials()) == (5 if door in TOGETHER else 3, [])
    assert door not in TOGETHER or "not found" in (ended.out + ended.err).lower()


@pytest.mark.parametrize("door", DECIDING)
def test_nobodys_decision_is_refused_whatever_names_may(house: Web, as_: Run, door: str, by_name: bool) -> None:
    ended = as_(door, None, options=("--workspace", house.workspace.slug))
    assert (ended.code, "[not-a-person]" in ended.err) == (4, True), ended.err
    (event,) = AuditEvent.objects.filter(event="access.denied")
    assert (event.actor, event.actor_kind, event.subject) == ("handrail-cli", "command", NEEDING[door])


@pytest.mark.parametrize("door", DECIDING)
def test_a_decision_in_somebodys_name_needs_the_setting(house: Web, as_: Run, door: str, by_name: bool) -> None:
    named = rows.member(house.workspace, *Role)
    ended = as_(door, None, options=("--as", named.email))
    assert (ended.code == 4) is (not by_name), ended.err
    assert denials() == ([] if by_name else [decisions.BY_NAME])


@pytest.mark.parametrize("door", portion(OPERATORS, 3))
def test_what_is_the_operators_is_refused_to_every_member(house: Web, as_: Run, door: str) -> None:
    member = rows.member(house.workspace, *Role)
    ended = as_(door, member)
    assert (ended.code, "[operator-only]" in ended.err) == (4, True), ended.err
    (event,) = AuditEvent.objects.filter(event="access.denied")
    assert (event.actor, event.subject) == (member.email, "installation:operate")


@pytest.mark.parametrize("door", portion(OPERATORS, 3))
def test_a_token_that_opens_nothing_does_not_make_an_operator(
    as_: Run, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDRAIL_TOKEN", "hrt_unknown")
    assert as_(door, None).code == 2


def test_a_member_lists_the_workspace_of_their_token_only(house: Web, as_: Run) -> None:
    rows.workspace("Elsewhere")
    listed = as_("workspaces list", rows.member(house.workspace, Role.OPERATOR), options=("--json",))
    assert [one["slug"] for one in listed.json] == [house.workspace.slug]


def test_the_operator_lists_every_workspace(house: Web, as_: Run) -> None:
    other = rows.workspace("Elsewhere")
    listed = as_("workspaces list", None, options=("--json",)).json
    assert {house.workspace.slug, other.slug} <= {one["slug"] for one in listed}


def test_one_lists_ones_own_tokens_without_a_capability(house: Web, as_: Run) -> None:
    listed = as_("members tokens", rows.member(house.workspace, Role.OPERATOR), options=("--mine", "--json"))
    assert len(listed.json) == 1


def test_nobody_creates_a_token_for_another(house: Web, as_: Run) -> None:
    ada = rows.member(house.workspace, Role.WORKSPACE_ADMINISTRATOR)
    ended = as_("members token", ada, options=("bob@example.com", "--name", "x"))
    assert (ended.code, "[token]" in ended.err) == (2, True)
    ended = as_("members token", ada, options=(ada.email, "--name", "x"))
    assert (ended.code, "[token-by-token]" in ended.err) == (4, True)
