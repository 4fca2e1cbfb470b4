"""Captures and traces made only of values that the allow-list lets through, with the same words among what goes."""

from __future__ import annotations

import base64
import inspect
import re
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

from handrail.packets.sanitise import attributes, headers, otlp
from handrail.packets.sanitise.known import captures, federation, network, opentelemetry
from handrail.packets.sanitise.vocabulary import (
    EXTENSIONS,
    METHODS,
    MIME_SUB,
    MIME_TOP,
    PROTOCOLS,
    QUERY_NAMES,
    QUERY_VALUES,
    WORDS,
)

Drawn = st.SearchStrategy[str]
STATUSES = [*range(100, 600), 999, 0]
DATES = st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
STAMPS = st.datetimes().map(lambda at: at.isoformat(timespec="milliseconds") + "Z")
NANOS = st.integers(10**18, 2 * 10**18 - 1).map(str)
WORD = st.sampled_from(sorted(WORDS))
MIMES = st.builds(
    lambda top, sub, charset: f"{top}/{sub}{charset}",
    st.sampled_from(sorted(MIME_TOP)),
    st.sampled_from(sorted(MIME_SUB)),
    st.sampled_from(["", "; charset=utf-8", "; charset=iso-8859-1", "; charset=windows-1252"]),
)
SEGMENT = st.one_of(
    WORD,
    st.builds("{}-{}".format, WORD, WORD),
    st.builds(lambda a, b: a + b.title(), WORD, WORD),
    st.builds("{}{}".format, WORD, st.integers(0, 99)),
    st.builds("{}.{}".format, WORD, st.sampled_from(sorted(EXTENSIONS))),
)


_KEYS = st.sampled_from(sorted(attributes.KEYS))
_OUTCOMES = st.sampled_from(sorted(attributes.OUTCOMES))
_ERRORS = st.sampled_from(sorted(network.ERRORS))
_PRODUCERS = st.sampled_from(sorted(captures.PRODUCERS))
_METHODS = st.sampled_from(sorted(METHODS))
_PROTOCOLS = st.sampled_from(sorted(PROTOCOLS))
_ENTRY_WORDS = {key: st.sampled_from(sorted(values)) for key, values in captures.ENTRY_WORDS.items()}


def cased(text: str) -> Drawn:
    return st.sampled_from([text, text.lower(), text.upper(), text.title()])


def values_of(rule: headers.Clean) -> Drawn:
    """Values that ``rule`` keeps as they are, read out of the rule itself."""
    made_by = inspect.getclosurevars(inspect.unwrap(rule)).nonlocals
    if "compiled" in made_by:
        return st.from_regex(made_by["compiled"], fullmatch=True).filter(
            lambda text: text.isascii() and text.isprintable() and len(text) < 200
        )
    if "known" in made_by:
        return st.lists(st.sampled_from(sorted(made_by["known"])), min_size=1, max_size=6).map(", ".join)
    if "timed" in made_by:
        seconds = st.builds("{}={}".format, st.sampled_from(sorted(made_by["timed"])), st.integers(0, 10**10 - 1))
        bare = st.sampled_from(sorted(made_by["bare"]))
        one = st.one_of(bare, seconds).flatmap(cased)
        return st.lists(one, min_size=1, max_size=6).map(made_by["separator"].__add__(" ").join)
    return SPECIAL[rule.__name__]


SPECIAL: dict[str, Drawn] = {
    "mime": MIMES,
    "_accept": st.lists(MIMES.map(lambda text: text.partition(";")[0]), min_size=1, max_size=5).map(", ".join),
    "_agent": st.builds(
        "({}) Chrome/{} Safari/537".format, st.sampled_from(["Windows NT", "Macintosh", "Linux"]), st.integers(1, 999)
    ),
    "_product": st.builds(
        "{}/{}".format, st.sampled_from(["nginx", "Apache", "openresty", "envoy", "Microsoft-IIS"]), st.integers(1, 99)
    ),
    "_server_timing": st.builds(
        "{};dur={}".format, WORD.filter(lambda word: len(word) < 30), st.integers(0, 10**8 - 1)
    ),
    "_challenge": st.sampled_from(["Basic", "Bearer", "Digest", "Negotiate", "Ntlm", "Dpop"]),
    "_via": st.builds("1.1 {}".format, WORD),
    "_range": st.one_of(
        st.builds("bytes={}-".format, st.integers(0, 10**12 - 1)),
        st.builds("bytes=-{}".format, st.integers(0, 10**12 - 1)),
        st.builds(lambda start, more: f"bytes={start}-{start + more}", st.integers(0, 10**11), st.integers(0, 10**11)),
    ),
    "_seconds": st.integers(0, 2**31).map(str),
}
HEADER = st.one_of([st.tuples(cased(name), values_of(rule)) for name, rule in sorted(headers.COMMON.items())])
PARAMETER = st.one_of(
    st.sampled_from(sorted((name, value) for name, values in QUERY_VALUES.items() for value in values)),
    st.tuples(st.sampled_from(sorted(QUERY_NAMES)), st.just("")),
)
# Every word that may stand in a cleared capture: what a cookie, a body or a user may be called as well.
OWN_WORDS = sorted(
    {
        piece
        for text in (
            *WORDS, *captures.PRODUCERS, *captures.TLS_VERSIONS, *network.ERRORS, *federation.OUTCOMES, *PROTOCOLS,
            *MIME_SUB, *headers.COMMON, *METHODS, *attributes.KEYS, *otlp.KEYS, *QUERY_NAMES,
            *(value for values in QUERY_VALUES.values() for value in values),
            *(value for values in opentelemetry.TEXTS.values() for value in values),
            "max-age=31536000", "stale-while-revalidate=86400", "includeSubDomains", "page_100", "537.36", "Found",
        )
        for piece in (text, *re.split(r"[\s/:]+", text))
        if piece
    }
)  # fmt: skip
TAKEN = st.sampled_from(OWN_WORDS).flatmap(lambda word: st.sampled_from([word, word.lower(), word.title(), f"{word}1"]))


@st.composite
def captured(draw: st.DrawFn) -> dict[str, Any]:
    """A HAR of allowed values; in cookies, bodies, titles, log-ins and unknown fields, the same words."""
    name, version = draw(_PRODUCERS), draw(st.sampled_from(["537.36", "4.6.2", "1.8"]))
    pages = [
        {"startedDateTime": draw(STAMPS), "id": f"page_{at}", "title": draw(TAKEN)}
        for at in range(draw(st.sampled_from([1, 130])))
    ]
    entries = [draw(entries_of(len(pages))) for _ in range(draw(st.integers(1, 3)))]
    return {
        "log": {"version": "1.2", "creator": {"name": name, "version": version}, "pages": pages, "entries": entries}
    }


@st.composite
def entries_of(draw: st.DrawFn, pages: int) -> dict[str, Any]:
    status = draw(st.sampled_from(STATUSES))
    phrases = sorted(captures.PHRASES.get(status, {""}))
    sent, taken = draw(st.lists(HEADER, max_size=6)), [draw(TAKEN) for _ in range(8)]
    parameters = draw(st.lists(PARAMETER, max_size=4))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters)
    path = "/".join(draw(st.lists(SEGMENT, max_size=4)))
    user = quote(f"{taken[0]}:{taken[1]}@", safe=":@") if draw(st.booleans()) else ""
    basic = base64.b64encode(f"{taken[2]}:{taken[3]}".encode()).decode()
    entry = {
        "pageref": f"page_{pages - 1}",
        "startedDateTime": draw(STAMPS),
        "time": 1.5,
        "request": {
            "method": draw(_METHODS),
            "url": f"https://{user}login.example.com/{path}?{query}",
            "httpVersion": draw(_PROTOCOLS.flatmap(cased)),
            "headers": [
                *({"name": name, "value": value} for name, value in sent),
                {"name": "Cookie", "value": f"{taken[4]}={taken[5]}; theme={taken[6]}"},
                {"name": "Authorization", "value": f"Basic {basic}"},
            ],
            "queryString": [{"name": name, "value": value} for name, value in parameters],
            "postData": {"mimeType": draw(MIMES), "text": f'{{"password":"{taken[7]}","user":"{taken[0]}"}}'},
        },
        "response": {
            "status": status,
            "statusText": draw(st.sampled_from(phrases).flatmap(cased)),
            "content": {"size": 1, "mimeType": draw(MIMES), "text": " ".join(taken)},
            "_error": draw(_ERRORS),
        },
        "timings": {"send": 0, "wait": 1, "receive": 2},
        "connection": taken[1],
        "comment": taken[2],
    }
    return entry | {key: draw(values) for key, values in _ENTRY_WORDS.items()}


@st.composite
def attribute(draw: st.DrawFn) -> dict[str, Any]:
    key = draw(_KEYS)
    if key in opentelemetry.TEXTS:
        return {"key": key, "value": {"stringValue": draw(st.sampled_from(sorted(opentelemetry.TEXTS[key])))}}
    if key in attributes.OUTCOME_KEYS:
        return {"key": key, "value": {"stringValue": draw(_OUTCOMES)}}
    if key in opentelemetry.NUMBERS:
        return {"key": key, "value": {"intValue": draw(st.sampled_from(sorted(opentelemetry.NUMBERS[key])))}}
    if key in attributes.FLAG_KEYS:
        return {"key": key, "value": {"boolValue": draw(st.booleans())}}
    if key in attributes.NUMBER_KEYS:
        return {"key": key, "value": {"intValue": str(draw(st.integers(0, 10**11 - 1)))}}
    if key in attributes.HOST_KEYS:
        return {"key": key, "value": {"stringValue": "login.example.com"}}
    if key in attributes.VERSION_KEYS:
        return {"key": key, "value": {"stringValue": draw(st.sampled_from(["v1.2.3", "1.45.2", "2"]))}}
    return {"key": key, "value": {"stringValue": draw(SEGMENT)}}


@st.composite
def traced(draw: st.DrawFn) -> dict[str, Any]:
    """A trace of allowed values, with the same words in its messages and custom attributes."""
    spans = [
        {
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "spanId": f"{at + 10**9:016x}",
            "name": draw(SEGMENT),
            "kind": draw(st.sampled_from([*range(6), "SPAN_KIND_SERVER"])),
            "startTimeUnixNano": draw(NANOS),
            "endTimeUnixNano": draw(NANOS),
            "attributes": [
                *draw(st.lists(attribute(), max_size=5)),
                {"key": "enduser.id", "value": {"stringValue": draw(TAKEN)}},
            ],
            "status": {"code": draw(st.sampled_from([0, 1, 2, "STATUS_CODE_ERROR"])), "message": draw(TAKEN)},
        }
        for at in range(draw(st.integers(1, 3)))
    ]
    log = {
        "timeUnixNano": draw(NANOS),
        "severityNumber": draw(st.integers(0, 24)),
        "severityText": draw(st.sampled_from(["INFO", "ERROR", "Warning", "fatal"])),
        "body": {"stringValue": " ".join(draw(st.lists(TAKEN, max_size=6)))},
        "attributes": draw(st.lists(attribute(), max_size=3)),
    }
    resource = {"attributes": draw(st.lists(attribute(), max_size=4))}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": draw(WORD)}, "spans": spans}]}],
        "resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [log]}]}],
    }
