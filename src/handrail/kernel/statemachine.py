"""State machines as data: what may follow what. The diagrams in docs/states are drawn from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[S]):
    """``transitions`` maps every state to those that may follow it; a state that leads nowhere is terminal."""

    name: str
    initial: S
    transitions: Mapping[S, frozenset[S]]

    def __post_init__(self) -> None:
        states = set(type(self.initial))
        if set(self.transitions) != states:
            missing = sorted(states - set(self.transitions))
            raise ValueError(f"{self.name}: no transitions given for {missing}")

    def allows(self, before: S, after: S) -> bool:
        return after in self.transitions[before]

    def sources(self, after: S) -> frozenset[S]:
        """The states from which ``after`` can be entered."""
        return frozenset(state for state, following in self.transitions.items() if after in following)

    @property
    def terminal(self) -> frozenset[S]:
        return frozenset(state for state, following in self.transitions.items() if not following)

    @property
    def active(self) -> frozenset[S]:
        return frozenset(self.transitions) - self.terminal

    def to_mermaid(self) -> str:
        """The machine as a Mermaid state diagram, in declaration order."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state in type(self.initial):
            following = [s for s in type(self.initial) if s in self.transitions[state]]
            lines += [f"    {state} --> {after}" for after in following] or [f"    {state} --> [*]"]
        return "\n".join(lines) + "\n"
