"""``handrail demo``: the whole product on a practice estate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handrail.cli import installation
from handrail.cli.demo import workspace as workspaces
from handrail.cli.demo.run import run

Once = Annotated[bool, typer.Option("--once", help="End with the report instead of serving the pages.")]
Where = Annotated[Path, typer.Option("--directory", help="Where the demo keeps its state. It starts afresh each time.")]


def demo(*, once: Once = False, directory: Where = Path("var/demo")) -> None:
    """Watch delegated tasks run through approved runbooks on a practice estate, then look around.

    Exit code 1 when any result differs from what the practice estate expects.
    """
    with workspaces.prepare(directory) as workspace:
        installation.use_file(workspace.configuration)
        installation.start()

        raise typer.Exit(run(workspace, once=once))
