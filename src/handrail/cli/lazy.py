"""Commands that are imported when they are named, so that the rest of the program costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer._click.core import Command, Context  # Typer brings its own Click, and no other name for these
from typer._click.formatting import HelpFormatter
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

COMMANDS = "handrail.cli.commands"


@dataclass(frozen=True, slots=True)
class Lazy:
    """``module``: which module of ``cli.commands``. ``name``: its function, or ``group`` for several commands.
    ``help``: what the list of commands says. ``models``: whether the module needs Django's models to be imported."""

    module: str
    name: str
    help: str
    models: bool = True

    def load(self, word: str) -> Command:
        """The command or group itself."""
        if self.models:
            import_module("handrail.cli.installation").load_models()
        found = getattr(import_module(f"{COMMANDS}.{self.module}"), self.name)
        if isinstance(found, typer.Typer):
            group = TyperInfo(found, name=word, help=self.help, no_args_is_help=True)
            return get_group_from_info(
                group, pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=None
            )
        command = CommandInfo(name=word, cls=TyperCommand, callback=found)
        return get_command_from_info(command, pretty_exceptions_short=True, rich_markup_mode=None)


class _Commands(MutableMapping[str, Command]):
    """The commands by name. A value is imported when it is asked for."""

    def __init__(self, entries: dict[str, Lazy]) -> None:
        self._entries = entries
        self.load = cache(lambda word: self._entries[word].load(word))

    def __getitem__(self, word: str) -> Command:
        command: Command = self.load(word)
        return command

    def __contains__(self, word: object) -> bool:
        return word in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __setitem__(self, word: str, command: Command) -> None:
        raise TypeError("commands are declared in cli.commands")

    def __delitem__(self, word: str) -> None:
        raise TypeError("commands are declared in cli.commands")


class LazyGroup(TyperGroup):
    """A group that knows the names and helps of its commands; only the one that is called is imported."""

    entries: dict[str, Lazy]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(self.entries)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - Click's signature
        return self.commands[cmd_name] if cmd_name in self.entries else None

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - Click's signature
        return list(self.entries)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002 - Click's signature
        """The list of commands, from the declarations alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, entry.help) for word, entry in self.entries.items()])
