"""Finds words that Handrail's prose does not use, and says what to write instead.

    python docs/prose.py

Reads pages, templates, definitions, examples, and of the source every text with a space in it, every docstring and
every comment. A line that must quote such a word carries the mark ``prose: quoted``, in whatever its comments are.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MARK = "prose: quoted"
GENERATED = "<!-- Made by docs/generate.py"

# A pattern, without regard to case, and what to write instead.
WORDS: tuple[tuple[str, str], ...] = (
    (r"mend(?:s|ed|ing)?", "fix"),
    (r"anew", "again"),
    (r"whoever", "the person who, anyone who"),
    (r"whom", "who, or another sentence"),
    (r"shall", "must, will"),
    (r"lacking", "missing"),
    (r"(?:in|into|out of) force", "active, in effect; deprecate"),
    (r"(?:is|are|was|were|be|been|being)(?: not| never| also| then)? told", "sees, gets, is notified"),
    (r"(?<!there\s)(?:is|are|was|were) no (?!longer\b|more\b|less\b|other\b|such\b|one\b)[a-z]+", "is not a …"),
    (r"yours to see", "you don't have access"),
    (r"by which", "that, with which"),
    (r"of (?:its|their|one's|your|our) own\b[^.]*\bof (?:its|their|one's|your|our) own", "say it once"),
    (r"(?:a|another|the) hand(?! in\b| off\b)", "a worker"),
    (r"(?-i:On what terms)", "Details"),
    (r"(?-i:On what it stands)", "Sources and digests"),
    (r"(?-i:Stays inside)", "Withheld"),
    (r"(?-i:Is the record whole)", "Audit log integrity"),
    (r"(?-i:Asked for with)", "Inputs"),
    (r"sign of life", "heartbeat"),
    (r"says what to fix", "tells you what to fix"),
)
_GAP = r"(?:[\s#]|[\"']\s+[\"'])+"  # a phrase may go on in the next line, of a comment or a divided literal too
PATTERN = re.compile(
    "|".join(rf"\b(?P<w{i}>{pattern.replace(' ', _GAP)})\b" for i, (pattern, _) in enumerate(WORDS)),
    re.IGNORECASE,
)

Line = tuple[int, str]


def main() -> int:
    found = [(path, *finding) for path, lines in texts() for finding in look(path, lines)]
    for path, number, word, instead in found:
        print(f"{path.relative_to(ROOT)}:{number}: “{word}”: write {instead}")
    print(f"prose: {len(found)} findings", file=sys.stderr)
    return 1 if found else 0


def look(path: Path, lines: list[Line]) -> Iterator[tuple[int, str, str]]:
    """Line, word and advice of each finding in the prose of one file."""
    marked = {n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1) if MARK in line}
    text = "\n".join(line for _, line in lines)
    starts = [0]
    for _, line in lines:
        starts.append(starts[-1] + len(line) + 1)
    number = 0
    for match in PATTERN.finditer(text):
        while starts[number + 1] <= match.start():
            number += 1
        if lines[number][0] not in marked:
            which = next(i for i in range(len(WORDS)) if match[f"w{i}"] is not None)
            yield lines[number][0], " ".join(match[0].split()), WORDS[which][1]


def texts() -> Iterator[tuple[Path, list[Line]]]:
    """Every file with prose, and its lines of prose."""
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md")]):
        text = path.read_text(encoding="utf-8")
        if not text.startswith(GENERATED):
            yield path, list(of_markdown(text))
    for path in sorted(ROOT.glob("src/handrail/**/*.html")):
        yield path, list(of_template(path.read_text(encoding="utf-8")))
    for path in sorted(ROOT.glob("src/handrail/**/*.py")):
        if "migrations" not in path.parts:
            yield path, list(of_python(path.read_text(encoding="utf-8")))
    for path in sorted({*ROOT.glob("docs/*.py"), *ROOT.glob("bench/*.py")} - {Path(__file__).resolve()}):
        yield path, list(of_python(path.read_text(encoding="utf-8")))
    for pattern in (
        "definitions/**/*.yaml",
        "desks/*.toml",
        "task_systems/*.toml",
        "docs/**/*.toml",
        "deploy/*",
        "Makefile",
        "pyproject.toml",
        "src/handrail/**/*.js",
        ".ci/*",
        "docs/**/*.yaml",
    ):
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file():
                yield path, list(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))


def of_markdown(text: str) -> Iterator[Line]:
    """Without blocks of code and what stands between backticks."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line)


def of_template(text: str) -> Iterator[Line]:
    """Without variables and tags, but with the texts that tags are given."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield number, re.sub(r"\{[{%].*?[%}]\}", lambda tag: " ".join(re.findall(r"\"[^\"]*\"|'[^']*'", tag[0])), line)


def of_python(text: str) -> Iterator[Line]:
    """Comments, docstrings, and other literals with a space in them, or a capital letter at their beginning."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        literal = token.type == tokenize.STRING or "FSTRING_MIDDLE" in tokenize.tok_name[token.type]
        if token.type == tokenize.COMMENT or (literal and (" " in token.string or token.string[1:2].isupper())):
            for offset, line in enumerate(token.string.split("\n")):
                yield token.start[0] + offset, line.lstrip("# ") if token.type == tokenize.COMMENT else line


if __name__ == "__main__":
    sys.exit(main())
