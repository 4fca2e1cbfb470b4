"""What no part can keep is refused at one gate: every address, and every position of a request in turn."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, get_resolver

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.conf.wsgi import application
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.openapi import description
from tests.factories.web import Web
from tests.integration.web.urlmap import inside
from tests.lanes import share, swept

pytestmark = pytest.mark.django_db

MEMBER = "everything@example.com"
# As they stand in an address or form.
BAD = {
    "NUL": "%00",
    "high surrogate": "%ED%A0%80",
    "low surrogate": "%ed%bf%bf",
    "stray byte": "%FF",
    "cut sequence": "%E2%82",
    "overlong": "%C0%AF",
    "overlong NUL": "%C0%80",
}
# Every query and form field that a page reads, and two that none does.
QUERY = (
    *("actor", "before", "event", "outcome", "subject", "tenant", "handling", "kind", "name", "state", "runbook"),
    *("since", "until", "days", "page", "part", "seen", "revision", "whole", "profile", "support", "raised", "next"),
    *("from", "to", "cause", "limit", "unknown", "x[]", "situation", "task", "older_than", "after", "q"),
)
FORM = ("reason", "note", "digest", "code", "target", "revision", "workspace", "profile", "kept", "instead_of", "login")
VALUES = {"id": "1", "number": "1", "revision": "1", "definition_id": "1", "definition": "1", "annex": "1"}
HUGE = (
    *("1" + "0" * 30, "-1", "9" * 5000, str(2**63), "1e400", "NaN", "\u0661", "0x10", "1_000", ""),
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),  # in UTC there is no such year
)


class Address(NamedTuple):
    path: str
    verbs: tuple[str, ...]

    @property
    def of_api(self) -> bool:
        return self.path.startswith("/api/")


def addresses(ids: dict[str, str]) -> list[Address]:
    """Every address: pages, log-in, the API's operations, and what is none."""
    pages = [Address(route.url(ids), ("GET", "POST")) for route in inside()]
    accounts = [
        Address(f"/{pattern.pattern}", ("GET", "POST"))
        for pattern in get_resolver().url_patterns
        for pattern in _flat(pattern)
        if str(pattern.pattern).startswith("accounts/") and "<" not in str(pattern.pattern)
    ]
    api = [
        Address(re.sub(r"{(\w+)}", lambda m: VALUES.get(m[1], "RUN-0000000000"), path), tuple(v.upper() for v in verbs))
        for path, verbs in description()["paths"].items()
    ]
    return [
        *pages,
        *accounts,
        *api,
        Address("/", ("GET",)),
        Address("/nowhere", ("GET",)),
        Address("/api/v9", ("GET",)),
    ]


def _flat(pattern: Any) -> Iterator[URLPattern]:
    if isinstance(pattern, URLPattern):
        yield pattern


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    found = Installation.named("Northwind").web
    rows.member(found.workspace, *Role, email=MEMBER)
    return found


@pytest.fixture
def client(house: Web, enter: Callable[[User], Client]) -> Client:
    entered = enter(User.objects.get(email=MEMBER))
    entered.raise_request_exception = False
    return entered


def refused(response: HttpResponse, address: Address, where: str, hint: object) -> None:
    if address.of_api and where == "path":
        assert response.status_code == HTTPStatus.NOT_FOUND, (address, hint, response.status_code)
        return
    assert response.status_code == HTTPStatus.BAD_REQUEST, (address, hint, response.status_code)
    if address.of_api:
        assert response.headers["Content-Type"] == "application/problem+json"
        assert any(fault["where"].startswith(where) for fault in json.loads(response.content)["errors"])
    else:
        assert where in response.content.decode(), (address, hint)


def test_bad_text_in_path_query_and_form_is_refused_by_name(
    house: Web, client: Client, counted: Callable[[str], None]
) -> None:
    count = 0
    found = addresses(house.ids())
    kinds = list(BAD.values())
    for number, address in enumerate(found):
        for verb in address.verbs:
            for bad in share(kinds, number, 1):
                queries = [(f"?{name}={bad}", f"query.{name}") for name in QUERY]
                queries += [
                    (f"?a=1&{bad}=x", "query."),
                    (f"?x{bad}", "query.x"),
                    (f"?a=1;b={bad}", "query.a"),
                ]
                if bad == "%00":
                    queries += [(bad, "path"), (f"/{bad}/y", "path"), (f"/x{bad}", "path")]
                for text, where in queries if bad in ("%00", "%ED%A0%80") else queries[-5:]:
                    refused(client.generic(verb, address.path.rstrip("/") + text), address, where, (verb, text))
                    count += 1
                if verb == "GET" or address.of_api:
                    continue
                bodies = [(f"{name}={bad}", f"form.{name}") for name in FORM]
                for body, where in [*bodies, (f"ok=1&a{bad}=1", "form.a")]:
                    response = client.generic(verb, address.path, body, "application/x-www-form-urlencoded")
                    refused(response, address, where, (verb, body))
                    count += 1
    counted(
        f"{len(found)} addresses of pages and API, {count} requests with text that can't be kept in path, query"
        " or form: all refused"
    )
    assert len(found) >= 70


def test_bad_text_in_headers_and_cookies_is_refused_by_name(
    house: Web, client: Client, counted: Callable[[str], None]
) -> None:
    names = (
        "user-agent",
        "referer",
        "x-forwarded-for",
        "x-request-id",
        "hx-current-url",
        "accept-language",
        "x-unknown",
    )
    every = (*names, "webhook-id", "authorization", "if-none-match")
    cookies = [(cookie, value) for cookie in ("sessionid", "csrftoken", "other") for value in ("a\0b", '"a\\000b"')]
    charsets = ("utf-7", "unicode_escape", "raw_unicode_escape", "utf-16", "latin-1")
    count = 0
    for number, address in enumerate(addresses(house.ids())):
        for name in share(every, number, 3):
            response = client.get(address.path, headers={name: "a\0b"})
            refused(response, address, f"header.{name}", name)
            count += 1
        for cookie, value in share(cookies, number, 2):
            plain = Client(headers={"cookie": f"{cookie}={value}"})
            response = plain.get(address.path)
            assert response.status_code == HTTPStatus.BAD_REQUEST, (address, cookie)
            count += 1
        for charset in share(charsets, number, 2):
            response = client.generic(
                "GET", address.path + "?tenant=%5Cud800", CONTENT_TYPE=f"text/plain; charset={charset}"
            )
            refused(response, address, "header.content-type", charset)
            count += 1
    counted(f"{count} requests with such headers, cookies and character sets: all refused")


def test_bad_text_in_multipart_forms_and_file_names_is_refused_by_name(
    house: Web, client: Client, counted: Callable[[str], None]
) -> None:
    count = 0
    for address in addresses(house.ids()):
        if address.of_api or "POST" not in address.verbs:
            continue
        for data, where in (
            ({"note": "a\0b"}, "form.note"),
            ({"a\0b": "x"}, "form.ab"),
            ({"file": SimpleUploadedFile("a%00b".replace("%00", "\0"), b"x")}, "form.file"),
        ):
            response = client.post(address.path, data)
            # The parser drops what follows a NUL in a file's name on some versions: then nothing is left to refuse.
            if where != "form.file":
                refused(response, address, where, data)
            assert response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
            count += 1
    counted(f"{count} multipart forms with such names, values and files: none broke")


JSON = ('"\\u0000"', '"\\ud800"', '"a\\udfffb"', '["\\u0000"]', '{"deep": {"x": "\\ud800"}}', '"\\ud800\\u0041"')


def test_bad_text_in_json_is_refused_by_name(house: Web, client: Client, counted: Callable[[str], None]) -> None:
    count = 0
    for path, operations in description()["paths"].items():
        for verb, operation in operations.items():
            if "requestBody" not in operation or path.endswith("/tasks"):
                continue
            url = re.sub(r"{(\w+)}", lambda m: VALUES.get(m[1], house.completed.ref), path)
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            name = schema.get("$ref", "").rpartition("/")[2]
            fields = [*description()["components"]["schemas"].get(name, schema).get("properties", {}), "unknown"]
            bodies = [(f'{{"{field}": {bad}}}', field) for field in fields for bad in JSON]
            bodies += [('{"a\\u0000": 1}', ""), ('{"\\ud800": 1}', ""), ('{"x": {"\\u0000": 1}}', "x")]
            for body, where in swept(bodies):
                response = client.generic(verb.upper(), url, body, "application/json")
                assert 400 <= response.status_code < 500, (url, body, response.status_code)
                shown = [fault["where"] for fault in json.loads(response.content)["errors"]]
                assert any(one.startswith(where) for one in shown), (url, body, shown)
                count += 1
    counted(f"{count} JSON bodies: all refused")
    assert count > 50


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"])
def test_time_that_utc_has_no_year_for_filters_nothing(house: Web, client: Client, time: str) -> None:
    for route in inside():
        if not route.parameters:
            assert client.get(route.url(house.ids()), query_params={"before": time}).status_code < 500, route


def test_numbers_out_of_range_and_long_queries_never_break_a_page(
    house: Web, client: Client, counted: Callable[[str], None]
) -> None:
    count = 0
    readable = [address for address in addresses(house.ids()) if "GET" in address.verbs]
    for address, text in swept([(address, text) for address in readable for text in HUGE]):
        response = client.get(address.path, query_params=dict.fromkeys(QUERY, text[:200]))
        assert response.status_code < 500, (address, text)
        count += 1
    for address in readable:
        refused(client.get(f"{address.path}?q={'x' * 9000}"), address, "query", "long")
        refused(client.get(f"{address.path}?{'a=1&' * 1500}"), address, "query", "many")
        count += 2
    for path in ("/admin/definitions/{}", "/admin/definitions/{}/approve", "/api/v1/definitions/{}"):
        for number in ("0", "1" + "0" * 30, str(2**63), str(2**63 - 1), "9" * 5000, "-1", "\u0661"):
            assert client.get(path.format(number)).status_code < 500, (path, number)
            assert client.post(path.format(number)).status_code < 500, (path, number)
            count += 2
    for path in swept(list(description()["paths"])):
        for body in ('{"x": 1e999}', "9" * 6000, '{"limit": 1' + "0" * 400 + "}"):
            url = path.replace("{", "").replace("}", "")
            assert client.generic("POST", url, body, "application/json").status_code < 500, (path, body)
            count += 1
    counted(f"{count} requests with numbers out of range or long queries: none broke")


def test_good_text_of_every_script_passes(house: Web, client: Client) -> None:
    """The success that the refusals share their set-up with."""
    assert client.get("/admin/operations", {"task": "Zo\u00eb \U0001f4a9 \u05d0\u202e"}).status_code == HTTPStatus.OK
    assert client.get("/admin/operations?task=" + "%ED%9F%BF").status_code == HTTPStatus.OK


@pytest.mark.parametrize(
    "charset", ["hex", "idna", "base64", "rot13", "zlib", "a\0b", "undefined", "x" * 5000, "utf-7"]
)
@pytest.mark.parametrize("path", ["/admin", "/api/v1/runs", "/accounts/login/"])
def test_character_set_that_breaks_django_is_refused(db: None, path: str, charset: str) -> None:
    """Through the WSGI application: what a request says of its character set is read before any middleware."""
    status, body = called(path, "a=1&tenant=%5Cud800", f"text/plain; charset={charset}")
    assert status == "400 Bad Request"
    assert b"header.content-type" in body


@pytest.mark.parametrize("path", ["/admin", "/api/v1/runs", "/accounts/login/"])
def test_query_of_too_many_fields_is_refused_whatever_the_character_set(db: None, path: str) -> None:
    for content_type in ("text/plain", "application/json; charset=utf-8"):
        status, body = called(path, "a=1&" * 1500, content_type)
        assert (status, b"at most 1000 fields" in body) == ("400 Bad Request", True)


def called(path: str, query: str, content_type: str) -> tuple[str, bytes]:
    environ: dict[str, Any] = RequestFactory()._base_environ(PATH_INFO=path, QUERY_STRING=query)
    environ["CONTENT_TYPE"] = content_type
    begun: list[str] = []

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        begun.append(status)
        return begun.append  # type: ignore[return-value]

    body = b"".join(application(environ, start_response))
    return begun[0], body
