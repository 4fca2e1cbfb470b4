"""Makes docs/security/asvs.md of docs/security/asvs.toml, and holds it against the standard's list and this repository.

Each requirement of levels 1 and 2 stands there once, with an answer, and with a test or piece of code that shows it.
Numbers, levels and meaning are those of OWASP ASVS 5.0.0; the words are ours.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path("docs/security/asvs.toml")
ANSWERS = {
    "met": "met",
    "deployment": "met by deployment: by what the operator sets up, as the guides say",
    "partly": "met in part; the rest is missing",
    "missing": "missing",
    "n/a": "not applicable",
}
# By chapter and section, how the levels of the requirements follow one another: 3 is left out of the table. From
# OWASP_Application_Security_Verification_Standard_5.0.0_en.csv, https://github.com/OWASP/ASVS/tree/v5.0.0/5.0/docs_en
LEVELS = (
    "22 1111122223 112222222223 222 123", "122 112 12223 23", "3 113 12223 11222233 11122333 3 22333",
    "12233 23333 22 1222", "2 112333 113 222", "122 111111112222 11223333 1122333 22222333 2223 33 2222",
    "222 1111 22 11222 223 22", "1233 1123 133 23", "111 1222", "22 223 22223 1111122222233333 22222 22 222",
    "2233 22233 11233 1222 23 23 33", "12233 11 22223", "2333 222223 2233 1222233", "22 12223333 122",
    "12233 12233 1222222 3333", "2 22222 2222 222 2223", "23 22223333 22",
)  # fmt: skip
CHAPTERS = (
    "Encoding and sanitization", "Validation and business logic", "Web frontend", "API and web service",
    "File handling", "Authentication", "Session management", "Authorization", "Self-contained tokens", "OAuth and OIDC",
    "Cryptography",    "Secure communication", "Configuration", "Data protection", "Secure coding and architecture",
    "Logging and error handling", "WebRTC",
)  # fmt: skip
HEAD = """\
Every requirement of levels 1 and 2 of the [OWASP Application Security Verification Standard
5.0.0](https://github.com/OWASP/ASVS/tree/v5.0.0) (May 2025), answered for Handrail itself. Numbers and levels are the
standard's; the text of each is our paraphrase. The standard, by the OWASP Foundation, is licensed under
[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/), and so is this page. What the standard says decides.
This is a self-assessment: nobody else has verified it.
"""

Entry = Mapping[str, Any]


def standard() -> dict[str, int]:
    """Every number of levels 1 and 2, with its level."""
    found = {}
    for chapter, sections in enumerate(LEVELS, 1):
        for section, levels in enumerate(sections.split(), 1):
            found |= {f"{chapter}.{section}.{n}": int(level) for n, level in enumerate(levels, 1) if level != "3"}
    return found


def page(note: str) -> str:
    """The page, beginning with ``note``. Raises ValueError naming what does not fit."""
    entries = tomllib.loads((ROOT / TABLE).read_text(encoding="utf-8"))
    if faults := list(faults_of(entries)):
        raise ValueError("; ".join(faults))
    counts = Counter(entry["answer"] for entry in entries.values())
    parts = [f"{note}\n# OWASP ASVS 5.0, levels 1 and 2\n", HEAD, "| answer | requirements |\n|---|---|"]
    parts += [f"| {words} | {counts[answer]} |" for answer, words in ANSWERS.items()]
    parts.append(f"| in all | {len(entries)} |\n")
    for answer in ("missing", "partly"):
        parts.append(
            f"**{answer.capitalize()}**: {', '.join(n for n, e in entries.items() if e['answer'] == answer)}.\n"
        )
    for number, title in enumerate(CHAPTERS, 1):
        parts.append(
            f"## V{number} {title}\n\n| number | level | requirement | answer | shown by |\n|---|---|---|---|---|"
        )
        parts += [row(n, e) for n, e in entries.items() if n.split(".")[0] == str(number)]
        parts[-1] += "\n"
    return "\n".join(parts)


def faults_of(entries: Mapping[str, Entry]) -> Iterator[str]:
    """What is missing, unknown, out of order, without a reason, or names what is not there."""
    wanted = standard()
    yield from (f"{number} is missing" for number in wanted if number not in entries)
    yield from (f"{number} is not a requirement of level 1 or 2" for number in entries if number not in wanted)
    for number, entry in entries.items():
        if entry["level"] != wanted.get(number):
            yield f"{number} has another level"
        if entry["answer"] not in ANSWERS:
            yield f"{number} has an unknown answer"
        if not entry["how"].strip() or not entry["text"].strip():
            yield f"{number} says nothing"
        if entry["answer"] != "n/a" and not entry["shown"]:
            yield f"{number} names neither test nor code"
        yield from (f"{number} names {shown}, which is not there" for shown in entry["shown"] if not exists(shown))


def exists(shown: str) -> bool:
    """Whether the path is there, and in it the test that follows after ``::``."""
    path, _, test = shown.partition("::")
    file = ROOT / path
    return file.exists() and (not test or f"def {test}(" in file.read_text(encoding="utf-8"))


def row(number: str, entry: Entry) -> str:
    shown = "<br>".join(
        f"[{name.partition('::')[2] or name}](../../{name.partition('::')[0]})" for name in entry["shown"]
    )
    return f"| {number} | {entry['level']} | {entry['text']} | **{entry['answer']}**: {entry['how']} | {shown} |"
