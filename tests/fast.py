"""Prints the tests of one slice, or of what git says has changed: ``fast.py [SLICE]``, as arguments for pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("unit", "integration", "functional", "peers")


def main(wanted: str) -> None:
    paths = of_slice(wanted) if wanted else sorted({path for name in changed() for path in tests_of(name)})
    print(*(paths or ["tests/unit"]))


def of_slice(name: str) -> list[str]:
    """Where the tests of ``src/handrail/<name>`` are; exits when there are none."""
    found = [f"tests/{kind}/{name}" for kind in KINDS if (ROOT / "tests" / kind / name).is_dir()]
    if not found:
        known = sorted(each.name for each in (ROOT / "tests" / "unit").iterdir() if each.is_dir())
        sys.exit(f"No slice is called {name}. Slices: {', '.join(known)}")
    return found


def tests_of(changed_file: str) -> list[str]:
    """A changed test runs itself, a changed module the tests of its slice."""
    parts = Path(changed_file).parts
    if parts[0] == "tests" and parts[-1].startswith("test_") and (ROOT / changed_file).exists():
        return [changed_file]
    if parts[:2] == ("src", "handrail") and len(parts) > 3:
        return [path for kind in ("unit", "integration") if (ROOT / (path := f"tests/{kind}/{parts[2]}")).is_dir()]
    return []


def changed() -> list[str]:
    """What differs from the last commit, and what is new; after a commit, what the commit changed."""
    lines = _git("diff", "--name-only", "HEAD") + _git("ls-files", "--others", "--exclude-standard")
    return lines or _git("diff", "--name-only", "HEAD~1", "HEAD")


def _git(*arguments: str) -> list[str]:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")[:-1]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
