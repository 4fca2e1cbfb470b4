"""A way to a PostgreSQL over a network: TCP in front of its socket, in the clear or over TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextmanager
def gate(host: str, directory: str, *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """The port on ``host`` at which the server whose socket is in ``directory`` answers."""
    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, directory, tls), daemon=True).start()
        yield int(listener.getsockname()[1])


def _accept(listener: socket.socket, directory: str, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, directory, tls), daemon=True).start()


def _serve(client: socket.socket, directory: str, tls: ssl.SSLContext | None) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.connect(f"{directory}/.s.PGSQL.5432")
    first = client.recv(8, socket.MSG_WAITALL)
    if first == SSL_REQUEST and tls is not None:
        client.sendall(b"S")
        try:
            client = tls.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError):
            return
    else:
        server.sendall(first)  # which refuses TLS on its socket
    threading.Thread(target=_pump, args=(client, server), daemon=True).start()
    _pump(server, client)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
