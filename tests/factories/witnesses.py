"""Witnesses: real ones, each a process of its own, and ones that lie, at a real socket."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path

from handrail.anchoring.services import AnchorServices, configured
from handrail.audit import anchors, policy
from handrail.audit.anchors import AnchorTrust
from handrail.audit.checkpoint import NoteKey
from handrail.audit.cosignature import CosignatureType, CosignerKey
from handrail.audit.models import AuditCheckpoint
from handrail.audit.policy import TrustPolicy
from handrail.audit.witness import protocol
from handrail.audit.witness.deciding import Witness
from handrail.audit.witness.server import WitnessServer
from handrail.audit.witness.state import WitnessFiles
from handrail.connectors.anchors import WitnessService
from handrail.connectors.config import HttpConfig
from handrail.connectors.http import Client
from handrail.kernel.secrets import Secrets
from tests.factories.http_server import JsonHandler, running
from tests.factories.log import keep_mark, run, superuser

PROGRAM = "from handrail.cli import main; main()"


def made(directory: Path, name: str, *keys: NoteKey, kind: CosignatureType = CosignatureType.ML_DSA_44) -> CosignerKey:
    """A witness's files, which know the logs of ``keys``."""
    files = WitnessFiles(directory)
    key = files.make(name, kind)
    for log in keys:
        files.trust(log)
    return key


class WitnessProcess:
    """``handrail witness serve``, as anybody starts it."""

    def __init__(self, directory: Path, *, before: str = "") -> None:
        """``before``: Python that the process runs first."""
        words = [sys.executable, "-c", f"{before}\n{PROGRAM}", "witness", "serve", str(directory), "--port", "0"]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        found = re.search(r"http://\S+", said)
        assert found, said + self.process.stdout.read()
        self.url = found[0]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def served(directory: Path) -> Iterator[WitnessServer]:
    """The same at a real socket, in a thread of this process: an import costs a second."""
    with running(WitnessServer(("127.0.0.1", 0), Witness.open(WitnessFiles(directory)))) as server:
        yield server


@contextmanager
def process(directory: Path, *, before: str = "") -> Iterator[WitnessProcess]:
    witness = WitnessProcess(directory, before=before)
    try:
        yield witness
    finally:
        witness.end()


def client(url: str, *, deadline: float = 10) -> Client:
    config = HttpConfig(kind="anchor", base_url=url, deadline_seconds=deadline, max_bytes=64 * 1024)
    return Client(config, Secrets({}))


@contextmanager
def witnessed(
    urls: dict[str, str], keys: dict[str, CosignerKey], *, quorum: TrustPolicy | None = None, deadline: float = 10
) -> Iterator[None]:
    """This process asks these witnesses."""
    services = {name: WitnessService(name, client(url, deadline=deadline)) for name, url in urls.items()}
    trust = AnchorTrust(quorum or policy.all_of(list(keys.values())), keys, late=timedelta(minutes=15))
    with anchors.trust.use(trust), configured.use(AnchorServices(services)):
        yield


Lie = Callable[[protocol.AddCheckpoint], tuple[int, str, bytes]]
"""What a lying witness answers: status, content type, body."""


class LyingWitness(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, lie: Lie) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lie = lie
        self.asked: list[protocol.AddCheckpoint] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(JsonHandler):
    server: LyingWitness

    def do_POST(self) -> None:
        asked = protocol.read(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(asked)
        status, kind, body = self.server.lie(asked)
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def lying(lie: Lie) -> Iterator[LyingWitness]:
    with running(LyingWitness(lie)) as server:
        yield server


def forked(size: int) -> None:
    """The log is cut to ``size`` leaves, with everything over it, as a backup of then has it; and grows otherwise."""
    tables = ["audit_auditevent", "audit_auditleaf", "audit_auditnode", "audit_auditcheckpoint", "audit_cosignature"]
    keep = AuditCheckpoint.objects.filter(size__lte=size).latest("size").size
    with superuser(*tables):
        run("DELETE FROM audit_auditevent WHERE id IN (SELECT row_id FROM audit_auditleaf WHERE index >= %s)", keep)
        run("DELETE FROM audit_auditleaf WHERE index >= %s", keep)
        run("DELETE FROM audit_auditnode WHERE (index + 1) << level > %s", keep)
        run("DELETE FROM audit_auditcheckpoint WHERE size > %s", keep)
        run("DELETE FROM audit_cosignature WHERE size > %s", keep)
    keep_mark()
