"""State machines as data, and every one that Handrail has."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest

from handrail.definitions.states import DEFINITION
from handrail.kernel.statemachine import StateMachine
from handrail.runbooks.states import HANDLING, RUN

MACHINES = [RUN, HANDLING, DEFINITION]


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


LIGHT = StateMachine(
    name="light",
    initial=Light.RED,
    transitions={
        Light.RED: frozenset({Light.GREEN, Light.OFF}),
        Light.GREEN: frozenset({Light.RED}),
        Light.OFF: frozenset(),
    },
)


def test_a_state_without_transitions_is_refused() -> None:
    with pytest.raises(ValueError, match="no transitions given"):
        StateMachine(name="half", initial=Light.RED, transitions={Light.RED: frozenset()})


def test_allows_only_what_is_listed() -> None:
    assert LIGHT.allows(Light.RED, Light.GREEN)
    assert not LIGHT.allows(Light.GREEN, Light.OFF)


def test_sources_terminal_and_active_follow_from_the_transitions() -> None:
    assert LIGHT.sources(Light.RED) == {Light.GREEN}
    assert LIGHT.terminal == {Light.OFF}
    assert LIGHT.active == {Light.RED, Light.GREEN}


def test_to_mermaid_draws_every_transition_and_ending() -> None:
    assert LIGHT.to_mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> red",
        "    red --> green",
        "    red --> off",
        "    green --> red",
        "    off --> [*]",
    ]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_be_reached_and_left_or_is_an_end(machine: StateMachine[Any]) -> None:
    reached, todo = {machine.initial}, [machine.initial]
    while todo:
        following = machine.transitions[todo.pop()] - reached
        reached |= following
        todo += following
    assert reached == set(machine.transitions)
    assert machine.terminal
