"""How fast and how hungry the sanitisers are, against parsing and printing the same JSON with the standard library.

    python -m bench.bench_sanitise [CAPTURE.har] [--rounds 25] [--kind har/v1]

Without a capture: the practice estate's log-in, many times over with other secrets each time. Prints figures and what
fraction survives; it never passes or fails on a time. CPU times, the least of several rounds, alternating.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from handrail.packets.sanitise import SANITISERS, sanitise
from handrail.sandbox import capture

BYTES = 1_800_000


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("capture", type=Path, nargs="?")
    parser.add_argument("--kind", choices=sorted(SANITISERS), default="har/v1")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    data = options.capture.read_bytes() if options.capture else practice()
    pairs = [
        (seconds(lambda: json.dumps(json.loads(data))), seconds(lambda: sanitise(options.kind, data)))
        for _ in range(options.rounds)
    ]
    plain, cleaned = min(p for p, _ in pairs), min(c for _, c in pairs)
    tracemalloc.start()
    result = sanitise(options.kind, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    mib = len(data) / 2**20
    print(f"artifact          {mib:8.2f} MiB  cleared: {result.cleared} {[r.code for r in result.reasons]}")
    print(f"json.loads+dumps  {plain * 1000:8.1f} ms")
    print(f"sanitise          {cleaned * 1000:8.1f} ms   {mib / cleaned:.1f} MiB/s  {cleaned / plain:.2f} x plain")
    print(f"peak memory       {peak / len(data):8.2f} x input")
    if result.data is not None:
        print(f"output            {len(result.data) / len(data):8.1%} of the bytes")
        survival(json.loads(data), json.loads(result.data))


def practice() -> bytes:
    """A capture of about 1.8 MB: the practice log-in again and again, its secrets turned by a letter each time."""
    once, secrets = capture.har(), capture.secrets().values()
    log: dict[str, Any] = json.loads(once)["log"]
    for turn in range(1, BYTES // len(once)):
        text = once.decode()
        for secret in secrets:
            at = turn % len(secret)
            text = text.replace(secret, secret[at:] + secret[:at])
        log["entries"] += json.loads(text)["log"]["entries"]
    return json.dumps({"log": log}, indent=1).encode()


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
