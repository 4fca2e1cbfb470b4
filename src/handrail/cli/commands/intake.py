"""``handrail intake``: the vendor's side. Offline: no database, no Django, no configuration.

The commands are those of the one file, ``handrail-intake``; only here there is one more, which writes that file.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from handrail.kernel.errors import Invalid
from handrail.packets.proof.intake import building, commands, printing
from handrail.packets.proof.intake.definition import COMMANDS, IntakeCommand, IntakeOption

group = typer.Typer()


@group.command("app")
def write_app(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")]) -> None:
    """Write the verifier as one file for receivers: handrail-intake, which needs only Python and cryptography."""
    try:
        size = building.write_file(file)
    except OSError as error:
        raise Invalid(f"{file} can't be written: {error.strerror}.", code="file") from None
    printing.say(f"{file}, {size} bytes, is written. Receivers run it with: python3 {file.name} --help")


def _parameter(option: IntakeOption) -> inspect.Parameter:
    kind: Any = bool if option.metavar is None else list[str] if option.many else str
    default: Any = False if option.metavar is None else [] if option.many else None
    if option.required:
        default = inspect.Parameter.empty
    elif kind is str:
        kind = str | None
    if option.is_argument:
        about: Any = typer.Argument(metavar=option.metavar, help=option.help)
    else:
        about = typer.Option(option.name, metavar=option.metavar, help=option.help)
    return inspect.Parameter(
        option.key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, about]
    )


def _function(command: IntakeCommand) -> Callable[..., None]:
    """A function with the signature that Typer reads the command's options from."""

    def call(**given: Any) -> None:
        if code := commands.run(command, given):
            raise typer.Exit(code)

    parameters = [_parameter(option) for option in command.options]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    call.__doc__ = textwrap.dedent("    " + command.help).strip()
    return call


for _command in COMMANDS:
    group.command(_command.name)(_function(_command))
