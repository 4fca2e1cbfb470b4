# ruff: noqa: E501  one exchange or header a line reads better than wrapped
"""Captures in the formats of tools that don't run here, written from their descriptions: shapes, not real captures.

Firefox and Safari by their developer tools' exporters, Charles and Fiddler by what their documents and public files show.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.canaries.kinds import Canary
from tests.corpus.exchanges import FLOWS, FORM, Exchange, Writer

Record = dict[str, Any]
_BEGAN = datetime(2026, 11, 20, 8, 2, 1, 250000, tzinfo=UTC)
_PHRASES = {int(status): status.phrase for status in HTTPStatus}


def pairs(found: dict[str, str]) -> list[Record]:
    return [{"name": name, "value": value} for name, value in found.items()]


def query(url: str) -> list[Record]:
    return [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query)]


def cookies(text: str) -> list[Record]:
    return [
        {"name": name.strip(), "value": value}
        for name, _, value in (one.partition("=") for one in text.split(";"))
        if value
    ]


def common(one: Exchange, at: datetime, version: str) -> Record:
    """The members that every tool writes."""
    request: Record = {
        "method": one.method, "url": one.url, "httpVersion": version, "headers": pairs(one.sent), "queryString": query(one.url),
        "cookies": cookies(one.sent.get("Cookie", "")), "headersSize": 600 + len(one.url), "bodySize": len(one.form),
    }  # fmt: skip
    if one.form:
        params = [{"name": name, "value": value} for name, value in parse_qsl(one.form)]
        request["postData"] = {"mimeType": FORM, "params": params, "text": one.form}
    received = {"Content-Type": one.kind, "Date": "Fri, 20 Nov 2026 08:02:01 GMT", **one.received}
    response = {
        "status": one.status, "statusText": _PHRASES.get(one.status, ""), "httpVersion": version,
        "headers": pairs(received) if one.status else [], "cookies": cookies(received.get("Set-Cookie", "").partition(";")[0]),
        "content": {"size": len(one.body), "mimeType": one.kind, "text": one.body}, "redirectURL": received.get("Location", ""),
        "headersSize": 480, "bodySize": len(one.body),
    }  # fmt: skip
    timings = {"blocked": 0, "dns": 0, "connect": 12, "ssl": 8, "send": 0, "wait": one.wait, "receive": 1}
    started = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "startedDateTime": started,
        "time": one.wait + 21,
        "request": request,
        "response": response,
        "cache": {},
        "timings": timings,
    }


def firefox(entries: list[Record], found: list[Exchange], w: Writer) -> Record:
    for entry, one in zip(entries, found, strict=True):
        entry |= {
            "pageref": "page_1",
            "serverIPAddress": "203.0.113.17",
            "connection": "443",
            "_securityState": "secure" if one.status else "insecure",
        }
        entry["startedDateTime"] = entry["startedDateTime"].replace("Z", "+01:00")
        entry["timings"] = {name: int(value) for name, value in entry["timings"].items()}
        entry["request"]["httpVersion"] = entry["response"]["httpVersion"] = "HTTP/2" if one.status else ""
        entry["response"]["headersSize"] = -1 if not one.status else 480
    title = f"Log in - {w.secret('title')}"
    page = {
        "startedDateTime": entries[0]["startedDateTime"],
        "id": "page_1",
        "title": title,
        "pageTimings": {"onContentLoad": -99, "onLoad": 812},
    }
    tool = {"name": "Firefox", "version": "133.0"}
    return {"version": "1.2", "creator": tool, "browser": tool, "pages": [page], "entries": entries}


def safari(entries: list[Record], found: list[Exchange], w: Writer) -> Record:
    for entry, one in zip(entries, found, strict=True):
        entry |= {
            "pageref": "page_0",
            "serverIPAddress": "203.0.113.17",
            "connection": f"{w.r.randrange(99)}",
            "_fetchType": "Network Load",
            "_priority": "medium",
        }
        entry["request"]["httpVersion"] = entry["response"]["httpVersion"] = "HTTP/2"
        entry["response"]["content"] |= {"compression": 0}
        entry["response"]["_transferSize"] = 480 + len(one.body)
        entry["response"]["_error"] = "The network connection was lost." if one.error else None
    page = {
        "startedDateTime": entries[0]["startedDateTime"],
        "id": "page_0",
        "title": found[0].url,
        "pageTimings": {"onContentLoad": 401.5, "onLoad": 902.25},
    }
    return {
        "version": "1.2",
        "creator": {"name": "WebKit Web Inspector", "version": "1.0"},
        "pages": [page],
        "entries": entries,
    }


def charles(entries: list[Record], found: list[Exchange], w: Writer) -> Record:
    for entry, one in zip(entries, found, strict=True):
        entry |= {
            "_charlesStatus": "COMPLETE" if one.status else "EXCEPTION",
            "serverIPAddress": "203.0.113.17",
            "_clientAddress": "192.168.1.20",
            "_serverPort": 443,
        }
        entry["request"]["_charlesConnection"] = w.secret("connection")
        entry["timings"]["comment"] = ""
        if one.error:
            entry["response"] = {
                "status": 0,
                "statusText": "",
                "httpVersion": "",
                "headers": [],
                "cookies": [],
                "content": {"size": 0, "mimeType": ""},
                "redirectURL": None,
                "headersSize": -1,
                "bodySize": -1,
                "_errorMessage": one.error,
            }
    return {"version": "1.2", "creator": {"name": "Charles Proxy", "version": "4.6.7"}, "entries": entries}


def fiddler(entries: list[Record], found: list[Exchange], w: Writer) -> Record:
    for number, (entry, one) in enumerate(zip(entries, found, strict=True), 1):
        entry |= {
            "comment": f"[#{number}]",
            "connection": f"ClientPort:{w.r.randrange(40000, 60000)};EgressPort:{w.r.randrange(40000, 60000)}",
            "pageref": None,
        }
        entry["startedDateTime"] = entry["startedDateTime"].replace("Z", "0000+01:00")
        entry["time"] = int(entry["time"])
        entry["timings"] = {"dns": 0, "connect": -1, "ssl": -1, "send": 0, "wait": int(one.wait), "receive": 1}
        del entry["pageref"]
    tool = {"name": "Fiddler", "version": "5.0.20245.10105", "comment": "https://fiddler2.com"}
    return {
        "pages": [],
        "comment": "exported @ 11/20/2026 9:02:01 AM",
        "creator": tool,
        "entries": entries,
        "version": "1.2",
    }


def edge(entries: list[Record], found: list[Exchange], w: Writer) -> Record:
    for entry, one in zip(entries, found, strict=True):
        frame = {"functionName": "load", "scriptId": "7", "url": f"{one.url}", "lineNumber": 1, "columnNumber": 2}
        entry |= {
            "_initiator": {"type": "script", "stack": {"callFrames": [frame]}},
            "_priority": "VeryHigh",
            "_resourceType": "document",
            "pageref": "page_1",
            "serverIPAddress": "[2001:db8::17]",
            "connection": f"{w.r.randrange(10**6)}",
            "_connectionId": f"{w.r.randrange(10**6)}",
        }
        entry["timings"] |= {
            "_blocked_queueing": 1.2,
            "_workerStart": -1,
            "_workerReady": -1,
            "_workerFetchStart": -1,
            "_workerRespondWithSettled": -1,
        }
        entry["response"] |= {"_transferSize": 1200, "_error": one.error or None, "_fetchedViaServiceWorker": False}
        entry["request"]["httpVersion"] = entry["response"]["httpVersion"] = "http/2.0" if one.status else ""
    page = {
        "startedDateTime": entries[0]["startedDateTime"],
        "id": "page_1",
        "title": found[0].url,
        "pageTimings": {"onContentLoad": 401.5, "onLoad": None},
    }
    return {
        "version": "1.2",
        "creator": {"name": "WebInspector", "version": "537.36"},
        "pages": [page],
        "entries": entries,
    }


TOOLS: dict[str, Callable[[list[Record], list[Exchange], Writer], Record]] = {
    "Firefox": firefox, "Safari": safari, "Charles": charles, "Fiddler": fiddler, "Edge": edge,
}  # fmt: skip


def shape(tool: str, flow: str, seed: str) -> tuple[bytes, list[Canary]]:
    """A capture of a flow in a tool's format, and the secrets in it."""
    w = Writer(f"{seed}/{tool}/{flow}")
    found = list(FLOWS[flow](w))
    entries = [
        common(one, _BEGAN + timedelta(milliseconds=230 * number), "HTTP/1.1") for number, one in enumerate(found)
    ]
    log = TOOLS[tool](entries, found, w)
    data = json.dumps({"log": log}, indent=2 if tool == "Firefox" else None, ensure_ascii=False).encode()
    return (b"\xef\xbb\xbf" + data if tool == "Fiddler" else data), w.p.all
