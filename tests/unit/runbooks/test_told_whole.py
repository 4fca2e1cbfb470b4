"""A stop says what changed outside, with what was before, what is now, and what was required."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from handrail.connectors import registry
from handrail.connectors.outcome import Answer, ReadFailed
from handrail.runbooks import timing
from handrail.runbooks.actions import runs
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.outgoing import outcome_of
from handrail.runbooks.timing import Timing
from tests.factories.changes import COPIED, NARROW, PANEL, after_a_call, kinds, senior, set_to, told, world
from tests.factories.switches import (
    CLAIMS_DONE,
    FORBIDDEN,
    ODD,
    SILENT_NOT_DONE,
    UNREACHABLE,
    BoardConnector,
    SwitchBoard,
    Turn,
)

pytestmark = pytest.mark.django_db


def account_of(*script: Turn) -> dict[str, Any]:
    with world() as (estate, board, _):
        board.script = list(script)
        return told(estate, estate.advance(estate.start())).account


@pytest.mark.parametrize(
    ("turn", "changed"),
    [
        (ODD, "yes"),
        (replace(ODD, effect=False), "unknown"),
        (FORBIDDEN, "no"),
        (CLAIMS_DONE, "no"),
        (after_a_call(Turn(), set_to(marker="alarm")), "yes"),
    ],
)
@pytest.mark.requirement("R2-18")
def test_a_stop_says_whether_something_changed_outside(turn: Turn, changed: str) -> None:
    assert account_of(turn)["changed"] == changed


@pytest.mark.requirement("R2-18")
def test_a_source_that_fails_in_passing_after_a_stop_is_read_again() -> None:
    """Once for all would leave people with *unknown*, where one more look says it."""

    def breaks(board: SwitchBoard) -> None:
        board.read_failures = [ReadFailed("board: status 503", status=503, retryable=True) for _ in range(2)]

    account = account_of(after_a_call(FORBIDDEN, breaks))
    assert (account["changed"], account["unread"]) == ("no", [])


@pytest.mark.requirement("R2-18")
def test_a_stop_whose_sources_can_not_be_read_says_that_it_is_unknown() -> None:
    with world() as (estate, board, connectors):
        board.script = [after_a_call(FORBIDDEN, lambda _: connectors.pop("panel"))]
        account = told(estate, estate.advance(estate.start())).account
        assert (account["changed"], account["unread"]) == ("unknown", ["switch"])


@pytest.mark.requirement("R2-18")
@pytest.mark.parametrize("later", [[UNREACHABLE] * 3, [FORBIDDEN]])
def test_a_lost_answer_leaves_it_unknown_whatever_later_attempts_met(later: list[Turn]) -> None:
    account = account_of(SILENT_NOT_DONE, *later)
    assert (account["changed"], account["calls"][0]["attempts"]) == ("unknown", len(later) + 1)


@pytest.mark.requirement("R2-18")
def test_a_stop_while_the_effect_may_still_show_says_that_it_is_unknown() -> None:
    with world(PANEL.replace("within: 200ms", "within: 1h")) as (estate, board, _):
        board.script = [CLAIMS_DONE]
        with timing.use(Timing(in_process_wait_seconds=0.0)):
            run = estate.advance(estate.start())
        assert run.state == "verifying"
        runs.stop(ref=run.ref, reason="The customer called.", by=senior(estate))
        OperationRun.objects.filter(pk=run.pk).update(due_at="2020-01-01T00:00Z")
        assert told(estate, estate.advance(run)).account["changed"] == "unknown"


@pytest.mark.requirement("R2-18")
def test_a_stop_before_any_call_says_no() -> None:
    with world() as (estate, board, _):
        board.switches["s1"]["fuse"] = "sealed"
        account = told(estate, estate.advance(estate.start())).account
        assert (account["changed"], account["why"]) == ("no", "Nothing was sent.")


@pytest.mark.requirement("R2-18")
def test_before_and_after_stand_side_by_side_with_what_was_required() -> None:
    state = {row["name"]: row for row in account_of(ODD)["state"]}
    assert (state["switch.state"]["before"], state["switch.state"]["after"]) == ("off", "on")
    assert state["switch.state"]["required"] == ['switch.state == "on"']


@pytest.mark.requirement("R2-18")
def test_values_that_the_packet_may_not_carry_are_withheld() -> None:
    with world(NARROW) as (estate, board, _):
        board.script = [after_a_call(Turn(), set_to(marker="alarm"))]
        account = told(estate, estate.advance(estate.start())).account
    state = {row["name"]: row for row in account["state"]}
    assert state["switch.marker"]["withheld"]
    assert "alarm" not in str({key: value for key, value in state["switch.marker"].items() if key != "required"})


@pytest.mark.requirement("R2-18")
def test_the_idempotency_key_and_an_ambiguous_answer_are_told() -> None:
    with world(PANEL.replace(COPIED, COPIED.replace("]}", ", steps.flip.status]}"))) as (estate, board, _):
        board.script = [ODD]
        [call] = told(estate, estate.advance(estate.start())).account["calls"]
    assert call["idempotency_key"].endswith(":flip")
    assert call["answer"] == {"status": "kind-of"}
    assert "withheld" not in call


@pytest.mark.requirement("R2-22")
def test_values_of_an_ambiguous_answer_that_the_packet_may_not_carry_are_withheld_by_name() -> None:
    with world() as (estate, board, _):
        board.script = [ODD]
        packet = told(estate, estate.advance(estate.start()))
    [call] = packet.account["calls"]
    assert (call["answer"], call["withheld"]) == ({}, ["status"])
    assert "kind-of" not in str(packet)


@pytest.mark.requirement("R2-18")
def test_an_answer_that_was_understood_is_not_copied() -> None:
    [call] = account_of(FORBIDDEN)["calls"]
    assert "answer" not in call


@pytest.mark.requirement("R2-18")
@pytest.mark.parametrize(
    ("poll", "told_job"), [("", None), ("    poll: {every: 100ms, within: 1s, get: /jobs}\n", "id-1")]
)
def test_the_id_of_a_job_is_told_and_that_of_anything_else_is_not(poll: str, told_job: str | None) -> None:
    text = PANEL.replace("answer: {status: string}\n", "answer: {status: string, id: string}\n" + poll)
    if poll:
        text = text.replace("      retryable: [", "      pending: [{status: [202]}]\n      retryable: [")
    with world(text) as (estate, board, _):
        board.script = [Turn(effect=False, answer=Answer(status=200, body={"status": "done", "id": "id-1"}))]
        [call] = told(estate, estate.advance(estate.start())).account["calls"]
        assert call.get("job") == told_job


@pytest.mark.requirement("R2-18")
def test_the_next_action_is_the_runbooks_own() -> None:
    text = PANEL.replace(COPIED, COPIED[:-1] + ", next_actions: {terminal-result: Call the board.}}")
    with world(text) as (estate, board, _):
        board.script = [FORBIDDEN]
        run = estate.advance(estate.start())
        assert told(estate, run).account["next_action"] == "Call the board."
        assert outcome_of(run)["changed_outside"] == "no"


@pytest.mark.requirement("R2-18")
def test_the_readings_of_a_failed_verification_are_in_the_ledger() -> None:
    with world() as (estate, board, _):
        board.script = [CLAIMS_DONE]
        run = estate.advance(estate.start())
        last = Checkpoint.objects.filter(run=run).order_by("-sequence")[0]
        assert last.detail["verification"]["switch"]["state"] == "off"
        assert last.detail["after"]["switch"]["state"] == "off"


@pytest.mark.requirement("R2-18")
def test_the_result_that_stops_a_run_is_written_before_the_sources_are_read() -> None:
    with world() as (estate, board, _):
        board.script = [ODD]
        run = estate.start()
        seen: list[list[str]] = []
        panel = registry.get("panel")
        assert isinstance(panel, BoardConnector)
        reading = panel.read

        def read(*args: Any, **more: Any) -> Any:
            seen.append(kinds(run))
            return reading(*args, **more)

        panel.read = read  # type: ignore[method-assign]
        estate.advance(run)
        assert seen[-1][-1] == "result"
