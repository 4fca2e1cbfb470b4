from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.test import Client

from handrail.access import actions as access
from handrail.access import queries, tokens
from handrail.access.models import User
from handrail.audit.models import AuditEvent
from handrail.runbooks.models import OperationRun
from handrail.runbooks.queries.situations import Situation
from tests.factories import situations
from tests.factories.log import superuser
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard, connected
from tests.integration.cli.conftest import Handrail

EMAIL = "olivia@example.com"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def join(*roles: str) -> None:
    access.add_member(email=EMAIL, roles=roles, tenants=None, by=queries.command_line("acme"))


def task_file(estate: Runs, directory: Path, **changes: object) -> str:
    task = estate.task()
    whole = {"key": task.key, "runbook": task.runbook, "version": task.version, "payload": dict(task.payload)}
    path = directory / "task.json"
    path.write_text(json.dumps({**whole, **changes}))
    return str(path)


def test_members_change_sets_the_tenants_and_says_so(handrail: Handrail, estate: Runs) -> None:
    access.add_member(email="ann@example.com", roles=["operator"], tenants=[], by=queries.command_line())
    told = handrail("members", "change", "ann@example.com", "--tenant", estate.tenant.key)
    assert (told.code, "operator; for: ten_one" in told.out) == (0, True)
    assert "every tenant" in handrail("members", "change", "ann@example.com", "--all-tenants").out
    assert handrail("members", "change", "ann@example.com", "--all-tenants", "--no-tenant").code == 2
    assert handrail("members", "change", "ann@example.com").code == 2


def test_members_password_reads_it_from_standard_input(
    handrail: Handrail, estate: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    access.add_member(email="ann@example.com", roles=["operator"], tenants=None, by=queries.command_line())
    monkeypatch.setattr("sys.stdin", io.StringIO("another battery staple\n"))
    told = handrail("members", "password", "ann@example.com", "--password-stdin")
    assert (told.code, "session" in told.out) == (0, True)


def test_members_sessions_lists_and_ends_them(handrail: Handrail, estate: Runs) -> None:
    join("operator")
    browser = Client()
    for _ in range(2):
        Client().force_login(User.objects.get(email=EMAIL), backend=BACKEND)
    browser.force_login(User.objects.get(email=EMAIL), backend=BACKEND)
    assert len(json.loads(handrail("members", "sessions", EMAIL, "--json").out)) == 3
    assert handrail("members", "sessions", EMAIL, "--end", "SES-0000000000").code == 3
    assert "3 sessions of" in handrail("members", "sessions", EMAIL, "--end", "all").out
    assert "Not logged in anywhere." in handrail("members", "sessions", EMAIL).out
    assert browser.get("/admin").status_code == 302


def test_help_of_every_group_names_its_commands(handrail: Handrail) -> None:
    assert "preview" in handrail("runs", "--help").out


def test_start_makes_a_run_and_list_shows_it(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    started = handrail("runs", "start", task_file(estate, tmp_path), "--json").json
    listed = handrail("runs", "list", "--json").json
    assert [run["ref"] for run in listed] == [started["ref"]]
    assert started["ref"] in handrail("runs", "list").out


def test_show_tells_the_ledger(estate: Runs, handrail: Handrail) -> None:
    run = estate.start()
    assert handrail("runs", "show", run.ref, "--json").json["ledger"][0]["kind"] == "received"
    assert "received" in handrail("runs", "show", run.ref).out


def test_preview_tells_what_would_be_invoked(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    board = SwitchBoard()
    board.add("s1", owner=estate.tenant.key)
    with connected(board):
        ended = handrail("runs", "preview", task_file(estate, tmp_path))
    assert "flip through board" in ended.out
    assert board.calls == []


def test_cancel_ends_a_run(estate: Runs, handrail: Handrail) -> None:
    run = estate.start()
    join("operator")
    assert handrail("runs", "cancel", run.ref, "--as", EMAIL).code == 0
    assert OperationRun.objects.get().state == "cancelled"


def test_a_missing_run_ends_with_3(estate: Runs, handrail: Handrail) -> None:
    ended = handrail("runs", "show", "RUN-0000000000")
    assert (ended.code, ended.out) == (3, "")
    assert "[not-found]" in ended.err


def test_a_denied_command_ends_with_4_and_is_audited(estate: Runs, handrail: Handrail) -> None:
    join("auditor")
    run = estate.start()
    assert handrail("runs", "cancel", run.ref, "--as", EMAIL).code == 4
    event = AuditEvent.objects.get(event="access.denied")
    assert (event.actor, event.context["where"]) == (EMAIL, "handrail runs cancel")


def test_a_rule_of_the_domain_ends_with_5(estate: Runs, handrail: Handrail) -> None:
    run = estate.start()
    join("operator")
    handrail("runs", "cancel", run.ref, "--as", EMAIL)
    ended = handrail("runs", "cancel", run.ref, "--as", EMAIL)
    assert (ended.code, "[run-ended]" in ended.err) == (5, True)


def test_no_task_system_ends_with_7(estate: Runs, handrail: Handrail) -> None:
    assert handrail("tasks", "pull").code == 7


def test_a_wrong_file_names_each_field(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    ended = handrail("runs", "start", task_file(estate, tmp_path, version="one", force=True))
    assert ended.code == 2
    assert {"  version", "  force"} <= {line.partition(":")[0] for line in ended.err.splitlines()}


def test_a_file_that_is_not_json_names_line_and_column(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    path = tmp_path / "task.json"
    path.write_text('{\n "key": }')
    ended = handrail("runs", "start", str(path))
    assert (ended.code, "line 2, column 9" in ended.err) == (2, True)


@pytest.mark.parametrize(
    "arguments", [("runs", "list", "--state", "lost"), ("runs", "list", "--limit", "0"), ("nothing",), ("runs", "show")]
)
def test_a_wrong_command_line_ends_with_2(estate: Runs, handrail: Handrail, arguments: tuple[str, ...]) -> None:
    assert handrail(*arguments).code == 2


def test_an_unknown_member_can_not_act(estate: Runs, handrail: Handrail) -> None:
    assert handrail("runs", "list", "--as", "nobody@example.com").code == 3


def test_propose_and_approve_need_two_people(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    join("governance-owner")
    file = tmp_path / "flip.yaml"
    file.write_text(estate.definition.text.replace("version: 1", "version: 2"))
    assert handrail("definitions", "propose", str(file), "--as", EMAIL).code == 0
    alone = handrail("definitions", "approve", "runbook/flip-switch/2", "--as", EMAIL)
    assert (alone.code, "[own-proposal]" in alone.err) == (5, True)
    access.add_member(email="ann@example.com", roles=["governance-owner"], tenants=None, by=queries.command_line())
    assert handrail("definitions", "approve", "runbook/flip-switch/2", "--as", "ann@example.com").code == 0
    states = {row["version"]: row["state"] for row in handrail("definitions", "list", "--json").json}
    assert states == {2: "active", 1: "deprecated"}


def test_check_of_a_definition_names_line_and_column(handrail: Handrail, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("handrail: runbook/v9\n")
    ended = handrail("definitions", "check", str(file))
    assert (ended.code, "line 1, column" in ended.err) == (2, True)


def test_check_warns_about_an_old_key_and_passes(estate: Runs, handrail: Handrail, tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text(estate.definition.text.replace("extract:", "take:"))
    line = file.read_text()[: file.read_text().index("take:")].count("\n") + 1
    ended = handrail("definitions", "check", str(file))
    assert (
        ended.code,
        f"Warning: line {line}, column 5: reads.switch.take: take is now called extract" in ended.out,
    ) == (
        0,
        True,
    )
    (warning,) = handrail("definitions", "check", str(file), "--json").json["warnings"]
    assert (warning["where"], warning["line"]) == ("reads.switch.take", line)
    file.write_text(estate.definition.text)
    assert handrail("definitions", "check", str(file), "--json").json["warnings"] == []


def test_token_opens_the_api_until_it_is_revoked(estate: Runs, handrail: Handrail) -> None:
    join("operator")
    issued = handrail("members", "token", EMAIL, "--name", "ci", "--json").json
    assert tokens.bearer(issued["secret"]).name == EMAIL
    assert issued["secret"] not in handrail("members", "tokens", "--json").out
    handrail("members", "revoke-token", issued["ref"])
    assert tokens.bearer(issued["secret"]).workspace_id == 0


def test_check_says_what_to_mend_and_ends_with_1(estate: Runs, handrail: Handrail) -> None:
    ended = handrail("check", "--json")
    wrong = {finding["name"]: finding["fix"] for finding in ended.json if not finding["ok"]}
    assert ended.code == 1
    assert wrong["connectors"] == "Add [connectors.NAME] sections."


def test_outside_text_is_shown_without_control_characters(estate: Runs, handrail: Handrail) -> None:
    run = estate.start("TASK-1")
    with superuser("runbooks_operationrun"):  # a run from before keys were checked on receipt
        OperationRun.objects.filter(pk=run.pk).update(task_key="TASK-\x1b[31mred")
    assert "\x1b" not in handrail("runs", "show", run.ref).out


def test_runs_list_narrows_to_each_situation(estate: Runs, handrail: Handrail) -> None:
    each = situations.one_of_each(estate.workspace)
    for situation in Situation:
        listed = handrail("runs", "list", "--situation", situation, "--json").json
        assert {run["ref"] for run in listed} == each[situation], situation
    assert "attempt 2 at" in handrail("runs", "list", "--situation", "retrying").out


def test_runs_list_finds_a_task_and_pages_by_reference(estate: Runs, handrail: Handrail) -> None:
    made = [estate.start(f"TASK-{number}", switch=f"s{number}").ref for number in (1, 12)]
    assert [run["ref"] for run in handrail("runs", "list", "--task", "TASK-12", "--json").json] == made[1:]
    assert [run["ref"] for run in handrail("runs", "list", "--older-than", made[1], "--json").json] == made[:1]
    assert "No run matches" in handrail("runs", "list", "--task", "NONE-1").out


@pytest.mark.parametrize(
    ("option", "where"),
    [("--state", "state"), ("--situation", "situation"), ("--tenant", "tenant"), ("--runbook", "runbook")],
)
def test_runs_list_refuses_a_filter_that_names_nothing(
    estate: Runs, handrail: Handrail, option: str, where: str
) -> None:
    ended = handrail("runs", "list", option, "nonsense")
    assert (ended.code, "[unknown-filter]" in ended.err, f"  {where}: " in ended.err) == (2, True, True)
