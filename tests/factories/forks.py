"""Processes of their own, as real as any and as easily killed, forked from one that has imported Handrail already.

An import of Handrail costs a second of processor time; a fork of ``warm_parent`` a tenth.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Process:
    """``log`` has what it wrote to its standard output and error."""

    pid: int
    log: Path
    code: int | None = field(default=None)

    def poll(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        if self.code is None:
            self.code = _parent().ask({"poll": self.pid})["code"]
        return self.code

    def wait(self, seconds: float) -> int:
        """The exit code. Raises TimeoutError when it has not ended after ``seconds``."""
        end = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} did not end in {seconds} s; it wrote:\n{self.tail()}")
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Without warning; returns when it is gone."""
        self.send_signal(signal.SIGKILL)
        self.wait(30)

    def end(self, *, seconds: float = 20) -> None:
        """Asks it to end, and kills it when it has not after ``seconds``."""
        self.send_signal(signal.SIGTERM)
        try:
            self.wait(seconds)
        except TimeoutError:
            self.kill()

    def tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def start(script: Path, *argv: str, env: dict[str, str]) -> Process:
    """``script`` as a process of its own, in this environment and no other."""
    share_keys(Path(env["HANDRAIL_STATE_DIR"]))
    number, name = tempfile.mkstemp(prefix="process-", suffix=".log", dir=env["HANDRAIL_STATE_DIR"])
    os.close(number)
    asked = {"script": str(script), "argv": list(argv), "env": env, "log": name}
    return Process(_parent().ask(asked)["pid"], Path(name))


def share_keys(state: Path) -> None:
    """A process with this state directory reads what ours has written, so both have one store of subject keys."""
    ours = Path(os.environ["HANDRAIL_STATE_DIR"]) / "subject-keys"
    ours.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (state / "subject-keys").exists():
        (state / "subject-keys").symlink_to(ours)


class _Parent:
    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
        environment.pop("DJANGO_SETTINGS_MODULE", None)  # importing must not configure what children will
        command = [sys.executable, str(Path(__file__).with_name("warm_parent.py")), str(theirs.fileno())]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()
        self.channel = ours
        self.lines = ours.makefile("r", encoding="utf-8")
        self.lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.channel.sendall(json.dumps(question).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self.lines.readline())
            return answer

    def close(self) -> None:
        self.channel.shutdown(socket.SHUT_RDWR)
        self.process.wait(30)


@cache
def _parent() -> _Parent:
    """The one of this test session, started when it is first needed."""
    return _Parent()
