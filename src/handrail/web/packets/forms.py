"""Decisions that need a reason: the form, and the one that comes back because something is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SubmittedReason:
    """A form that comes back: which one (``form``), what was typed in it, and what is wrong with that."""

    form: str = ""
    reason: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class ReasonChoice:
    """One of several that is chosen beside the reason: the value and its words of each."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ReasonForm:
    """A decision that needs a reason. ``hidden``: what is posted beside it; ``choices``: what is chosen."""

    key: str
    route: str
    label: str
    button: str
    hint: str
    danger: bool
    hidden: dict[str, str]
    typed: SubmittedReason
    choices: tuple[ReasonChoice, ...] = ()

    @property
    def again(self) -> bool:
        return self.typed.form == self.key
