"""How fast and how hungry the sanitisers are, and what they let through, beside the plain ways of doing either.

    python -m bench.bench_sanitise [FILE] [--kind har/v1] [--rounds 9]

For each kind: processor time against parsing and printing the same with the standard library, the least of several
rounds by turns; the memory of a fresh process; a capture of 39 MB. Then the same canaries through a plain deny-list and
through Handrail. Prints figures; it never passes or fails on one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.canaries import planting
from tests.canaries.finding import Haystack
from tests.canaries.kinds import Canary
from tests.corpus import specimens
from tests.corpus.trace_shapes import FORMS
from tests.factories.captures import TOOLS

from bench.deny_list import scrub
from handrail.packets.sanitise import SANITISERS, sanitise
from handrail.sandbox import capture

BYTES, LARGE_BYTES = 1_800_000, 39_000_000
MIB, KIB = 2**20, 1024
# A fresh process: what it holds once all is imported and the file is read, and the most that it held in the end.
_CHILD = """
import sys
from handrail.packets.sanitise import sanitise
sanitise(sys.argv[1], b"{}")
size = lambda name: next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith(name))
before = size("VmRSS")
data = open(sys.argv[2], "rb").read()
open("/proc/self/clear_refs", "w").write("5")  # the highest mark begins from here
sanitise(sys.argv[1], data)
print(size("VmHWM") - before)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--kind", choices=sorted(SANITISERS), default="har/v1")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    if options.file:
        data = options.file.read_bytes()
        measure(options.file.name, options.kind, data, options.rounds)
        result = sanitise(options.kind, data)
        if result.data is not None and options.kind == "har/v1":
            survival(json.loads(data), json.loads(result.data))
        return
    for name, kind, data in samples():
        measure(name, kind, data, options.rounds)
    measure("capture of 39 MB", "har/v1", practice(LARGE_BYTES), 1)
    for line in canaries("bench"):
        print(line)
    small = practice(BYTES)
    survival(json.loads(small), json.loads(sanitise("har/v1", small).data or b"{}"))


def samples() -> Iterator[tuple[str, str, bytes]]:
    """Name, kind and bytes of about 1.8 MB each."""
    found = practice(BYTES)
    yield "capture", "har/v1", found
    groups = [json.loads(line)["resourceSpans"][0] for line in specimens.RECORDED.read_bytes().splitlines()]
    many = groups * (BYTES // len(json.dumps(groups)))
    for form, written in FORMS.items():
        yield f"trace, {form}", "otlp/v1", written(many)
    yield "capture in gzip", "har/v1", gzip.compress(found)
    if "log/v1" in SANITISERS:
        line, seed = planting.logged("bench")[0], 1
        lines = [line]
        while sum(map(len, lines)) < BYTES:
            lines.append(planting.logged(f"bench-{seed}")[0])
            seed += 1
        yield "text log", "log/v1", b"".join(lines)


def practice(size: int) -> bytes:
    """A capture of about so many bytes: the practice log-in again and again, its secrets turned by a letter each
    time."""
    once, secrets = capture.har(), capture.secrets().values()
    log: dict[str, Any] = json.loads(once)["log"]
    for turn in range(1, max(size // len(once), 2)):
        text = once.decode()
        for secret in secrets:
            at = turn % len(secret)
            text = text.replace(secret, secret[at:] + secret[:at])
        log["entries"] += json.loads(text)["log"]["entries"]
    return json.dumps({"log": log}, indent=1).encode()


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def plainly(data: bytes) -> None:
    """Parses and prints it as the standard library does, unpacked and by the line where it must be."""
    raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    try:
        json.dumps(json.loads(raw))
    except ValueError:
        for line in raw.decode().splitlines():
            try:
                json.dumps(json.loads(line))
            except ValueError:
                json.dumps(line)


def measure(name: str, kind: str, data: bytes, rounds: int) -> None:
    pairs = [(seconds(lambda: plainly(data)), seconds(lambda: sanitise(kind, data))) for _ in range(rounds)]
    plain, cleaned = min(p for p, _ in pairs), min(c for _, c in pairs)
    unpacked = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    result = sanitise(kind, data)
    mib = len(unpacked) / MIB
    held = "" if result.cleared else f"  HELD {[reason.code for reason in result.reasons]}"
    print(
        f"{name:24} {mib:6.1f} MiB  {cleaned:7.3f} s  {mib / cleaned:6.1f} MiB/s  {cleaned / plain:5.2f} x plain  "
        f"{memory(kind, data) / len(unpacked):5.1f} x memory{held}"
    )


def memory(kind: str, data: bytes) -> int:
    """Bytes that a fresh process needs for it, the file's own among them."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, kind, file.name], check=True, capture_output=True, text=True
        )
    return int(done.stdout)


def planted(seed: str) -> Iterator[tuple[str, bytes, list[Canary]]]:
    """Kind, bytes and canaries of every capture, trace and shape."""
    for tool in TOOLS:
        yield "har/v1", *planting.capture(tool, seed)
    for form in planting.TRACES:
        yield "otlp/v1", *planting.traced(form, seed)
    for one, found in specimens.captures(seed):
        yield one.kind, one.data, found


def canaries(seed: str) -> Iterator[str]:
    """How many of the same canaries can still be read after a deny-list, and after Handrail."""
    number, after = 0, Counter[str]()
    kinds = Counter[str]()
    cleared = files = 0
    for kind, data, found in planted(seed):
        raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        listed, result = Haystack({"listed": scrub(raw)}), sanitise(kind, data)
        ours = Haystack({"ours": result.data or b""})
        number, files, cleared = number + len(found), files + 1, cleared + result.cleared
        for canary in found:
            after["listed"] += bool(left := listed.found([canary]))
            after["ours"] += bool(ours.found([canary]))
            kinds.update([canary.kind] if left else [])
    yield f"canaries planted          {number:6} in {files} captures and traces"
    yield f"left by a deny-list       {after['listed']:6}  {after['listed'] / number:.1%}"
    yield f"left by Handrail          {after['ours']:6}  in the {cleared} of {files} that leave without a person"
    worst = ", ".join(f"{kind} {left}" for kind, left in kinds.most_common(8))
    yield f"the list's most frequent          {worst}"


def survival(before: Any, after: Any) -> None:
    """Prints, for each member, in how many of its places it still is, and how many of its values are unchanged."""
    had, has = Counter(place for place, _ in leaves(before)), Counter(place for place, _ in leaves(after))
    same = Counter(leaves(before)) & Counter(leaves(after))
    unchanged = Counter(place for place, _ in same.elements())
    there, kept = has.total() / had.total(), same.total() / had.total()
    print(f"values            {there:8.1%} still have a place, {kept:.1%} unchanged")
    for place, number in had.most_common():
        if has[place] or number > had.total() / 100:
            print(
                f"  {place:52} {number:6}  {has[place] / number:6.0%} there  {unchanged[place] / number:6.0%} unchanged"
            )


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every value with the members that lead to it, list positions left out."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{place}.{name}" if place else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, place)
    else:
        yield place, str(value)


if __name__ == "__main__":
    main()
