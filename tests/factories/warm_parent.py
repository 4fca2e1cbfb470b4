"""A process that has imported what Handrail is made of, and forks: ``forks.start`` asks it for processes.

It speaks JSON lines on the socket whose number is its argument. ``{"script", "argv", "env", "log"}`` is answered with
``{"pid"}``, ``{"poll": pid}`` with ``{"code"}``, null while the process runs. It ends, with its children, when the test
session does. Nothing that depends on settings is imported here: each child reads its own configuration.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from django.core.exceptions import ImproperlyConfigured

PACKAGES = ("handrail.kernel", "handrail.connectors", "handrail.definitions", "handrail.runbooks", "handrail.packets")
MODULES = (
    "handrail.conf.config",
    "handrail.conf.database",
    "handrail.conf.release",
    "handrail.conf.single_sign_on",
    "allauth",
    "asgiref.sync",
    "csp.middleware",
    "django.contrib.auth.hashers",
    "django.contrib.staticfiles.storage",
    "django.core.management",
    "django.db.backends.postgresql.base",
    "django.forms",
    "django_structlog",
    "psycopg",
)


def warm_up() -> None:
    for package in PACKAGES:
        paths = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(paths, f"{package}.", onerror=lambda name: None):
            if ".migrations" not in module.name:
                _import(module.name)
    for name in MODULES:
        _import(name)


def _import(name: str) -> None:
    with suppress(ImproperlyConfigured):  # it has models, which the child's settings name
        importlib.import_module(name)


def main(number: int) -> None:
    warm_up()
    gc.freeze()
    children: set[int] = set()
    channel = socket.socket(fileno=number)
    for line in channel.makefile("r", encoding="utf-8"):
        asked: dict[str, Any] = json.loads(line)
        if "poll" in asked:
            answer: dict[str, Any] = {"code": _code(asked["poll"], children)}
        else:
            pid = os.fork()
            if not pid:
                break
            children.add(pid)
            answer = {"pid": pid}
        channel.sendall(json.dumps(answer).encode() + b"\n")
    else:
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return
    channel.close()
    _become(**asked)


def _code(pid: int, children: set[int]) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    children.discard(pid)
    return os.waitstatus_to_exitcode(status)


def _become(script: str, argv: list[str], env: dict[str, str], log: str) -> None:
    """This process is the script's from here on."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = [script, *argv]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]))
