"""What a run costs the processor in a worker and in its server's process, with statements prepared and without.

    python -m bench.bench_prepared [--runs 300] [--rounds 3]

Prints figures and ratios of one session on one machine. It passes and fails on nothing. One thread advances runs as a
worker does, by turns with and without preparing; processor time is less disturbed by what else the machine does than
runs a second are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from bench.installation import installation, processor_seconds

if TYPE_CHECKING:
    from tests.factories.runs import Runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory, installation(directory, ""):
        measure(given.runs, given.rounds)


def measure(runs: int, rounds: int) -> None:
    from tests.factories.installation import Installation
    from tests.factories.switches import BoardConnector, SwitchBoard

    from bench.worker_process import Anything
    from handrail.connectors import registry
    from handrail.work.prepared import preparing

    estate, board = Installation().runs, SwitchBoard(switches=Anything())
    with registry.use(registry.Registry(MappingProxyType({"board": BoardConnector(board, deadline_seconds=10)}))):
        found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for number in range(rounds + 1):
            for prepares, costs in found.items():
                with preparing.use(prepares):
                    cost = _cost(estate, f"{number}-{prepares}", runs if number else 20)
                if number:  # the first round fills caches
                    costs.append(cost)
    (worker, server), (worker_prepared, server_prepared) = (
        [statistics.median(side) * 1000 for side in zip(*costs, strict=True)] for costs in found.values()
    )
    print(f"{'':22} {'unprepared':>12} {'prepared':>12}   milliseconds of processor time a run, median")
    print(f"{'worker':22} {worker:12.2f} {worker_prepared:12.2f}   {worker_prepared / worker:.2f}")
    print(f"{'its server process':22} {server:12.2f} {server_prepared:12.2f}   {server_prepared / server:.2f}")


def _cost(estate: Runs, word: str, runs: int) -> tuple[float, float]:
    """Seconds of processor time a run, of this process and of the server's for its connection."""
    from django.db import connection

    from handrail.kernel.scope import NOTHING, entered
    from handrail.runbooks.actions import claims
    from handrail.worker import handlers

    for number in range(runs):
        estate.start(f"COST-{word}-{number}", f"cost{word}-{number}")
    server, done = connection.connection.info.backend_pid, 0
    own_before, server_before = time.process_time(), processor_seconds(server)
    while done < runs:
        with entered(NOTHING):
            got = claims.claim_runs(4)
        for claim in got:
            handlers.run(claim)
        done += len(got)
    return (time.process_time() - own_before) / runs, (processor_seconds(server) - server_before) / runs


if __name__ == "__main__":
    main()
