"""``handrail sandbox``: the practice estate. Needs neither configuration nor Django."""

from __future__ import annotations

from typing import Annotated

import typer

from handrail.sandbox.server import serve

SandboxPort = Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to listen on, on 127.0.0.1.")]


def sandbox(*, port: SandboxPort = 8900) -> None:
    """Serve the practice estate: the external systems of the demo, with scripted faults. Never for production."""
    serve(port=port)
