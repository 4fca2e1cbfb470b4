"""The SCIM connector against scim2-server, and against services that get the protocol wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
from scim2_models import ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)
from werkzeug.serving import make_server

from handrail.connectors.http import Client
from handrail.connectors.outcome import Failure, ReadFailed
from handrail.connectors.rest import Get
from handrail.connectors.scim import (
    AddMember,
    AddRole,
    Change,
    Holders,
    Members,
    Patch,
    Query,
    Read,
    RemoveMember,
    RemoveRole,
    ScimConfig,
    ScimConnector,
)
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.unit.connectors.peers import Handler, Peer, answering, answering_json, peer, response

TOKEN = "scim-token"


def scim(url: str, **settings: Any) -> ScimConnector:
    config = ScimConfig(kind="scim", base_url=url, **settings)
    return ScimConnector("roles", Client(config, Secrets({"TOKEN": TOKEN})), config)


@pytest.fixture(scope="module")
def service_url() -> Iterator[str]:
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(),
        load_default_resource_types().values(),
        config=load_default_service_provider_config(),
    )
    application = BearerTokenApplication(InMemoryStorage(), provider, bearer_tokens=[TOKEN])
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/v2"
    server.shutdown()
    thread.join(10)


@pytest.fixture
def service(service_url: str) -> ScimConnector:
    return scim(service_url, auth={"kind": "bearer", "secret": "env:TOKEN"}, page_size=3)


def create(connector: ScimConnector, endpoint: str, **attributes: Any) -> str:
    """Make a resource in the service, past the connector: creating is nothing that a runbook may do."""
    schema = "urn:ietf:params:scim:schemas:core:2.0:" + endpoint.rstrip("s")
    exchange = connector._client.send(
        "POST",
        f"/{endpoint}",
        headers={"content-type": "application/scim+json"},
        content=json.dumps({"schemas": [schema], **attributes}).encode(),
    )
    assert exchange.status == 201, exchange.body
    return str(json.loads(exchange.body)["id"])


def names(value: Any) -> list[str]:
    return sorted(user["userName"] for user in value)


def test_query_gathers_every_page(service: ScimConnector) -> None:
    wanted = sorted(f"paged-{n}" for n in range(8))
    ids = [create(service, "Users", userName=name) for name in wanted]
    reading = service.read(Query(resource="Users", filter='userName sw "paged-"'))
    assert names(reading.value) == wanted
    assert isinstance(reading.value, list)
    assert [user["id"] for user in reading.value if isinstance(user, dict)] == sorted(ids)
    assert reading.version is None


def test_query_gives_the_same_digest_for_the_same_state(service: ScimConnector) -> None:
    for n in range(5):
        create(service, "Users", userName=f"digest-{n}")
    query = Query(resource="Users", filter='userName sw "digest-"')
    before = service.read(query)
    assert service.read(query).digest == before.digest
    create(service, "Users", userName="digest-5")
    assert service.read(query).digest != before.digest


def test_query_gives_an_empty_list_when_nothing_matches(service: ScimConnector) -> None:
    assert service.read(Query(resource="Users", filter='userName eq "nobody"')).value == []


def test_query_asks_for_the_named_attributes_only(service: ScimConnector) -> None:
    create(service, "Users", userName="narrow", displayName="Not asked for")
    reading = service.read(Query(resource="Users", filter='userName eq "narrow"', attributes=("userName",)))
    assert isinstance(reading.value, list)
    assert isinstance(reading.value[0], dict)
    assert set(reading.value[0]) == {"schemas", "id", "userName"}


def test_query_refuses_more_than_max_resources(service: ScimConnector, service_url: str) -> None:
    for n in range(4):
        create(service, "Users", userName=f"many-{n}")
    small = scim(service_url, auth={"kind": "bearer", "secret": "env:TOKEN"}, max_resources=3)
    with pytest.raises(ReadFailed, match="4 resources match, and max_resources is 3"):
        small.read(Query(resource="Users", filter='userName sw "many-"'))


@pytest.mark.parametrize("text", ["userName eq", 'userName eq "a', "(userName pr", 'userName == "a"'])
def test_query_refuses_a_malformed_filter_before_sending(text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        scim("https://id.example").read(Query(resource="Users", filter=text))
    assert caught.value.code == "scim-filter"


def test_read_keeps_the_etag_as_version(service: ScimConnector) -> None:
    id_ = create(service, "Users", userName="versioned")
    before = service.read(Read(resource="Users", id=id_))
    assert before.version
    service.call(AddRole(user=id_, role="admin"))
    assert service.read(Read(resource="Users", id=id_)).version != before.version


def test_read_takes_meta_version_when_there_is_no_etag() -> None:
    with peer(answering_json({"id": "1", "meta": {"version": 'W/"3"'}})) as server:
        assert scim(server.url).read(Read(resource="Users", id="1")).version == 'W/"3"'


def test_read_fails_when_the_resource_does_not_exist(service: ScimConnector) -> None:
    with pytest.raises(ReadFailed) as caught:
        service.read(Read(resource="Users", id="nobody"))
    assert (caught.value.http_status, caught.value.retryable) == (404, False)


def test_add_role_makes_a_holder_and_remove_role_unmakes_it(service: ScimConnector) -> None:
    role = 'a "quoted" \\ role'
    id_ = create(service, "Users", userName="holder")
    create(service, "Users", userName="bystander", roles=[{"value": "other"}])
    assert service.call(AddRole(user=id_, role=role)).status in {200, 204}
    assert names(service.read(Holders(role=role)).value) == ["holder"]
    assert service.call(RemoveRole(user=id_, role=role)).status in {200, 204}
    assert service.read(Holders(role=role)).value == []


def test_add_role_twice_is_harmless(service: ScimConnector) -> None:
    id_ = create(service, "Users", userName="twice")
    for _ in range(2):
        assert service.call(AddRole(user=id_, role="twice-role")).failure is None
    user = service.read(Read(resource="Users", id=id_)).value
    assert isinstance(user, dict)
    assert user["roles"] == [{"value": "twice-role"}]


def test_add_member_and_remove_member_change_the_group(service: ScimConnector) -> None:
    user, group = create(service, "Users", userName="member"), create(service, "Groups", displayName="Admins")
    assert service.read(Members(group=group)).value == []
    assert service.call(AddMember(group=group, member=user)).status in {200, 204}
    reading = service.read(Members(group=group))
    assert isinstance(reading.value, list)
    assert [member["value"] for member in reading.value if isinstance(member, dict)] == [user]
    assert reading.version
    assert service.call(RemoveMember(group=group, member=user)).status in {200, 204}
    assert service.read(Members(group=group)).value == []


def test_patch_changes_the_resource(service: ScimConnector) -> None:
    id_ = create(service, "Users", userName="renamed")
    change = (Change(op="replace", path="displayName", value="New"),)
    assert service.call(Patch(resource="Users", id=id_, operations=change)).status in {200, 204}
    user = service.read(Read(resource="Users", id=id_)).value
    assert isinstance(user, dict)
    assert user["displayName"] == "New"


def test_check_finds_a_working_service(service: ScimConnector) -> None:
    assert [finding.ok for finding in service.check()] == [True, True, True]


def test_check_says_that_the_secret_is_wrong(service_url: str) -> None:
    finding = scim(service_url).check()[0]
    assert not finding.ok
    assert "secret" in finding.fix


def test_check_says_that_base_url_is_no_scim_service() -> None:
    with peer(answering(response(200, b"[]"))) as server:
        (finding,) = scim(server.url).check()
        assert not finding.ok
        assert "/scim/v2" in finding.fix


def test_check_says_which_feature_is_missing() -> None:
    offered = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": False},
        "filter": {"supported": True, "maxResults": 10},
    }
    with peer(answering_json(offered)) as server:
        findings = scim(server.url).check()
        assert [(finding.ok, "PATCH" in finding.message) for finding in findings] == [
            (True, False),
            (False, True),
            (True, False),
        ]


def page(total: Any, *ids: Any) -> bytes:
    return response(200, json.dumps({"totalResults": total, "Resources": [{"id": id_} for id_ in ids]}).encode())


@pytest.mark.parametrize(
    ("pages", "retryable", "why"),
    [
        ((page(3, "a", "b"), page(3, "b")), True, "changed while"),
        ((page(3, "a", "b"), page(4, "c")), True, "changed while"),
        ((page(3, "a", "b"), page(3)), True, "changed while"),
        ((page(1, "a", "b"),), False, "more than totalResults"),
        ((page("1", "a"),), False, "no totalResults"),
        ((page(True, "a"),), False, "no totalResults"),
        ((page(-1),), False, "no totalResults"),
        ((page(1, 7),), False, "no id"),
        ((response(200, b"[]"),), False, "no totalResults"),
        ((response(200, b'{"totalResults": 1, "Resources": {}}'),), False, "no totalResults"),
        ((page(2, "a"), response(503)), True, "status 503"),
    ],
)
def test_query_fails_when_the_pages_do_not_fit_together(pages: tuple[bytes, ...], retryable: bool, why: str) -> None:
    with peer(answering(*pages)) as server:
        with pytest.raises(ReadFailed, match=why) as caught:
            scim(server.url).read(Query(resource="Users"))
        assert caught.value.retryable is retryable


def ids_of(pages: tuple[bytes, ...], **settings: Any) -> list[str]:
    with peer(answering(*pages)) as server:
        value: Any = scim(server.url, **settings).read(Query(resource="Users")).value
    return [user["id"] for user in value]


def test_query_knows_the_end_where_the_total_counts_the_page() -> None:
    assert ids_of((page(2, "a", "b"), page(1, "c")), page_size=2) == ["a", "b", "c"]
    assert ids_of((page(2, "a", "b"), page(2, "c", "d"), page(0)), page_size=2) == ["a", "b", "c", "d"]
    assert ids_of((page(2, "a", "b"), page(2, "c", "d"), page(1, "e"))) == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("answer", [page(2), page(0), page(2, "a", "b"), response(404), response(400)])
def test_query_takes_a_short_page_that_nothing_follows(answer: bytes) -> None:
    assert ids_of((page(2, "a", "b"), answer)) == ["a", "b"]


def test_query_takes_the_list_of_a_service_that_does_not_page_at_all() -> None:
    assert ids_of((page(5, *"abcde"),), page_size=2) == list("abcde")
    assert ids_of((page(2, "a", "b"),), page_size=2) == ["a", "b"]  # as many as asked for, by chance


def test_query_believes_a_total_that_was_more_than_the_page() -> None:
    with peer(answering(page(4, "a", "b"), page(4, "c", "d"))) as server:
        scim(server.url, page_size=2).read(Query(resource="Users"))
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "pages", [(page(3, "a", "b"),), (page(2, "a", "b"), page(2, "a", "b"), page(1, "a"))], ids=["total", "full page"]
)
def test_query_fails_for_good_when_the_service_does_not_page(pages: tuple[bytes, ...]) -> None:
    with peer(answering(*pages)) as server:
        with pytest.raises(ReadFailed, match="doesn't page") as caught:
            scim(server.url, page_size=2).read(Query(resource="Users"))
        assert (caught.value.failure, caught.value.retryable) == (Failure.PARTIAL, False)


@pytest.mark.parametrize("answer", [response(404), response(400), response(503)])
def test_query_has_no_end_where_a_full_page_is_all_that_is_shown(answer: bytes) -> None:
    with peer(answering(page(2, "a", "b"), answer)) as server, pytest.raises(ReadFailed):
        scim(server.url, page_size=2).read(Query(resource="Users"))


def test_query_follows_cursors() -> None:
    first = {"totalResults": 2, "nextCursor": "c2", "Resources": [{"id": "a"}]}
    with peer(answering(response(200, json.dumps(first).encode()), page(2, "b"))) as server:
        value: Any = scim(server.url).read(Query(resource="Users")).value
        assert [user["id"] for user in value] == ["a", "b"]
        assert b"cursor=c2" in server.requests[1].split(b"\r\n")[0]


def test_query_takes_an_empty_list_without_resources() -> None:
    with peer(answering(response(200, b'{"totalResults": 0}'))) as server:
        assert scim(server.url).read(Query(resource="Users")).value == []


def test_query_has_one_deadline_for_all_pages() -> None:
    def endless(server: Any, conn: Any) -> None:
        number = 0
        while server.hear(conn):
            number += 1
            server.over.wait(0.1)
            conn.sendall(page(1000, f"u{number}"))

    with peer(endless) as server:
        with pytest.raises(ReadFailed) as caught:
            scim(server.url).read(Query(resource="Users"), deadline_seconds=0.4)
        assert caught.value.failure in {Failure.TIMEOUT_AFTER_SEND, Failure.TIMEOUT_BEFORE_SEND}
        assert len(server.requests) < 50


def test_holders_fails_when_the_service_ignores_the_filter() -> None:
    everybody = {"totalResults": 1, "Resources": [{"id": "1", "userName": "x", "roles": [{"value": "reader"}]}]}
    with peer(answering_json(everybody)) as server, pytest.raises(ReadFailed, match="do not hold the role"):
        scim(server.url).read(Holders(role="admin"))


Route = dict[str, Any]


def routed(routes: Route) -> Handler:
    """Answers by what the request's line holds; the first that fits. A status alone is an answer without a body."""

    def handle(server: Peer, conn: Any) -> None:
        while request := server.hear(conn):
            line = unquote_plus(request.split(b"\r\n")[0].decode())
            found = next(value for part, value in routes.items() if part in line)
            body = b"" if isinstance(found, int) else json.dumps(found).encode()
            conn.sendall(response(found if isinstance(found, int) else 200, body))

    return handle


def listing(*resources: Any) -> dict[str, Any]:
    return {"totalResults": len(resources), "Resources": list(resources)}


EMPTY_GROUPS: list[Any] = [{"id": "g1", "displayName": "Support admins", "members": []}, {"id": "g1"}]


@pytest.mark.parametrize("group", EMPTY_GROUPS)
@pytest.mark.parametrize("proof", [400, 404, 501, listing({"id": "g1"}), listing({"id": "g2"})])
def test_members_that_may_be_hidden_are_no_empty_list(group: Any, proof: Any) -> None:
    with peer(routed({"/Groups/g1": group, "startIndex=2": listing(), "members pr": proof})) as server:
        with pytest.raises(ReadFailed, match="always_shows") as caught:
            scim(server.url).read(Members(group="g1"))
        assert (caught.value.failure, caught.value.retryable) == (Failure.PARTIAL, False)


@pytest.mark.parametrize("group", EMPTY_GROUPS)
def test_members_are_none_where_a_filter_or_the_operator_says_so(group: Any) -> None:
    with peer(routed({"/Groups/g1": group, 'id eq "g1" and members pr': listing()})) as server:
        assert scim(server.url).read(Members(group="g1")).value == []
    with peer(routed({"/Groups/g1": group})) as server:
        assert scim(server.url, always_shows=["members"]).read(Members(group="g1")).value == []


def test_members_and_holders_fail_where_the_service_never_shows_them() -> None:
    hidden = scim("https://id.example", never_shows=["members", "roles"])
    for operation in (Members(group="g1"), Holders(role="admin")):
        with pytest.raises(ReadFailed) as caught:
            hidden.read(operation)
        assert caught.value.failure is Failure.PARTIAL


U1: dict[str, Any] = {"id": "u1", "userName": "a", "active": True}
ROLES: dict[str, Any] = {"roles": [{"value": "support-admin"}]}
HOLDERS = Holders(role="support-admin")


@pytest.mark.parametrize(
    "routes",
    [
        {"attributes=roles&": listing({"id": "u1", **ROLES}), "startIndex=1": listing(U1), "startIndex=2": listing()},
        {"/Users/u1": {"id": "u1", **ROLES}, "startIndex=1": listing(U1), "startIndex=2": listing()},
    ],
)
def test_holders_asks_for_roles_that_come_only_on_request(routes: Route) -> None:
    with peer(routed({"startIndex=2": listing(), **routes})) as server:
        assert scim(server.url).read(HOLDERS).value == [{**U1, **ROLES}]


def test_holders_says_that_roles_are_not_shown() -> None:
    with peer(routed({"/Users/u1": {"id": "u1"}, "startIndex=2": listing(), "startIndex=1": listing(U1)})) as server:
        with pytest.raises(ReadFailed, match="shows roles") as caught:
            scim(server.url).read(HOLDERS)
        assert caught.value.failure is Failure.PARTIAL


def test_holders_refuses_users_whose_requested_roles_are_others() -> None:
    other = {"id": "u1", "roles": [{"value": "reader"}]}
    routes = {"startIndex=2": listing(), "attributes=roles&": listing(other), "startIndex=1": listing(U1)}
    with peer(routed(routes)) as server, pytest.raises(ReadFailed, match="do not hold the role"):
        scim(server.url).read(HOLDERS)


def test_read_fails_when_another_resource_comes_back() -> None:
    with peer(answering_json({"id": "u2"})) as server, pytest.raises(ReadFailed) as caught:
        scim(server.url).read(Read(resource="Users", id="u1"))
    assert caught.value.failure is Failure.NOT_OURS


def test_members_fails_when_another_resource_comes_back() -> None:
    with peer(answering_json({"id": "other", "members": []})) as server, pytest.raises(ReadFailed):
        scim(server.url).read(Members(group="g1"))


@pytest.mark.parametrize("operation", [Get(path="/"), Members(group="g")])
def test_call_refuses_what_is_no_single_call(operation: Any) -> None:
    with pytest.raises(Misconfigured):
        scim("https://id.example").call(operation)
