"""``handrail definitions``: runbooks and tables, proposed by one person and approved by another."""

from __future__ import annotations

import typer

group = typer.Typer(help="Definitions: check, propose, approve, reject, list, show.")
