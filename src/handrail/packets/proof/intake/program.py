"""The program of the one file: argparse for the commands of ``definition``, errors as one line, exit codes as ever."""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence

from handrail.kernel.errors import HandrailError
from handrail.packets.proof.intake import commands, printing
from handrail.packets.proof.intake.definition import COMMANDS, IntakeOption

NAME = "handrail-intake"
ABOUT = "Check packages of a Handrail installation, offline, with the sender's public keys alone."
CODES = (
    "Exit codes: 0 done, 1 refused, 2 wrong input, 5 not possible now, 8 in order, but --lane was not given, "
    "130 interrupted."
)
INTERRUPTED, BROKEN_PIPE = 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; its exit code."""
    given = parser().parse_args(arguments)
    try:
        code = commands.run(given.command, vars(given))
        sys.stdout.flush()
    except HandrailError as error:
        printing.say(f"{NAME}: {error.message} [{error.code}]", stream=sys.stderr)
        for fault in error.faults:
            printing.say(f"  {fault}", stream=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that nothing fails at the end
        return BROKEN_PIPE
    return code


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        NAME, description=_filled(ABOUT), epilog=_filled(CODES), formatter_class=_Lines, allow_abbrev=False
    )
    groups = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        text = textwrap.dedent("    " + command.help).strip()
        one = groups.add_parser(
            command.name,
            help=text.partition("\n")[0],
            description=_filled(text),
            formatter_class=_Lines,
            allow_abbrev=False,
        )
        one.set_defaults(command=command)
        for option in command.options:
            _add(one, option)
    return made


def _filled(text: str) -> str:
    """Each paragraph wrapped."""
    return "\n\n".join(textwrap.fill(part, printing.COLUMNS) for part in text.split("\n\n"))


def _add(one: argparse.ArgumentParser, option: IntakeOption) -> None:
    if option.is_argument:
        one.add_argument(option.key, metavar=option.metavar, help=option.help)
    elif option.metavar is None:
        one.add_argument(option.name, dest=option.key, action="store_true", help=option.help)
    elif option.many:
        one.add_argument(
            option.name, dest=option.key, metavar=option.metavar, action="append", default=[], help=option.help
        )
    else:
        one.add_argument(
            option.name, dest=option.key, metavar=option.metavar, required=option.required, help=option.help
        )


class _Lines(argparse.RawDescriptionHelpFormatter):
    """80 columns whatever the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=printing.COLUMNS)
