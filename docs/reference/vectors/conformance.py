#!/usr/bin/env python3
"""Runs a verifier of Handrail's packages on the vectors beside this file, and lists what it gets wrong.

    python3 conformance.py [--verdicts] [--only NAME] COMMAND [ARGUMENT ...]

COMMAND is called with: verify PACKAGE --key PUB --at TIME --json, and where the case has them --lane LANE, --pins FILE,
--recalls DIRECTORY, --accepted DIRECTORY, --once. It must exit with 0 (accepted), 1 (refused) or 8 (in order, but no
lane was compared), and print one JSON object whose "findings" have "code" and "refuses". With --verdicts the exit code
alone counts. Needs Python 3.9 or later and nothing else; changes nothing.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXIT = {"accepted": 0, "refused": 1, "not-compared": 8}
ANSWERS = {code: answer for answer, code in EXIT.items()}
SECONDS = 60


def main():
    parser = argparse.ArgumentParser(description="Run a verifier on the vectors, and list what it gets wrong.")
    parser.add_argument("--verdicts", action="store_true", help="compare verdicts alone, not the codes")
    parser.add_argument("--only", action="append", default=[], help="this case alone; may be repeated")
    parser.add_argument("--vectors", type=pathlib.Path, default=HERE, help="the vectors' folder")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the verifier")
    given = parser.parse_args()
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        parser.error("name the command that runs your verifier")
    index = json.loads((given.vectors / "index.json").read_text(encoding="utf-8"))
    cases = [case for case in index["cases"] if not given.only or case["name"] in given.only]
    wrong = [(case, why) for case in cases for why in [check(case, command, given)] if why]
    for case, why in wrong:
        print(f"{case['name']} ({', '.join(case['clauses'])}; {case['why']}): {why}")
    print(f"{len(cases)} cases, {len(cases) - len(wrong)} right, {len(wrong)} wrong")
    return 1 if wrong or not cases else 0


def check(case, command, given):
    """What the verifier gets wrong; empty when it is right."""
    try:
        done = subprocess.run(
            [*command, *arguments(case, given.vectors)], stdout=subprocess.PIPE, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {SECONDS} seconds"
    if done.returncode != EXIT[case["answer"]]:
        answer = ANSWERS.get(done.returncode, f"exit code {done.returncode}")
        return f"{case['answer']} is right, {answer} was answered"
    if given.verdicts:
        return ""
    try:
        findings = json.loads(done.stdout)["findings"]
        codes = {True: set(), False: set()}
        for one in findings:
            codes[bool(one["refuses"])].add(one["code"])
    except (ValueError, KeyError, TypeError):
        return "the output is not one JSON object with findings"
    for refuses, expected in ((True, case["codes"]), (False, case["notes"])):
        if codes[refuses] != set(expected):
            kind = "codes" if refuses else "notes"
            return f"{kind} {expected} are right, {sorted(codes[refuses])} were answered"
    return ""


def arguments(case, folder):
    found = ["verify", str(folder / case["package"]), "--key", str(folder / case["keys"]), "--at", case["at"], "--json"]
    if case["lane"] is not None:
        found += ["--lane", case["lane"]]
    for name in ("pins", "recalls", "accepted"):
        if name in case:
            found += [f"--{name}", str(folder / case[name])]
    return found + (["--once"] if case["once"] else [])


if __name__ == "__main__":
    sys.exit(main())
