"""One server for each address: what makes a second one say so before it takes half of the first one's requests.

The web server shares its port between processes (SO_REUSEPORT), so binding it never fails on another Handrail.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from handrail.kernel.errors import Misconfigured

_FIX = "Choose another [web] host or port."


@contextmanager
def reserved(host: str, port: int) -> Iterator[str]:
    """Within the block the address is this process's; gives the IP address to listen on.

    Raises Misconfigured, naming the process that listens there if it can be found, or why the address can't be used.
    """
    family, address = _resolved(host, port)
    with socket.socket(socket.AF_UNIX) as mark:
        # Two that start at the same moment both find the port free. A name of the network namespace, as the port is,
        # goes to one of them, and is free again when that process ends, however it ends.
        if sys.platform == "linux":
            _bind(mark, f"\0handrail {address[0]} port {port}", address)
        with socket.socket(family) as probe:
            # As for any server: connections that are closing don't matter, one that listens does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(probe, address, address)
        yield str(address[0])


def check(host: str, port: int) -> None:
    """Raises Misconfigured if ``reserved`` would."""
    with reserved(host, port):
        pass


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise Misconfigured(f"{host} is not an address of this machine. {_FIX}", code="web-address") from None
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address


def _bind(to: socket.socket, name: Any, address: tuple[Any, ...]) -> None:
    try:
        to.bind(name)
    except OSError as error:
        where = f"{address[0]} port {address[1]}"
        if error.errno == errno.EADDRINUSE:
            message = f"{_listener(address)} listens on {where} already. End it, or choose another port."
            raise Misconfigured(message, code="port-in-use") from None
        raise Misconfigured(f"Can't listen on {where}: {error.strerror}. {_FIX}", code="web-address") from None


def _listener(address: tuple[Any, ...]) -> str:
    """The process, if this user may know it: other users' sockets have no process number here."""
    try:
        for found in psutil.net_connections(kind="tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr.port == address[1] and found.pid:
                name = psutil.Process(found.pid).name()
                return f"Process {found.pid} ({name})"
    except psutil.Error:
        pass
    return "Another process"
