"""The one gate for what no part can keep or compare: NUL, half surrogate pairs, bytes that are not UTF-8.

It looks at path, query, form, headers and cookies of every request before any other part reads them, so that no view,
filter or session has to. JSON bodies have the same rule where they are parsed (``api.body``), the command line in
``cli.entry``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_header_parameters

from handrail.api import problems
from handrail.api.middleware import concerns
from handrail.kernel.errors import Fault, NotFound
from handrail.kernel.hostile import clean_text, is_storable
from handrail.web.shell import errors

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = structlog.get_logger("handrail.web")

QUERY_LIMIT = 8192
# Django's own limit: past it, reading a field of the query fails.
FIELD_LIMIT = 1000
NAME_LIMIT = 64
CODE = "unreadable"
PATH = "path"
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
OTHER_CHARSET, TOO_MANY = "handrail.other_charset", "handrail.too_many_fields"
NOT_TEXT = "expected text in UTF-8, without NUL and half surrogate pairs"
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_PLAIN = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


def readable(application: WSGIApplication) -> WSGIApplication:
    """``application``, called without what breaks Django before any middleware runs: the character set that a request
    names, unless it is UTF-8 or ASCII, and a query of too many fields. ``Gate`` refuses the marked request."""

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            charset = parse_header_parameters(environ.get("CONTENT_TYPE", ""))[1].get("charset")
        except ValueError:
            charset = "unreadable"
        if charset is not None and charset.lower() not in CHARSETS:
            environ["CONTENT_TYPE"], environ[OTHER_CHARSET] = "application/octet-stream", True
        if environ.get("QUERY_STRING", "").count("&") >= FIELD_LIMIT:
            environ["QUERY_STRING"], environ[TOO_MANY] = "", True
        return application(environ, start_response)

    return call


class Gate:
    """Answers 400, naming the part and field, for a request with such text; in the API, 404 for such an address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        fault = next(faults(request), None)
        if fault is None:
            return self.get_response(request)
        log.info("refused", code=CODE, status=int(HTTPStatus.BAD_REQUEST), where=fault.where)
        if concerns(request) and fault.where == PATH:  # as for any reference that can't be one
            return problems.of(NotFound())
        if concerns(request):
            return problems.problem(HTTPStatus.BAD_REQUEST, CODE, "The request can't be read.", faults=[fault])
        return errors.unreadable(fault)


def faults(request: HttpRequest) -> Iterator[Fault]:
    """What is wrong, in the order in which parts are read. Raises what Django raises for a malformed or big form."""
    # The headers come first: the charset of the content type is what Django would decode the query with.
    yield from _headers(request)
    yield from _path(request)
    yield from _query(request)
    yield from _fields("cookie", request.COOKIES.items())
    if request.content_type in FORM_TYPES and not concerns(request):
        yield from _form(request)


def _headers(request: HttpRequest) -> Iterator[Fault]:
    for name, value in request.META.items():
        if (name.startswith("HTTP_") or name in _PLAIN) and isinstance(value, str) and not is_storable(value):
            yield Fault(f"header.{_named(name.removeprefix('HTTP_').replace('_', '-').lower())}", NOT_TEXT)
    if OTHER_CHARSET in request.META or (request.encoding or "utf-8").lower() not in CHARSETS:
        yield Fault("header.content-type", "expected the charset utf-8, or none")


def _path(request: HttpRequest) -> Iterator[Fault]:
    # Bytes that are not UTF-8 are percent-encoded again by Django, and so are text.
    if not is_storable(request.path_info):
        yield Fault(PATH, NOT_TEXT)


def _query(request: HttpRequest) -> Iterator[Fault]:
    raw = str(request.META.get("QUERY_STRING", ""))
    if len(raw) > QUERY_LIMIT:
        yield Fault("query", f"at most {QUERY_LIMIT} bytes")
    if TOO_MANY in request.META or raw.count("&") >= FIELD_LIMIT:
        yield Fault("query", f"at most {FIELD_LIMIT} fields")
    yield from _pairs("query", raw.encode("latin-1", "replace"))


def _form(request: HttpRequest) -> Iterator[Fault]:
    if request.content_type == "multipart/form-data":
        for name, values in request.POST.lists():
            yield from _fields("form", ((name, value) for value in values))
        for name, files in request.FILES.lists():
            yield from _fields("form", ((name, file.name or "") for file in files))
        return
    yield from _pairs("form", request.body)


def _pairs(part: str, raw: bytes) -> Iterator[Fault]:
    """``raw`` as ``name=value`` pairs: the whole is decoded once, and the pairs only where that fails."""
    if not _undecodable(unquote_to_bytes(raw)):
        return
    for pair in raw.split(b"&"):
        name, _, value = pair.partition(b"=")
        if _undecodable(unquote_to_bytes(name)) or _undecodable(unquote_to_bytes(value)):
            shown = unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace")
            yield Fault(f"{part}.{_named(shown)}", NOT_TEXT)
    yield Fault(part, NOT_TEXT)


def _fields(part: str, items: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    for name, value in items:
        if not is_storable(name) or not is_storable(value):
            yield Fault(f"{part}.{_named(name)}", NOT_TEXT)


def _undecodable(raw: bytes) -> bool:
    # Strict UTF-8 has no surrogates, so that half a pair is as undecodable as any stray byte.
    try:
        return "\0" in raw.decode("utf-8")
    except UnicodeDecodeError:
        return True


def _named(name: str) -> str:
    return clean_text(name, limit=NAME_LIMIT) or "?"
