"""The published vectors: written by their program, answered by the verifier, and wrong answers are found."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from handrail.packets.proof.findings import Code
from handrail.packets.proof.intake import program
from tests import vectors

FOLDER = vectors.FOLDER
CLIENT = FOLDER / "conformance.py"
MOST_BYTES = 1024 * 1024
WRITTEN = {"README.md", "conformance.py"}
EXIT = {"accepted": 0, "refused": 1, "not-compared": 8}
# What no small package can show, or what depends on the receiver's clock at the act.
SHOWN_ELSEWHERE = {
    Code.TOO_LARGE,
}


@cache
def cases() -> dict[str, Any]:
    return {one["name"]: one for one in json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))["cases"]}


def arguments(case: dict[str, Any]) -> list[str]:
    named: dict[str, Any] = {}
    exec(
        compile(CLIENT.read_text(encoding="utf-8"), str(CLIENT), "exec"),
        {"__name__": "client", "__file__": str(CLIENT)},
        named,
    )
    found: list[str] = named["arguments"](case, FOLDER)
    return found


def test_the_folder_is_what_its_program_writes() -> None:
    there = {str(file.relative_to(FOLDER)): file.read_bytes() for file in FOLDER.rglob("*") if file.is_file()}
    made = vectors.folder()
    assert set(there) - WRITTEN == set(made), "run: python -m tests.vectors"
    assert [path for path, raw in made.items() if there[path] != raw] == [], "run: python -m tests.vectors"
    assert sum(map(len, there.values())) < MOST_BYTES


def test_thirty_kinds_of_bad_are_there_and_every_code_of_a_refusal() -> None:
    bad = [one for one in cases().values() if one["answer"] == "refused"]
    codes = {code for one in cases().values() for code in (*one["codes"], *one["notes"])}
    assert len(bad) >= 30
    assert {*Code} - SHOWN_ELSEWHERE == codes


@pytest.mark.parametrize("name", sorted(cases()))
def test_the_verifier_gives_the_answer_of_the_vector(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    case = cases()[name]
    assert program.main(arguments(case)) == EXIT[case["answer"]]
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert sorted({one["code"] for one in findings if one["refuses"]}) == case["codes"]
    assert sorted({one["code"] for one in findings if not one["refuses"]}) == case["notes"]


def conformance(
    tmp_path: Path, verifier: str, *options: str, only: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "verifier.py"
    script.write_text(verifier)
    chosen = [word for name in only for word in ("--only", name)]
    command = [sys.executable, str(CLIENT), *options, *chosen, sys.executable, str(script)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


RIGHT = "import sys; from handrail.packets.proof.intake.program import main; sys.exit(main())\n"
# A verifier whose author forgot one thing.
FORGETFUL = "from handrail.packets.proof import keys; import re; keys._NOTE = keys._MEANT = re.compile('(?!)()()'); "
FORGETS_KEYS = RIGHT.replace("sys.exit", f"{FORGETFUL}sys.exit")
ACCEPTS_ALL = "import json; print(json.dumps({'findings': []}))\n"
SILENT = "import sys; sys.exit(1)\n"
CHOSEN = ("good-form-1", "revoked-key", "no-lane")


def test_the_client_finds_nothing_wrong_with_the_right_verifier(tmp_path: Path) -> None:
    done = conformance(tmp_path, RIGHT, only=CHOSEN)
    assert (done.returncode, done.stdout) == (0, "3 cases, 3 right, 0 wrong\n"), done.stdout


def test_the_client_names_what_a_broken_verifier_accepts(tmp_path: Path) -> None:
    done = conformance(tmp_path, FORGETS_KEYS, only=CHOSEN)
    assert done.returncode == 1
    assert "revoked-key (PF-57; a revoked key, named behind a byte order mark): refused is right" in done.stdout
    assert "3 cases, 2 right, 1 wrong" in done.stdout


@pytest.mark.parametrize(
    ("verifier", "options", "case", "said"),
    [
        (ACCEPTS_ALL, (), "no-lane", "not-compared is right, accepted was answered"),
        (SILENT, (), "revoked-key", "not one JSON object"),
        (SILENT, ("--verdicts",), "good-form-1", "accepted is right, refused was answered"),
        (ACCEPTS_ALL.replace("[]", "[{'code': 'x', 'refuses': True}]"), (), "good-form-1", "['x'] were answered"),
        ("import sys; sys.exit(3)\n", (), "good-form-1", "exit code 3 was answered"),
    ],
)
def test_the_client_says_what_is_wrong(
    verifier: str, options: tuple[str, ...], case: str, said: str, tmp_path: Path
) -> None:
    done = conformance(tmp_path, verifier, *options, only=(case,))
    assert done.returncode == 1
    assert said in done.stdout
