"""The sockets under the connection pool. Every operation asks the call's clock how long it may take.

httpx2 and httpcore2 count time per phase and start again at every byte, so a peer that dribbles never runs out of it.
Here each connect, handshake, send and receive gets what is left of the one total, whichever call it belongs to.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable
from typing import Any

from httpcore2 import SOCKET_OPTION, NetworkBackend, NetworkStream, ReadError, WriteError

from handrail.connectors.http.clock import Clock, NotReached, OutOfTime, current_clock
from handrail.connectors.http.resolver import Address, LookupFailed, LookupSlow, Resolver
from handrail.connectors.outcome import Failure


class TimedStream(NetworkStream):
    """One connection. The time-out arguments of the pool are not used: the clock is stricter."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        # A failed TLS write may already have put part of a record on the wire; a failed plain send has not.
        self._encrypted = isinstance(sock, ssl.SSLSocket)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the pool's signature
        clock = current_clock()
        self._socket.settimeout(clock.remaining_seconds())
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError:
            raise OutOfTime from None
        except OSError as error:
            raise ReadError(error) from error
        clock.heard = clock.heard or bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        clock = current_clock()
        left = memoryview(buffer)
        while left:
            self._socket.settimeout(clock.remaining_seconds())
            clock.sent = clock.sent or self._encrypted
            try:
                count = self._socket.send(left)
            except TimeoutError:
                raise OutOfTime from None
            except OSError as error:
                raise WriteError(error) from error
            clock.sent = True
            left = left[count:]

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> NetworkStream:
        self._socket.settimeout(current_clock().remaining_seconds())
        try:
            # The handshake's time limit is one for all of its messages: CPython keeps a deadline inside it.
            return TimedStream(ssl_context.wrap_socket(self._socket, server_hostname=server_hostname))
        except TimeoutError:
            self.close()
            raise OutOfTime from None
        except OSError:
            self.close()
            raise NotReached(Failure.TLS) from None

    def close(self) -> None:
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        if info == "socket":
            return self._socket
        if info == "is_readable":
            return _is_readable(self._socket)
        return None


class TimedBackend(NetworkBackend):
    """Opens connections within the call's clock, address by address."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - as above
        local_address: str | None = None,  # noqa: ARG002 - as above
        socket_options: Iterable[SOCKET_OPTION] | None = None,  # noqa: ARG002 - as above
    ) -> NetworkStream:
        clock = current_clock()
        clock.opened = True
        addresses = self._addresses(host, port, clock)
        for tried, address in enumerate(addresses):
            # Each address gets its share of what is left, so that a dead first one leaves time for the second.
            share = clock.remaining_seconds() / (len(addresses) - tried)
            sock = _connect(address, share)
            if sock is not None:
                return TimedStream(sock)
        clock.remaining_seconds()
        raise NotReached(Failure.CONNECT)

    def _addresses(self, host: str, port: int, clock: Clock) -> list[Address]:
        try:
            return self._resolver.resolve(host, port, clock.remaining_seconds())
        except LookupSlow:
            raise OutOfTime from None
        except LookupFailed:
            raise NotReached(Failure.DNS) from None


def _connect(address: Address, within_seconds: float) -> socket.socket | None:
    family, place = address
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return None
    try:
        sock.settimeout(within_seconds)
        sock.connect(place)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        return None
    return sock


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle connection has something to say: that can only be its end. MSG_PEEK would not do under TLS."""
    if sock.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))
