"""Runs one command and turns what goes wrong into one clear line and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

from typer import Abort, Exit
from typer import echo as say
from typer._click.exceptions import ClickException  # Typer brings its own Click, and no other name for this
from typer.main import get_command

from handrail.cli.commands import app
from handrail.kernel import clock, scope
from handrail.kernel.errors import Denied, Fault, HandrailError, Invalid, Misconfigured, Unavailable
from handrail.kernel.hostile import clean_text, is_storable

USAGE = 2
INTERRUPTED = 130
SHOWN_LIMIT = 2000  # of a message or fault; none of ours is as long

EXIT_CODES = {
    0: "done",
    1: "something is wrong: a check failed, or an unexpected error (with its traceback)",
    2: "the input or the command line is wrong; the message names the field or option",
    3: "not found, or you don't have access",
    4: "in your scope, but your roles don't include the permission for it; written to the audit log",
    5: "not possible in the current state, or someone else acted first",
    6: "the database or an external system did not respond",
    7: "handrail.toml or a secret needs fixing, the port is in use, or the database is not migrated",
    INTERRUPTED: "interrupted",
}


def main() -> NoReturn:
    """The program ``handrail``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs the command that ``arguments`` spell and returns its exit code. Errors are printed on standard error."""
    # Until its end, a command is in the scope of who acts, and goes by the clock of the database.
    with scope.entered(scope.current()), clock.followed.use(clock.followed.find()):
        return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    try:
        _check_text(arguments)
        result = get_command(app)(args=list(arguments), prog_name="handrail", standalone_mode=False)
    except HandrailError as error:
        return _report(error, arguments)
    except Exit as ended:
        return ended.exit_code
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ClickException as error:
        error.show()
        return USAGE
    except _database_lacks_tables():
        say("handrail: The database is not migrated to this version. Run: handrail migrate [not-migrated]", err=True)
        return Misconfigured.exit_code
    except _database_away():
        say("handrail: The database is not responding. Is it running? Try: handrail check [unavailable]", err=True)
        return Unavailable.exit_code
    return result if isinstance(result, int) else 0


def _check_text(arguments: Sequence[str]) -> None:
    """The gate for what nothing can keep: an argument that is not UTF-8 comes in as half surrogate pairs."""
    for number, argument in enumerate(arguments, start=1):
        if not is_storable(argument):
            fault = Fault(f"argument {number}", "expected text in UTF-8, without NUL")
            raise Invalid("The command line can't be read.", code="unreadable", faults=[fault])


def _report(error: HandrailError, arguments: Sequence[str]) -> int:
    if isinstance(error, Denied):
        _record_denial(error, arguments)
    say(f"handrail: {_shown(error.message)} [{error.code}]", err=True)
    for fault in error.faults:
        say(f"  {_shown(str(fault))}", err=True)
    return error.exit_code


def _shown(text: str) -> str:
    """``text`` without what a terminal would obey: a fault names fields of files, and a message the files, that others
    have named."""
    return clean_text(text, limit=SHOWN_LIMIT)


def _record_denial(denied: Denied, arguments: Sequence[str]) -> None:
    from handrail.access import actions
    from handrail.cli import identity

    who = identity.acting()
    if who is not None:
        words = [word for word in arguments[:2] if not word.startswith("-")]
        actions.record_denial(denied, by=who, where=" ".join(["handrail", *words]))


def _database_lacks_tables() -> tuple[type[Exception], ...]:
    """What Django raises for a table or column that is not there, if migrations are pending; else nothing."""
    if "django.db" not in sys.modules:
        return ()
    from django.db import Error, ProgrammingError

    from handrail.cli import migrations

    try:
        return (ProgrammingError,) if migrations.pending() else ()
    except Error:
        return ()


def _database_away() -> tuple[type[Exception], ...]:
    """What Django raises when the database does not answer; nothing, while no command has needed Django."""
    if "django.db" not in sys.modules:
        return ()
    from django.db import InterfaceError, OperationalError

    return InterfaceError, OperationalError
