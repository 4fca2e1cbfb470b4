"""Case portals on a real socket, in the shapes of their documentation: files of one case, uploaded and listed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.factories.http_server import JsonHandler, running

CASES = {"jira": "SUP-123", "servicenow": "CS0010042", "zendesk": "35436", "redmine": "1234"}
_NAME = re.compile(rb'filename="([^"]*)"')


class PortalServer(ThreadingHTTPServer):
    """``files``: id to name and content. ``loses``: attaching works, and its answer is lost. ``drops``: the connection
    ends before anything is attached. ``renames``: what it makes of a file's name. ``further``: the listing says that
    there is more than it shows."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[int, tuple[str, bytes]] = {}
        self.uploads: dict[str, tuple[str, bytes]] = {}
        self.loses = False
        self.drops = False
        self.further = False
        self.says: int | None = None
        self.renames: Callable[[str], str] = str
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def names(self) -> list[str]:
        return sorted(name for name, _ in self.files.values())

    def add(self, name: str, content: bytes) -> None:
        self.files[len(self.files) + 1] = (name, content)


class _Handler(JsonHandler):
    server: PortalServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self.server.asked.append(f"GET {path}")
        files = [(number, name, len(content)) for number, (name, content) in self.server.files.items()]
        if path.startswith("/rest/api/2/issue/"):
            listed = [{"id": str(number), "filename": name, "size": size} for number, name, size in files]
            self.answer_json(200, {"key": "SUP-123", "fields": {"attachment": listed}})
        elif path.startswith("/api/now/table/"):
            self.answer_json(200, {"result": [{"sys_id": "f" * 32}]})
        elif path == "/api/now/attachment":
            listed = [
                {"sys_id": str(number), "file_name": name, "size_bytes": str(size)} for number, name, size in files
            ]
            self.answer_json(200, {"result": listed})
        elif path.startswith("/api/v2/tickets/"):
            listed = [{"id": number, "file_name": name, "size": size} for number, name, size in files]
            more = self.server.url + "/page=2" if self.server.further else None
            self.answer_json(200, {"comments": [{"id": 1, "attachments": listed}], "next_page": more})
        elif path.startswith("/issues/"):
            listed = [{"id": number, "filename": name, "filesize": size} for number, name, size in files]
            self.answer_json(200, {"issue": {"id": 1234, "attachments": listed}})
        else:
            self.answer_json(200, {})

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.server.asked.append(f"POST {parts.path}")
        body = self.rfile.read(int(self.headers["content-length"]))
        if parts.path in ("/api/v2/uploads", "/uploads.json"):
            token = f"t{len(self.server.uploads)}"
            self.server.uploads[token] = (query["filename"], body)
            self.answer_json(201, {"upload": {"token": token}})
        elif parts.path == "/api/now/attachment/file":
            assert query["table_sys_id"] == "f" * 32
            self._attach(query["file_name"], body, 201)
        else:
            assert self.headers["x-atlassian-token"] == "no-check"
            found = _NAME.search(body)
            assert found is not None
            content = body.split(b"\r\n\r\n", 1)[1].rpartition(b"\r\n--")[0]
            self._attach(found[1].decode(), content, 200)

    def do_PUT(self) -> None:
        self.server.asked.append(f"PUT {urlsplit(self.path).path}")
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        ticket = body.get("ticket")
        token = ticket["comment"]["uploads"][0] if ticket else body["issue"]["uploads"][0]["token"]
        self._attach(*self.server.uploads[token], 200 if ticket else 204)

    def do_DELETE(self) -> None:
        self.server.asked.append(f"DELETE {urlsplit(self.path).path}")
        number = int(urlsplit(self.path).path.rpartition("/")[2].removesuffix(".json"))
        self._empty(204 if self.server.files.pop(number, None) else 404)

    def _attach(self, name: str, content: bytes, status: int) -> None:
        if self.server.drops:
            self.connection.close()
            return
        if self.server.says is None:
            self.server.add(self.server.renames(name), content)
        if self.server.loses:
            self.connection.close()
            return
        if (self.server.says or status) == 204:
            self._empty(204)
        else:
            self.answer_json(self.server.says or status, {})

    def _empty(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


@contextmanager
def serving() -> Iterator[PortalServer]:
    with running(PortalServer()) as server:
        yield server
