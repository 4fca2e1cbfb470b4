"""What a task system is sent about one of its tasks, as plain data, and the names that templates may use of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from handrail.kernel.hostile import clean_text

TITLE_LIMIT = 200
VALUE_LIMIT = 500


class MessageKind(StrEnum):
    """Why the task system is written to. Everything but the outcome is a further message."""

    OUTCOME = "outcome"
    REFUSED = "refused"  # the task could not become a run
    TAKEN = "taken"  # a person has the exception packet
    HANDED_BACK = "handed-back"
    RESOLVED = "resolved"
    FOLLOWED_UP = "followed-up"  # another run was delegated from the packet


FURTHER = tuple(kind for kind in MessageKind if kind is not MessageKind.OUTCOME)

# Each is one value; what a message doesn't have is null, and a field of a body that is nothing else is then left out.
_VALUES = (
    *("task", "key", "kind", "state", "at", "run", "runbook", "version", "tenant"),
    *("exception", "cause", "reason", "changed_outside", "next_action", "code", "by", "follow_up", "url"),
)
FIELDS = frozenset({*_VALUES, "title", "text", "status", "report", "report_json"})
# What may stand in a header: nothing that other people write.
HEADER_FIELDS = frozenset({"key", "kind", "run", "exception"})


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """``key`` identifies the message there and is in its text; ``task``: the task's key. ``lines`` are for people;
    ``report`` is for programs. ``values`` may hold any of the names that templates use."""

    key: str
    task: str
    kind: MessageKind
    title: str
    lines: tuple[str, ...]
    report: dict[str, JsonValue] = field(default_factory=dict)
    values: Mapping[str, str | int | None] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Its last line holds the key, so that it is found again."""
        return clean_text("\n".join([*self.lines, f"Handrail {self.key}"]), limit=20_000, multiline=True)

    def scope(self) -> dict[str, JsonValue]:
        """The values of every name, cleaned and bounded, but for those of the configuration."""
        given = {name: self.values.get(name) for name in _VALUES}
        cleaned = {n: clean_text(v, limit=VALUE_LIMIT) or None if isinstance(v, str) else v for n, v in given.items()}
        # The title begins with the key, so that cutting keeps it.
        title = clean_text(f"[{self.key}] {self.title}", limit=TITLE_LIMIT)
        named: dict[str, JsonValue] = {"title": title, "text": self.text, "report": self.report}
        return {**cleaned, **named, "key": self.key, "task": self.task, "kind": self.kind.value}
