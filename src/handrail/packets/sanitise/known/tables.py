"""How the longer lists are written down."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of ``text``, which are apart by white space."""
    return frozenset(text.split())


def table(text: str) -> dict[str, frozenset[str]]:
    """Of ``key value value …`` a line; a line that begins with a space goes on with the one before."""
    rows: dict[str, list[str]] = {}
    row: list[str] = []
    for line in text.strip("\n").splitlines():
        first, *more = line.split()
        if line.startswith(" "):
            row += [first, *more]
        else:
            row = rows[first] = more
    return {key: frozenset(values) for key, values in rows.items()}
