"""A process that dies by SIGKILL just before or just after one durable step of a release: ``victim.py WHEN KIND``.

KIND is a row of the delivery ledger. The decision itself (``released``) is made by a person, the rest by a worker.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from handrail.conf.start import start


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(when: str, kind: str, updated_at: str) -> None:
    start()
    from django.db import transaction

    from handrail.packets import ledger
    from handrail.worker.service import WorkerSettings, serve

    append = ledger.append

    def dying_append(revision: Any, *rows: Any, **more: Any) -> Any:
        concerned = kind in {row.kind for row in rows}
        if concerned and when == "before":
            die()
        new = append(revision, *rows, **more)
        if concerned:
            transaction.on_commit(die)
        return new

    ledger.append = dying_append
    if kind == "released":
        release(updated_at)
    serve(WorkerSettings(concurrency=1, sweep_seconds=0.5, pull_seconds=3600))


def release(updated_at: str) -> None:
    """Decides the release of the one revision that there is, with the sources as they were."""
    from handrail.access import queries as access
    from handrail.access.models import Tenant
    from handrail.kernel import scope
    from handrail.kernel.clock import now
    from handrail.packets.models import Revision
    from tests.factories.packets import Packets, Sources, Vendor, connected

    sources = Sources(now())
    sources.case["updated_at"] = updated_at
    space = access.get_workspace()
    by = access.worker("w", space.pk)
    scope.change(by.scope)  # as a page does for whoever acts
    desk = Packets(space, Tenant.objects.get(), sources, Vendor(), by, {})
    with connected(desk):
        desk.release(Revision.objects.select_related("packet", "assembly").get())


main(*sys.argv[1:])
