"""What came of one's own submission is told to oneself, whatever others raise meanwhile, and to nobody else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.connectors import desk as desks
from handrail.support.models import SupportRequest
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.support import desk_at, unfinished
from tests.factories.switches import RUNBOOK
from tests.factories.web import Web
from tests.integration.web.test_support_form import LATEST, SURFACES, fields, url
from tests.unit.connectors.peers import hear_then_hang, peer

OWN = "Your support request"


@pytest.fixture(autouse=True)
def no_desk() -> Iterator[None]:
    with desks.use(None):
        yield


def operator_of(house: Web) -> Client:
    client = Client()
    client.force_login(
        rows.member(house.workspace, Role.OPERATOR), backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    return client


def raise_one(client: Client, page: str, key: str) -> str:
    """The address that the submission leads to."""
    response = client.post(page, fields(submission_key=key))
    assert response.status_code == 302
    back: str = response.headers["Location"].partition("#")[0]
    return back


def cards(body: str) -> list[tuple[str, str]]:
    """The title and reference of each handoff on the page."""
    return [(title, ref) for ref, title in re.findall(r'<h2 id="(SR-\w{10})-h">([^<]+)</h2>', body)]


def see(client: Client, address: str) -> list[tuple[str, str]]:
    return cards(client.get(address).content.decode())


def test_lost_answer_is_told_though_another_raised_a_request_meanwhile(committed_db: str) -> None:
    house = Installation.named("Northwind").web
    mine, theirs = operator_of(house), operator_of(house)
    page = url(house, "tenant")

    def submit() -> str:
        try:
            response = mine.post(page, fields(mode="create_external_ticket"))
            return str(response.headers["Location"])
        finally:
            connection.close()

    with peer(hear_then_hang) as server, desk_at(server.url, budget_seconds=2.0), ThreadPoolExecutor(1) as pool:
        pending = pool.submit(submit)
        while not server.requests:
            time.sleep(0.01)
        raise_one(theirs, page, "key-of-another-form")
        back = pending.result(30)
    hung, later = SupportRequest.objects.order_by("created_at").values_list("ref", flat=True)
    body = mine.get(back.partition("#")[0]).content.decode()
    assert cards(body) == [(OWN, hung), (LATEST, later)]
    assert "Whether an external ticket exists is not known." in body
    assert f"Look for {hung} in Example Desk" in body


@pytest.mark.django_db
@pytest.mark.parametrize("surface", SURFACES)
def test_own_request_stands_above_a_later_one_of_another(house: Web, surface: str) -> None:
    mine, page = operator_of(house), url(house, surface)
    back = raise_one(mine, page, "key-of-my-form")
    assert [title for title, _ in see(mine, back)] == [LATEST]
    raise_one(operator_of(house), page, "key-of-another-form")
    first, later = SupportRequest.objects.order_by("created_at").values_list("ref", flat=True)
    assert see(mine, back) == [(OWN, first), (LATEST, later)]
    assert see(mine, page) == [(LATEST, later)]


@pytest.mark.django_db
def test_two_tabs_tell_each_its_own(house: Web) -> None:
    mine = operator_of(house)
    tenant, run = url(house, "tenant"), url(house, "run")
    backs = [raise_one(mine, page, f"key-of-form-at-{page[-6:]}") for page in (tenant, run)]
    mine.get(f"/admin/operations/{house.completed.ref}")
    for back in backs:
        for _ in range(2):
            assert "The request is stored in Handrail." in mine.get(back).content.decode()


@pytest.mark.requirement("H-14", "H-44")
@pytest.mark.django_db
@pytest.mark.parametrize("surface", SURFACES)
def test_request_of_another_person_is_not_told_by_its_reference(house: Web, surface: str) -> None:
    page = url(house, surface)
    back = raise_one(operator_of(house), page, "key-of-another-form")
    ref = SupportRequest.objects.get().ref
    body = operator_of(house).get(back).content.decode()
    assert cards(body) == [(LATEST, ref)]
    assert "The request is stored" not in body


@pytest.mark.django_db
def test_own_request_is_told_only_where_it_was_raised(house: Web) -> None:
    mine = operator_of(house)
    ref = raise_one(mine, url(house, "tenant"), "key-of-my-form").partition("=")[2]
    for elsewhere in (url(house, "run"), f"/admin/operations/{house.completed.ref}"):
        assert see(mine, f"{elsewhere}?raised={ref}") == []


@pytest.mark.requirement("H-14")
@pytest.mark.django_db
@pytest.mark.parametrize("raised", ["", "SR-", "SR-0000000000", "x" * 4000, "<script>alert(1)</script>"])
def test_reference_that_is_none_changes_nothing(house: Web, raised: str) -> None:
    mine, page = operator_of(house), url(house, "tenant")
    raise_one(mine, page, "key-of-my-form")
    response = mine.get(page, {"raised": raised})
    assert response.status_code == 200
    assert [title for title, _ in cards(response.content.decode())] == [LATEST]
    assert "<script>alert" not in response.content.decode()


@pytest.mark.django_db
def test_request_under_way_links_to_where_it_can_be_looked_at_again(enter: Callable[[User], Client]) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    request = unfinished(house.tenant, initiator=house.operator.name)
    client = enter(User.objects.get(pk=house.operator.user_id))
    page = f"/admin/t/{house.tenant.key}"
    for address in (page, f"{page}?raised={request.ref}"):
        assert f'<a href="{address}">Reload</a>' in client.get(address).content.decode()
