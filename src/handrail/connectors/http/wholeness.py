"""Whether an answer is the whole of what was asked for, or says itself that there is more.

Services say so in many ways: a ``Link`` header, ``Content-Range``, headers with totals, and in the body links, tokens,
flags and totals (Microsoft Graph, JSON:API, HAL, FHIR, Kubernetes, Elasticsearch, GraphQL, Spring, Django …).
Field names are compared without case and punctuation. Names that occur in data as well (``next``, ``total``) count only
around a list; names that can't mean anything else count everywhere, also inside of items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from handrail.connectors.http import links
from handrail.connectors.http.jsontext import NotJson, parse_json

Headers = Mapping[str, str]
Object = dict[str, JsonValue]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARTIAL_CONTENT = 206
# Filled, they mean more, wherever they stand.
_NEXT_LINKS = _words("nextpageurl nexturl nexthref nextpagelink nextpageuri nexturi nextrecordsurl")
_TOKENS = _words(
    "nextpagetoken nexttoken nextcursor nextmarker nextpagecursor nextpagekey nextpageid nextoffset"
    " nextcontinuationtoken continuationtoken paginationtoken lastevaluatedkey resumptiontoken nextstartingtoken"
)
_MORE = _words(
    "hasmore hasnext hasnextpage hasmoreitems hasmoreresults hasmoredata hasmorepages hasmorerecords istruncated"
    " moreresultsavailable morerecords moreitemsavailable moreavailable moredata incompleteresults resultstruncated"
    " ispartial partialresults"
)
# The same, but only around a list.
_MAYBE_NEXT = _words("next nextpage continue")
_MAYBE_MORE = _words("more truncated partial incomplete timedout")
_LAST = _words("islast islastpage lastpage last iscomplete")
_PAGES = _words("totalpages lastpage")
_TOTALS = _words(
    "totalcount totalresults totalitems totalelements totalrecords totalhits totalsize odatacount totalentries"
    " totalmatches totalnumberofitems"
)
_MAYBE_TOTALS = _words("total count")
_PAGING = _words(
    "limit offset page perpage pagesize startat maxresults start startindex itemsperpage skip top next previous prev"
    " pages currentpage lastpage totalpages pagenumber max hits"
)
_LINK_LISTS = _words("link links")
_NO_ITEMS = _LINK_LISTS | _words("schemas errors warnings")
# Objects beside a list that speak of it.
_ABOUT_LISTS = _words(
    "paging pagination page pageinfo meta metadata links link cursor cursors responsemetadata searchmetadata pager"
    " listmeta listmetadata summary pageable shards result resultset resultinfo navigation"
)
_HEADER_TOTAL = re.compile(r"(?:x-)?(?:pagination-|wp-|list-)?total(?:-?(?:count|results|items|records|elements))?")
_HEADER_NEXT = re.compile(
    r"(?:x-)?(?:pagination-)?next-?(?:page|cursor|token|link|url|offset|marker|range|page-token)|"
    r"(?:x-)?(?:pagination-)?has-(?:more|next)|x-(?:ms-)?continuation(?:-?token)?"
)
_HEADER_PAGES = re.compile(r"(?:x-)?(?:pagination-)?total-?pages|x-(?:pagination-)?page-count")
_RANGE = re.compile(r"(?:([0-9]{1,12})-([0-9]{1,12})|\*)/([0-9]{1,12}|\*)")
_NOTHING = _words("0 -1 null none false no")

AFTER_FIRST = "its answer doesn't begin at the beginning of the list"
MORE = "its answer is only part of the list"


@dataclass(frozen=True, slots=True)
class Part:
    """``why`` an answer isn't whole, without outside text; ``following``: the reference of the next page, if any."""

    why: str
    following: str | None = None


def part_of(status: int | None, headers: Headers, body: JsonValue, *, first: bool = True) -> Part | None:
    """What says that the answer isn't whole; None where nothing does.

    ``first``: this is one answer; otherwise headers and envelope are the last page's, around everything gathered.
    """
    if status == _PARTIAL_CONTENT:
        return Part("it answered with partial content (206)")
    link = headers.get("link", "")
    if links.is_related(link, "next"):
        return Part(f"{MORE}: its Link header names a next page", links.target(link, "next"))
    if first and (links.is_related(link, "prev") or links.is_related(link, "previous")):
        return Part(AFTER_FIRST)
    return _by_headers(headers, _only_list(body), first=first) or _by_body(body, first=first)


def list_path(body: JsonValue) -> tuple[str, ...] | None:
    """Where the only list of an answer is, as names to follow from the root; None where there is none or several."""
    if isinstance(body, list):
        return ()
    found = [path for path, value in _envelope(body) if isinstance(value, list) and not _is_links(path)]
    return found[0] if len(found) == 1 else None


def _only_list(body: JsonValue) -> list[JsonValue] | None:
    path = list_path(body)
    if path is None:
        return None
    for name in path:
        assert isinstance(body, dict)  # list_path came this way
        body = body[name]
    return body if isinstance(body, list) else None


def _by_headers(headers: Headers, items: list[JsonValue] | None, *, first: bool) -> Part | None:
    if first and "content-range" in headers and not _is_whole_range(headers["content-range"]):
        return Part(f"{MORE}: its Content-Range doesn't cover the whole")
    for name, value in headers.items():
        stated = value.strip().lower()
        if _HEADER_NEXT.fullmatch(name) and stated and stated not in _NOTHING:
            return Part(f"{MORE}: a header names a next page")
        number = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) <= 12 else None  # noqa: PLR2004
        if number is None:
            continue
        if items is not None and _HEADER_TOTAL.fullmatch(name) and number > len(items):
            return Part(f"{MORE}: a header counts more items than came")
        if first and number > 1 and _HEADER_PAGES.fullmatch(name):
            return Part(f"{MORE}: a header counts several pages")
    return _by_header_json(headers.get("x-pagination"), items, first=first)


def _by_header_json(text: str | None, items: list[JsonValue] | None, *, first: bool) -> Part | None:
    if text is None or not text.strip().startswith("{"):
        return None
    try:
        stated = parse_json(text.encode())
    except NotJson:
        return None
    return _by_object(stated, items, first=first, around=True) if isinstance(stated, dict) else None


def _is_whole_range(value: str) -> bool:
    words = value.replace("=", " ").split()  # a unit may stand before
    found = _RANGE.fullmatch(words[-1]) if words else None
    if found is None:
        return False
    begin, end, total = found.groups()
    if begin is None:
        return total in {"0", "*"}  # nothing of nothing
    return total != "*" and int(begin) == 0 and int(end) + 1 == int(total)


def _by_body(body: JsonValue, *, first: bool) -> Part | None:
    items = _only_list(body)
    around = {id(value) for value in _around(body)}
    if isinstance(body, dict) and body.get("errors") and "data" in body:  # GraphQL, JSON:API
        return Part("its answer holds errors beside data, so parts of it may be missing")
    for found in _objects(body):
        if (part := _by_object(found, items, first=first, around=id(found) in around)) is not None:
            return part
    return None


def _by_object(found: Object, items: list[JsonValue] | None, *, first: bool, around: bool) -> Part | None:
    named = {_plain(name): value for name, value in found.items()}
    for name, value in named.items():
        if name.endswith("nextlink") or name in _NEXT_LINKS or (around and name in _MAYBE_NEXT):
            if (part := _next(value)) is not None:
                return part
        elif name in _TOKENS:
            if _is_filled(value):
                return Part(f"{MORE}: it holds a token for the next page")
        elif name in _MORE or (around and name in _MAYBE_MORE):
            if value is True or (isinstance(value, str) and value.strip().lower() == "true"):
                return Part(f"{MORE}: it says that there is more")
        elif around and (part := _by_envelope_field(name, value, first=first)) is not None:
            return part
    return _by_total(named, items, around=around)


def _by_envelope_field(name: str, value: JsonValue, *, first: bool) -> Part | None:
    if name in _LAST and value is False:
        return Part(f"{MORE}: it says that this isn't the last page")
    if name in _PAGES and first and _number(value) > 1:
        return Part(f"{MORE}: it counts several pages")
    if name == "remainingitemcount" and _number(value) > 0:
        return Part(f"{MORE}: it counts remaining items")
    if name == "shards" and isinstance(value, dict) and _number(value.get("failed")) > 0:
        return Part("parts of its answer are missing: it says that shards failed")
    if name in _LINK_LISTS and isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and "next" in _names(item.get("rel", item.get("relation"))):
                reference = item.get("href", item.get("url"))
                return Part(f"{MORE}: it links to a next page", reference if isinstance(reference, str) else None)
    return None


def _by_total(named: Object, items: list[JsonValue] | None, *, around: bool) -> Part | None:
    own = [value for name, value in named.items() if isinstance(value, list) and name not in _LINK_LISTS]
    counted = own[0] if len(own) == 1 else items if around else None
    if counted is None or not (around or own):
        return None
    is_paging = bool(_PAGING & named.keys())
    for name, value in named.items():
        total = value.get("value") if isinstance(value, dict) else value
        sure = name in _TOTALS and (around or is_paging)
        if (sure or (name in _MAYBE_TOTALS and is_paging)) and _number(total) > len(counted):
            return Part(f"{MORE}: it counts more items than came")
    return None


def _next(value: JsonValue) -> Part | None:
    """What stands under a name that says "next": a reference, an object around one, a page number, or nothing."""
    if isinstance(value, dict):
        inner = next((value[name] for name in ("href", "url", "link") if name in value), None)
        return _next(inner) or (Part(f"{MORE}: it names a next page") if any(map(_is_filled, value.values())) else None)
    if not _is_filled(value) or isinstance(value, list):
        return None
    is_reference = isinstance(value, str) and value.startswith(("http://", "https://", "/", "?"))
    return Part(f"{MORE}: it names a next page", str(value) if is_reference else None)


def _is_filled(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING | {""}
    return bool(value) and value != -1


def _number(value: JsonValue) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 12:  # noqa: PLR2004
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _names(value: JsonValue) -> set[str]:
    texts = value if isinstance(value, list) else [value]
    return {name for text in texts if isinstance(text, str) for name in text.lower().split()}


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def _envelope(body: JsonValue) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    """Everything that can be reached from the root without going into a list."""
    waiting: list[tuple[tuple[str, ...], JsonValue]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        yield path, value
        if isinstance(value, dict):
            waiting += [((*path, name), inner) for name, inner in value.items()]


def _is_links(path: tuple[str, ...]) -> bool:
    """Whether a list there holds no items of the answer: links, schemas, errors."""
    return bool(path) and _plain(path[-1]) in _NO_ITEMS


def _around(body: JsonValue) -> Iterator[Object]:
    """The objects that a list stands in, and those beside it that speak of it."""
    inside: dict[tuple[str, ...], JsonValue] = dict(_envelope(body))
    of_lists = {path[:n] for path, value in inside.items() if isinstance(value, list) and not _is_links(path)
                for n in range(len(path))}  # fmt: skip
    for path, value in inside.items():
        about = next((n for n in range(len(path)) if path[:n] in of_lists and _are_about(path[n:])), None)
        if isinstance(value, dict) and (path in of_lists or about is not None):
            yield value


def _are_about(names: tuple[str, ...]) -> bool:
    return bool(names) and all(_plain(name) in _ABOUT_LISTS for name in names)


def _objects(body: JsonValue) -> Iterator[Object]:
    waiting = [body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
