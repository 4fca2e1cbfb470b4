"""A way to a PostgreSQL over a network: TCP in front of its socket, in the clear or over TLS."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


@contextmanager
def gate(
    host: str, directory: str, *, tls: ssl.SSLContext | None = None, lost: list[bytes] | None = None
) -> Iterator[int]:
    """The port on ``host`` at which the server whose socket is in ``directory`` answers.

    ``lost``: the first message that contains the first of these arrives, but instead of its answer the connection ends;
    then the next of them.
    """
    with socket.create_server((host, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, directory, tls, lost or []), daemon=True).start()
        yield int(listener.getsockname()[1])


def _accept(listener: socket.socket, directory: str, tls: ssl.SSLContext | None, lost: list[bytes]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, directory, tls, lost), daemon=True).start()


def _serve(client: socket.socket, directory: str, tls: ssl.SSLContext | None, lost: list[bytes]) -> None:
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
    cut = threading.Event()
    threading.Thread(target=_pump_out, args=(client, server, lost, cut), daemon=True).start()
    _pump_back(server, client, cut)


def _pump_out(client: socket.socket, server: socket.socket, lost: list[bytes], cut: threading.Event) -> None:
    seen = b""
    with suppress(OSError):
        while data := client.recv(65536):
            seen = (seen + data)[-131072:]
            if lost and lost[0] in seen:
                cut.set()
                lost.pop(0)
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)


def _pump_back(server: socket.socket, client: socket.socket, cut: threading.Event) -> None:
    with suppress(OSError):
        while data := server.recv(65536):
            if cut.is_set():
                client.shutdown(socket.SHUT_RDWR)
                return
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
