"""Options that many commands share, each with its one help text."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

As = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help="Act as this member, instead of as the operator."),
]
InWorkspace = Annotated[
    str | None,
    typer.Option("--workspace", metavar="SLUG", help="The workspace to act in. Needed only if there are several."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table for people.")]
_TIMES = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z"]
Before = Annotated[
    datetime | None,
    typer.Option(
        metavar="TIME",
        formats=_TIMES,
        help="Only older ones, such as 2026-11-22T14:00:00Z.",
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", metavar="TIME", formats=_TIMES, help="Only what came then or later, such as 2026-11-22T14:00:00Z."
    ),
]
Until = Annotated[
    datetime | None, typer.Option("--until", metavar="TIME", formats=_TIMES, help="Only what came before then.")
]
Limit = Annotated[int, typer.Option(min=1, max=500, help="At most this many rows, newest first.")]
TenantKey = Annotated[str, typer.Option("--tenant", metavar="KEY", help="Only what belongs to this tenant.")]
RunRef = Annotated[str, typer.Argument(metavar="RUN", help="The run's reference, RUN-….")]
ExceptionRef = Annotated[str, typer.Argument(metavar="EXCEPTION", help="The exception packet's reference, EXC-….")]
JsonFile = Annotated[Path, typer.Argument(metavar="FILE", help="A JSON file, or - for standard input.")]
