"""A part is never taken for the whole: what services say of further pages, and what a reader does about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.connectors.http import Client
from handrail.connectors.http.wholeness import list_path, part_of
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Get, RestConfig, RestConnector
from handrail.connectors.rest.pages import MAX_PAGES
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import Handler, Peer, answering, peer, response

U = [{"id": "u1"}, {"id": "u2"}]
NEXT = '<https://id.example.com/users?after=u2>; rel="next"'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"link": NEXT}, U),
        ({"link": "</users?page=2>; rel=next"}, U),
        ({"link": "</users?page=2>;REL='Next'"}, U),
        ({"link": '</users?page=2>; title="a, b"; rel="last next"'}, U),
        ({"link": '</users?page=1>; rel="self", </users?page=2>; rel="next"'}, U),
        ({"link": "</users?page=2>; rel*=UTF-8''next"}, U),
        ({"link": '</users?page=1>; rel="prev"'}, U),
        ({"link": "rel=next"}, U),
        ({"link": NEXT}, {"users": U}),
        ({"content-range": "items 0-1/57"}, U),
        ({"content-range": "0-1/*"}, U),
        ({"content-range": "items 2-3/4"}, U),
        ({"x-total-count": "3"}, U),
        ({"x-total": "3"}, {"users": U}),
        ({"x-total-pages": "2"}, U),
        ({"x-next-page": "2"}, U),
        ({"x-next-cursor": "abc"}, U),
        ({"x-has-more": "true"}, U),
        ({"x-ms-continuation": "abc"}, U),
        ({"x-pagination": '{"TotalCount": 3, "PageSize": 2}'}, U),
        ({"x-pagination": '{"HasNext": true}'}, U),
        ({}, {"value": U, "@odata.nextLink": "https://graph.example/users?$skiptoken=x"}),
        ({}, {"value": U, "@odata.count": 3}),
        ({}, {"id": "g1", "members": U, "members@odata.nextLink": "https://graph.example/x"}),
        ({}, [{"id": "g1", "members": U, "members@odata.nextLink": "https://graph.example/x"}]),
        ({}, {"count": 3, "next": "http://x.example/?page=2", "previous": None, "results": U}),
        ({}, {"count": 3, "next": None, "previous": "http://x.example/?page=1", "results": U}),
        ({}, {"data": U, "links": {"next": "/users?page[number]=2"}}),
        ({}, {"data": U, "links": {"next": {"href": "/users?page[number]=2"}}}),
        ({}, {"_embedded": {"users": U}, "_links": {"next": {"href": "/users?page=2"}}}),
        ({}, {"resourceType": "Bundle", "entry": U, "link": [{"relation": "next", "url": "https://f.example/2"}]}),
        ({}, {"items": U, "links": [{"rel": ["next"], "href": "/2"}]}),
        ({}, {"items": U, "nextPageToken": "CAIQ"}),
        ({}, {"items": U, "metadata": {"continue": "abc"}}),
        ({}, {"items": U, "metadata": {"remainingItemCount": 3}}),
        ({}, {"members": U, "response_metadata": {"next_cursor": "dGVh"}}),
        ({}, {"results": U, "paging": {"next": {"after": "2"}}}),
        ({}, {"data": U, "paging": {"cursors": {"next": "x"}}}),
        ({}, {"items": U, "hasMore": True}),
        ({}, {"items": U, "has_more": "true"}),
        ({}, {"Users": U, "IsTruncated": True, "Marker": "x"}),
        ({}, {"items": U, "truncated": True}),
        ({}, {"items": U, "incomplete_results": True}),
        ({}, {"values": U, "isLast": False}),
        ({}, {"values": U, "isLastPage": False, "nextPageStart": 2}),
        ({}, {"content": U, "last": False, "totalElements": 5}),
        ({}, {"content": U, "totalPages": 2, "number": 0}),
        ({}, {"issues": U, "startAt": 0, "maxResults": 2, "total": 5}),
        ({}, {"page": {"size": 2, "totalElements": 5}, "users": U}),
        ({}, {"executions": U, "paging": {"offset": 0, "max": 2, "count": 2, "total": 9}}),
        ({}, {"pagination": {"total": "9", "limit": "2"}, "users": U}),
        ({}, {"timed_out": False, "hits": {"total": {"value": 9, "relation": "eq"}, "hits": U}}),
        ({}, {"timed_out": True, "hits": {"hits": U}}),
        ({}, {"_shards": {"total": 5, "failed": 1}, "hits": {"hits": U}}),
        ({}, {"data": {"group": {"members": {"nodes": U, "pageInfo": {"hasNextPage": True}}}}}),
        ({}, {"data": {"users": U}, "errors": [{"message": "x"}]}),
        ({}, {"fields": {"comment": {"comments": U, "total": 9, "maxResults": 2, "startAt": 0}}}),
        ({}, [{"comment": {"comments": U, "total": 9, "maxResults": 2, "startAt": 0}}]),
        ({}, {"users": U, "next_page": 2}),
        ({}, {"users": U, "meta": {"pagination": {"next_page": 2}}}),
    ],
)
def test_answer_that_names_more_is_a_part(headers: dict[str, str], body: Any) -> None:
    assert part_of(200, headers, body) is not None


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, U),
        ({}, {"id": "ten_a", "plan": "silver"}),
        ({"link": '</users>; rel="self"; title="next"'}, U),
        ({"link": '</docs>; rel="nextcloud", </x>; rel="last"'}, U),
        ({"content-range": "items 0-1/2"}, U),
        ({"content-range": "*/0"}, []),
        ({"x-total-count": "2", "x-next-page": "", "x-total-pages": "1"}, U),
        ({"x-total-count": "57"}, {"id": "ten_a"}),
        ({"x-pagination": "nonsense {"}, U),
        ({}, {"count": 2, "next": None, "previous": None, "results": U}),
        ({}, {"value": U, "@odata.count": 2}),
        ({}, {"data": U, "links": {"next": None}}),
        ({}, {"items": U, "nextPageToken": ""}),
        ({}, {"items": U, "metadata": {"continue": ""}}),
        ({}, {"items": U, "hasMore": False}),
        ({}, {"values": U, "isLast": True}),
        ({}, {"issues": U, "startAt": 0, "maxResults": 50, "total": 2}),
        ({}, {"executions": [{"id": 77}], "paging": {"count": 1, "total": 1}}),
        # Data that reads like paging.
        ({}, {"id": "inv_1", "total": 1999, "lines": U}),
        ({}, {"id": "ch_1", "next": "ch_2"}),
        ({}, {"job": {"status": "running", "last": False}}),
        ({}, {"tenant": {"next": "2026-12-01"}, "roles": ["a"]}),
        ({}, {"tweets": [{"text": "…", "truncated": True}]}),
        ({}, {"steps": [{"id": 1, "next": 2}, {"id": 2, "next": None}]}),
        ({}, {"book": {"pages": 300}, "authors": U}),
        ({}, {"links": [{"rel": "self", "href": "/x"}], "users": U}),
    ],
)
def test_answer_that_names_nothing_more_is_whole(headers: dict[str, str], body: Any) -> None:
    assert part_of(200, headers, body) is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["next", "total", "items", "links", "meta", "rel", "page", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(_json, st.dictionaries(st.sampled_from(["link", "content-range", "x-total-count", "x-pagination"]), st.text()))
def test_part_of_and_list_path_answer_for_any_json(body: Any, headers: dict[str, str]) -> None:
    part = part_of(200, headers, body)
    assert part is None or part.why
    path = list_path(body)
    for name in path or ():
        body = body[name]
    assert path is None or isinstance(body, list)


def rest(url: str, **settings: Any) -> RestConnector:
    config = RestConfig(kind="rest", base_url=url, **{"deadline_seconds": 20.0, **settings})
    return RestConnector("idp", Client(config, Secrets({})), single_page_paths=config.single_page_paths)


def listed(body: Any, *headers: str, status: int = 200) -> bytes:
    return response(status, json.dumps(body).encode(), *headers)


def link(path: str) -> str:
    return f'Link: <{path}>; rel="next"'


def refused(handler: Handler, **settings: Any) -> ReadFailed:
    with peer(handler) as server, pytest.raises(ReadFailed) as caught:
        rest(server.url, **settings).read(Get(path="/users"))
    return caught.value


def test_read_gathers_a_list_behind_link_headers() -> None:
    pages = (
        listed(U, 'Link: </users?limit=2>; rel="self"', link("/users?after=u2"), 'ETag: "v1"'),
        listed([{"id": "u3"}, {"id": "u4"}], link("?after=u4")),
        listed([{"id": "u5"}], 'Link: </users>; rel="prev"'),
    )
    with peer(answering(*pages)) as server:
        reading = rest(server.url).read(Get(path="/users", query={"limit": 2}))
        assert reading.value == [{"id": f"u{n}"} for n in range(1, 6)]
        assert reading.version is None  # the first page's says nothing of the others
        lines = [request.split(b"\r\n")[0].split()[1] for request in server.requests]
        assert lines == [b"/users?limit=2", b"/users?after=u2", b"/users?after=u4"]


@pytest.mark.parametrize(
    ("pages", "at"),
    [
        (({"value": U, "@odata.nextLink": "/2"}, {"value": [{"id": "u3"}]}), ("value",)),
        (
            ({"count": 3, "next": "/2", "results": U}, {"count": 3, "next": None, "results": [{"id": "u3"}]}),
            ("results",),
        ),
        (
            ({"data": {"users": U}, "links": {"next": {"href": "/2"}}}, {"data": {"users": [{"id": "u3"}]}}),
            ("data", "users"),
        ),
    ],
)
def test_read_gathers_a_list_behind_links_in_its_envelope(pages: tuple[Any, ...], at: tuple[str, ...]) -> None:
    with peer(answering(*map(listed, pages))) as server:
        value: Any = rest(server.url).read(Get(path="/users")).value
    for name in at:
        value = value[name]
    assert value == [*U, {"id": "u3"}]


def test_read_gives_the_same_digest_however_the_list_is_cut() -> None:
    digests = set()
    for cut in (1, 2):
        users = [*U, {"id": "u3"}]
        with peer(answering(listed(users[:cut], link("/2")), listed(users[cut:]))) as server:
            digests.add(rest(server.url).read(Get(path="/users")).digest)
    assert len(digests) == 1


@pytest.mark.parametrize(
    "answers",
    [
        (listed({"items": U, "nextPageToken": "x"}),),
        (listed({"items": U, "hasMore": True}),),
        (listed(U, "Content-Range: items 0-1/57"),),
        (listed(U, status=206),),
        (listed(U, 'Link: </a>; rel="next", </b>; rel="next"'),),
        (listed(U, link("/2")), listed([{"id": "u3"}], "X-Total-Count: 4")),
        (listed({"a": U, "b": U, "next": "/2"}),),
        (listed(U, link("https://elsewhere.example/2")),),
        (listed(U, link("/2")), listed({"error": "none"})),
        (listed([1, 2], link("/2")),),  # every page is the same, for ever
    ],
)
def test_read_refuses_a_list_whose_rest_it_cannot_get(answers: tuple[bytes, ...]) -> None:
    error = refused(answering(*answers))
    assert (error.failure, error.retryable) == (Failure.PARTIAL, False)
    assert error.message.startswith("idp could not be read: ")


def test_read_says_that_pages_overlap_and_that_asking_again_may_help() -> None:
    error = refused(answering(listed(U, link("/2")), listed([{"id": "u2"}, {"id": "u3"}])))
    assert (error.failure, error.retryable) == (Failure.CHANGED, True)


def test_read_fails_like_the_page_that_fails() -> None:
    error = refused(answering(listed(U, link("/2")), response(503, b"", "Retry-After: 7")))
    assert (error.http_status, error.retryable, error.retry_after_seconds) == (503, True, 7)
    assert refused(answering(listed(U, link("/2")), listed([], "Age: 9"))).failure is Failure.STALE


def test_read_holds_all_pages_within_max_bytes() -> None:
    page = [{"id": "u1", "name": "x" * 100}]
    assert refused(answering(listed(page, link("/2")), listed([])), max_bytes=100).failure is Failure.TOO_LARGE
    second = [{"id": "u2", "name": "x" * 100}]
    assert refused(answering(listed(page, link("/2")), listed(second)), max_bytes=200).failure is Failure.TOO_LARGE


def test_read_ends_after_so_many_pages() -> None:
    def endless(server: Peer, conn: Any) -> None:
        while server.hear(conn):
            n = len(server.requests)
            conn.sendall(listed([{"id": n}], link(f"/{n}")))

    with peer(endless) as server:
        with pytest.raises(ReadFailed, match=f"over {MAX_PAGES} pages"):
            rest(server.url).read(Get(path="/users"))
        assert len(server.requests) == MAX_PAGES + 1


def test_a_link_header_too_long_for_others_is_still_seen() -> None:
    assert refused(answering(listed(U, link("https://elsewhere.example/" + "x" * 3000)))).failure is Failure.PARTIAL


def test_one_page_is_enough_where_the_reader_or_the_operator_says_so() -> None:
    with peer(answering(listed(U, link("/2")))) as server:
        assert rest(server.url).read(Get(path="/users", page=True)).value == U
        newest = rest(server.url, single_page_paths=["/events"])
        assert newest.read(Get(path="/events/of/ten_a?limit=2")).value == U
        assert newest.read(Get(path="/events")).value == U
        with pytest.raises(ReadFailed):
            newest.read(Get(path="/eventsourcing"))
