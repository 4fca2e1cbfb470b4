"""The same measured at an earlier commit: a worktree with an environment of its own, kept under ``var/bench``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "var" / "bench"


def worktree(commit: str) -> Path:
    """Where ``commit`` is checked out, with its dependencies installed; made once."""
    directory = KEPT / commit
    if not (directory / "Makefile").exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        _run("git", "worktree", "prune")
        _run("git", "worktree", "add", "--force", "--detach", str(directory), commit)
    _run("make", ".venv/.dev", f"PYTHON={sys.executable}", cwd=directory)
    return directory


def environment(tree: Path) -> dict[str, str]:
    """Of programs of that tree: none of this one's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANDRAIL_", "DJANGO_"))}
    kept.pop("DATABASE_URL", None)
    return {**kept, "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'src'}"}


def python(tree: Path) -> str:
    return str(tree / ".venv" / "bin" / "python")


def _run(*command: str, cwd: Path = ROOT) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)
