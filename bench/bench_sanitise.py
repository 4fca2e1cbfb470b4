"""How fast and how hungry the sanitisers are, against parsing and printing the same JSON with the standard library.

    python bench/bench_sanitise.py CAPTURE.har [--rounds 25] [--kind har/v1]

Prints figures; it never passes or fails on a time. CPU times, the least of several rounds, alternating.
"""

from __future__ import annotations

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from handrail.packets.sanitise import SANITISERS, sanitise


def seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("capture", type=Path)
    parser.add_argument("--kind", choices=sorted(SANITISERS), default="har/v1")
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    data = options.capture.read_bytes()
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
    bytes_out = len(result.data) if result.data is not None else 0
    print(
        f"output            {bytes_out / len(data):8.1%} of input; fields kept: {dict(result.report.get('kept', {}))}"
    )


if __name__ == "__main__":
    main()
