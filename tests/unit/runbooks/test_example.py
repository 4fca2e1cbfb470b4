"""The example of docs/testing.md: a run meets an answer, and ends as it should."""

from tests.factories.runs import Runs
from tests.factories.switches import FORBIDDEN, SwitchBoard


def test_call_that_is_forbidden_ends_as_an_exception_without_an_effect(estate: Runs, board: SwitchBoard) -> None:
    board.script = [FORBIDDEN]
    run = estate.advance(estate.start(switch="s1"))
    assert run.state == "exception"
    assert board.effects == []
