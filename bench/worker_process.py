"""A real worker whose only outside system is in its own process, so that the bench measures Handrail and PostgreSQL."""

from __future__ import annotations

import sys
from types import MappingProxyType

from handrail.conf.start import start


class Anything(dict[str, dict[str, str]]):
    """Every switch exists, off until it is flipped."""

    def get(self, key: str, _: object = None) -> dict[str, str]:  # type: ignore[override]
        return self.setdefault(key, {"state": "off", "fuse": "ok", "owner": "ten_one"})


def main(concurrency: int) -> None:
    start()
    from tests.factories.switches import BoardConnector, SwitchBoard

    from handrail.connectors import registry
    from handrail.worker.service import WorkerSettings, serve

    board = SwitchBoard(switches=Anything())
    registry.configure(registry.Registry(MappingProxyType({"board": BoardConnector(board, deadline_seconds=10)})))
    serve(WorkerSettings(concurrency=concurrency, sweep_seconds=5, pull_seconds=3600))


if __name__ == "__main__":
    main(int(sys.argv[1]))
