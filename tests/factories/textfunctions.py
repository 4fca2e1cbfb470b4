"""Every function of the source that takes text and needs nothing else, found by its signature; and some that need a
little more, by hand."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from handrail.connectors.desk import formats
from handrail.definitions.language import names, templates
from handrail.packets import change_summary
from handrail.packets.assembly import cleaning
from handrail.packets.sanitise import sanitise
from handrail.runbooks.delegated import IncomingTask
from tests.factories import patterns

Work = Callable[[str], object]
_TEXTS = {"str": str, "JsonValue": str, "str | None": str, "bytes": str.encode}
_NUMBERS = {"int": 1000, "bool": True}
# They act on something else than their text: the environment, the network, files, a terminal, the practice systems.
_OTHERWISE_BUSY = ("handrail.cli.", "handrail.sandbox.", "handrail.conf.")
_NOT_CALLED = {
    "handrail.connectors.http.resolver.system_lookup": "asks the network",
    "handrail.connectors.blobs.folder._file": "opens files",
    "handrail.connectors.blobs.folder._inside": "opens files",
    "handrail.kernel.secrets._read": "reads files",
    "handrail.packets.actions.releasing.expire_all": "changes rows",
    "handrail.access.queries.person": "asks the database",
    "handrail.access.tokens.bearer": "asks the database",
    "handrail.api.problems.wrong_method": "its text is Django's",
    "handrail.connectors.desk.pages._compiled": "its text is the operator's",
    "handrail.worker.clocks.report": "its text is ours",
    "handrail.worker.clocks.report_now_and_then": "its text is ours",
    "handrail.worker.clocks.keep_reporting": "its text is ours, and it goes on as a thread",
    "handrail.worker.clocks._forever": "its text is ours, and it never ends",
}


def found() -> list[tuple[str, Work]]:
    return [use for module in patterns.modules() if not _is_busy(module) for use in _of(module)]


def _is_busy(module: ModuleType) -> bool:
    return module.__name__.startswith(_OTHERWISE_BUSY)


def _of(module: ModuleType) -> Iterator[tuple[str, Work]]:
    for name, value in sorted(vars(module).items()):
        function = inspect.unwrap(value) if callable(value) else value
        whole = f"{module.__name__}.{name}"
        if not inspect.isfunction(function) or function.__module__ != module.__name__ or whole in _NOT_CALLED:
            continue
        kinds = {
            p.name: (str(p.annotation), p.kind)
            for p in inspect.signature(function).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
        }
        known = all(kind in _TEXTS or kind in _NUMBERS for kind, _ in kinds.values())
        if known and any(kind in _TEXTS for kind, _ in kinds.values()):
            yield whole, _calling(function, kinds)


def _calling(function: Callable[..., object], kinds: dict[str, tuple[str, Any]]) -> Work:
    def call(text: str) -> None:
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, (kind, place) in kinds.items():
            value: Any = _TEXTS[kind](text) if kind in _TEXTS else _NUMBERS[kind]
            if place is inspect.Parameter.KEYWORD_ONLY:
                named[name] = value
            else:
                positional.append(value)
        _spent(lambda: function(*positional, **named))

    return call


def _spent(work: Callable[[], object]) -> None:
    """Does it, to the end where it gives its results one by one. That it refuses such a text is what many do."""
    try:
        result = work()
        if inspect.isgenerator(result):
            for _ in result:
                pass
    except Exception:  # noqa: BLE001 - what it says about the text is for other tests
        pass


def by_hand() -> list[tuple[str, Work]]:
    works: dict[str, Work] = {
        "one internal note": lambda text: cleaning.InsideTexts([text]).quoted_in([(0, text)]),
        "internal sentences": lambda text: cleaning.InsideTexts([f"{text}. {text}! {text}"]).quoted_in([(0, text * 2)]),
        "internal notes that begin alike": _alike,
        "many short internal notes": lambda text: cleaning.InsideTexts(
            text[n : n + 40] for n in range(0, len(text), 20)
        ),
        "artifact: a value": lambda text: sanitise("har", _har(text)),
        "artifact: a header": lambda text: sanitise("har", _har("x", text)),
        "artifact: a log": lambda text: sanitise("log", f"failed {text} password={text} {text}".encode()),
        "artifact: a dump": lambda text: sanitise("threads", f"goroutine 1 [running]:\n{text}\n\tat {text}".encode()),
        "artifact: a log of objects": lambda text: sanitise("log", json.dumps({"msg": text, "a": [text]}).encode()),
        "artifact: a trace": lambda text: sanitise("otlp", _otlp(text)),
        "a name that is not declared": lambda text: names.nearest(text, ["task.tenant_id", "entitlement.state"]),
        "a template's value": lambda text: [
            templates.render(templates.parse("/a/{task.id}"), {"task": {"id": text}}, place)
            for place in templates.Escaping
        ],
        "a delegated task": lambda text: IncomingTask(text[:128], "a", 1, {text: [text, {text: text}]}),
        "texts of a ticket": lambda text: [each(text) for each in formats._WRITERS.values()],
        "a summary of changes": lambda text: change_summary._cut(f"a{text}b", f"a{text}c"),
        "a list of short texts": lambda text: cleaning.clean(list(text), multiline=False),
    }
    return [(name, lambda text, work=work: _spent(lambda: work(text))) for name, work in works.items()]


def _alike(text: str) -> object:
    notes = [f"the same beginning of notes {text[: n * len(text) // 20]} {n}" for n in range(1, 20)]
    return cleaning.InsideTexts(notes).quoted_in([(0, f"the same beginning of notes {text} ")])


def _har(value: str, header: str = "x") -> bytes:
    request = {
        "method": "GET",
        "url": f"https://a.example/{value}?q={value}",
        "httpVersion": "HTTP/1.1",
        "headers": [{"name": "accept", "value": header}, {"name": "cookie", "value": value}],
        "queryString": [{"name": "q", "value": value}],
        "cookies": [],
        "headersSize": -1,
        "bodySize": -1,
    }
    response = {
        "status": 200,
        "statusText": value,
        "httpVersion": "HTTP/1.1",
        "headers": [],
        "cookies": [],
        "content": {"size": 1, "mimeType": "text/plain", "text": value},
        "redirectURL": value,
        "headersSize": -1,
        "bodySize": -1,
    }
    entry = {
        "startedDateTime": "2026-11-26T10:00:00.000Z",
        "time": 1,
        "request": request,
        "response": response,
        "cache": {},
        "timings": {"send": 1, "wait": 1, "receive": 1},
    }
    log = {"version": "1.2", "creator": {"name": "a", "version": "1"}, "entries": [entry]}
    return json.dumps({"log": log}).encode()


def _otlp(value: str) -> bytes:
    attributes = [{"key": "user.name", "value": {"stringValue": value}}, {"key": value, "value": {"stringValue": "a"}}]
    span = {
        "traceId": "0" * 31 + "1",
        "spanId": "0" * 15 + "1",
        "name": value,
        "kind": 1,
        "attributes": attributes,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000000000000001",
    }
    scopes = [{"scope": {"name": value}, "spans": [span]}]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scopes}]}).encode()
