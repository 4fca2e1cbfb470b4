"""Starts one run, and dies by SIGKILL between its commit and the hint: ``trigger.py WORKSPACE TASK SWITCH``."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from handrail.conf.start import start


def main(workspace: int, task: str, switch: str) -> None:
    start()
    from handrail.work import wake
    from tests.chaos.tasks import trigger

    def die(kind: Any) -> bool:
        os.kill(os.getpid(), signal.SIGKILL)
        return True

    wake.in_process.set(die)
    trigger(workspace, task, switch)


main(int(sys.argv[1]), *sys.argv[2:])
