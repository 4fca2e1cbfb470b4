"""The tasks of a pass: each is triggered three times, by three threads, each in an order of its own."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field

from django.db import DatabaseError, InterfaceError, connection

from handrail.access import queries as access
from handrail.kernel.scope import entered
from handrail.runbooks.actions import runs
from handrail.runbooks.delegated import IncomingTask
from tests.factories.switches import RUNBOOK

TIMES = 3
# A target that takes every call for a new one; the other one knows the keys of earlier calls.
ONCE = RUNBOOK.replace("name: flip-switch", "name: flip-once").replace("deduplicates: true", "deduplicates: false")
ONCE = ONCE.replace("{status: [503]}, ", "")  # it may have happened, too
SLOWER = ("within: 200ms", "within: 5s")
TEXTS = tuple(text.replace(*SLOWER) for text in (RUNBOOK, ONCE))
RETRY_SECONDS = 0.2


def switch_of(number: int) -> str:
    return f"once{number}" if number % 2 else f"known{number}"


def trigger(workspace: int, key: str, switch: str) -> None:
    """As the task system does, which calls again until it is heard."""
    worker = access.worker("trigger", workspace)
    name = "flip-once" if switch.startswith("once") else "flip-switch"
    task = IncomingTask(key=key, runbook=name, version=1, payload={"tenant_id": "ten_one", "switch_id": switch})
    while True:
        try:
            with entered(worker.scope):
                runs.start(task=task, by=worker)
        except (DatabaseError, InterfaceError):
            connection.close()
            time.sleep(RETRY_SECONDS)
        else:
            return


@dataclass
class Triggers:
    """``count`` tasks, spread over ``seconds``. ``wait``: until all were heard three times."""

    workspace: int
    count: int
    seconds: float
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self.threads = [threading.Thread(target=self._go, args=(number,), daemon=True) for number in range(TIMES)]
        for thread in self.threads:
            thread.start()

    def going(self) -> bool:
        return any(thread.is_alive() for thread in self.threads)

    def wait(self) -> None:
        for thread in self.threads:
            thread.join()

    def _go(self, number: int) -> None:
        dice, began = random.Random(number), time.monotonic()
        block = 10  # in an order of its own, but not so that one thread is far ahead of the others
        order = [one for first in range(0, self.count, block) for one in _shuffled(dice, first, block, self.count)]
        for done, one in enumerate(order):
            pause = began + self.seconds * done / self.count - time.monotonic()
            time.sleep(max(pause, 0))
            trigger(self.workspace, f"TASK-{one}", switch_of(one))
        connection.close()


def _shuffled(dice: random.Random, first: int, block: int, count: int) -> list[int]:
    some = list(range(first, min(first + block, count)))
    dice.shuffle(some)
    return some
