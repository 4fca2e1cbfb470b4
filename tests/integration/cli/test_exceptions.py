"""Exception packets at the command line: notes, handing back, assigning, filters, groups, several together."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.access.capabilities import Role
from handrail.runbooks.models import ExceptionPacket
from tests.factories import rows
from tests.factories.changes import COPIED, PANEL, world
from tests.factories.people import secret_of
from tests.factories.runs import Runs
from tests.factories.switches import ODD
from tests.integration.cli.conftest import Handrail

pytestmark = pytest.mark.requirement("R2-17")
FOLLOWED = PANEL.replace(COPIED, f"{COPIED[:-1]}, follow_up: [{{runbook: flip-switch, by: [senior-support]}}]}}")


@pytest.fixture
def packet(estate: Runs, monkeypatch: pytest.MonkeyPatch) -> ExceptionPacket:
    """A packet; commands are a senior's, with their own token."""
    for name in ("senior", "colleague"):
        rows.member(estate.workspace, Role.SENIOR_SUPPORT, email=f"{name}@example.com")
    monkeypatch.setenv("HANDRAIL_TOKEN", secret_of("senior@example.com", estate.workspace.pk))
    return rows.exception(estate.tenant, estate.definition)


def test_packet_is_noted_on_handed_back_and_assigned(packet: ExceptionPacket, handrail: Handrail) -> None:
    for command in (
        ("take", packet.ref),
        ("note", packet.ref, "--note", "Asked the vendor."),
        ("hand-back", packet.ref, "--note", "Not mine."),
        ("assign", packet.ref, "colleague@example.com"),
    ):
        assert handrail("exceptions", *command).code == 0, command
    shown = handrail("exceptions", "show", packet.ref).out
    assert "Asked the vendor." in shown
    assert "handed-back" in shown
    assert "colleague@example.com" in shown
    assert handrail("exceptions", "hand-back", packet.ref, "--note", "x").code == 5
    refused = handrail("exceptions", "assign", packet.ref, "x@example.com", "--instead-of", "colleague@example.com")
    assert (refused.code, "no active member" in refused.err) == (2, True)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--handling", "one of: unresolved, open, taken, resolved"),
        ("--owner", "mine, unassigned or a member's e-mail address"),
        ("--older-than", "30m, 4h or 7d"),
        ("--cause", "one of: prerequisite"),
        ("--sort", "one of: newest, oldest"),
        ("--tenant", "the key of a tenant that you have access to"),
        ("--after", "the reference of the last exception packet of a list"),
    ],
)
def test_unknown_filter_is_refused_in_words(
    packet: ExceptionPacket, handrail: Handrail, option: str, message: str
) -> None:
    ended = handrail("exceptions", "list", option, "weather")
    assert (ended.code, message in " ".join(ended.err.split()), ended.out) == (2, True, "")


def test_list_says_which_are_mine_and_groups_count(packet: ExceptionPacket, handrail: Handrail) -> None:
    mine = rows.exception(packet.tenant, packet.run.definition)
    assert handrail("exceptions", "take", mine.ref).code == 0
    listed = handrail("exceptions", "list", "--owner", "mine", "--handling", "unresolved", "--json").json
    assert [one["ref"] for one in listed] == [mine.ref]
    (group,) = handrail("exceptions", "groups", "--json").json
    assert (group["reason"], group["count"], group["unassigned"]) == ("ambiguous-result", 2, 1)
    assert "ambiguous-result" in handrail("exceptions", "groups").out


def test_several_are_taken_and_resolved_and_what_failed_is_named(packet: ExceptionPacket, handrail: Handrail) -> None:
    other = rows.exception(packet.tenant, packet.run.definition)
    assert handrail("exceptions", "take-all", packet.ref, other.ref).code == 0
    assert handrail("exceptions", "resolve", other.ref, "--outcome", "other", "--note", "Done.").code == 0
    ended = handrail(
        "exceptions", "resolve-all", packet.ref, other.ref, "--outcome", "defect", "--note", "Mended.", "--json"
    )
    assert ended.code == 5
    assert [(one["ref"], one["code"]) for one in ended.json] == [(packet.ref, ""), (other.ref, "exception-resolved")]


def test_sources_are_read_again_and_a_follow_up_run_is_previewed_started_and_shown(
    db: None, handrail: Handrail, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with world(FOLLOWED) as (estate, board, _):
        rows.member(estate.workspace, Role.SENIOR_SUPPORT, email="senior@example.com")
        monkeypatch.setenv("HANDRAIL_TOKEN", secret_of("senior@example.com", estate.workspace.pk))
        board.script = [ODD]
        packet = ExceptionPacket.objects.get(run=estate.advance(estate.start()))
        board.switches["s1"]["state"] = "off"
        read = handrail("exceptions", "read-again", packet.ref)
        assert (read.code, "Read again by senior@example.com" in read.out, "switch.state" in read.out) == (
            0,
            True,
            True,
        )
        assert handrail("exceptions", "take", packet.ref).code == 0
        inputs = tmp_path / "inputs.json"
        inputs.write_text('{"budget": 2}')
        wanted = ("exceptions", "follow-up", packet.ref, "--runbook", "flip-switch", "--inputs", str(inputs))
        seen = handrail(*wanted, "--preview")
        assert (seen.code, "flip through board" in seen.out) == (0, True)
        started = [handrail(*wanted), handrail(*wanted)]
        assert [one.code for one in started] == [0, 0]
        assert "was started already from" in started[1].out
        assert handrail(*wanted, "--number", "2").code == 5
        run = packet.follow_ups.get().run
        shown = handrail("exceptions", "show", packet.ref).out
        assert (run.ref in shown, "Follow-up runs" in shown) == (True, True)
        assert packet.ref in handrail("runs", "show", run.ref).out
        late = handrail("exceptions", "list", "--owner", "mine", "--due", "late")
        assert (late.code, packet.ref in late.out) == (0, False)
        refused = handrail("exceptions", "resolve", packet.ref, "--outcome", "lost", "--note", "Done.")
        assert (refused.code, "one of: fixed-by-hand" in " ".join(refused.err.split())) == (2, True)
