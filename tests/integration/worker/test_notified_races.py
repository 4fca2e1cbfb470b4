"""Several workers decide at one moment who is notified of like events: one message, and nobody waits for a lease."""

from __future__ import annotations

import threading

from django.db import connection

from handrail.access import queries as access
from handrail.audit.models import Outbox
from handrail.kernel.scope import entered
from handrail.notifications.actions import claims, publishing
from handrail.notifications.models import Notification, NotifiedEvent
from tests.factories.installation import Installation
from tests.factories.notified import Room, notified, responder
from tests.factories.switches import SwitchBoard, connected
from tests.unit.notifications.conftest import ESCALATED, stop


def test_like_events_that_come_at_once_are_one_message(committed_db: str) -> None:
    estate, board = Installation(ESCALATED).runs, SwitchBoard()
    failed: list[BaseException] = []
    with connected(board), notified(responder("on-call", {"pager": Room()}), gather=60):
        for number in range(6):
            board.add(f"s{number}", owner=estate.tenant.key)
            stop(estate, board, switch=f"s{number}")
        claimed = claims.claim(10)
        assert len(claimed) == 6
        together = threading.Barrier(len(claimed))

        def publish(number: int) -> None:
            claim = claimed[number]
            worker = access.worker(f"worker-{number}", claim.workspace_id)
            try:
                with entered(worker.scope):
                    together.wait(30)
                    publishing.publish(claim=claim, by=worker)
            except Exception as error:  # noqa: BLE001 - shown by the test
                failed.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=publish, args=(number,)) for number in range(len(claimed))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failed == []
    assert Outbox.objects.count() == 0
    assert (Notification.objects.count(), NotifiedEvent.objects.count()) == (1, 6)
