"""Requesting support on the page of a tenant or run: the form, its answers, and what a repeated submission does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils.html import escape

from handrail.access.capabilities import Role
from handrail.audit.models import AuditEvent
from handrail.connectors.desk import preset_names
from handrail.sandbox.server import Sandbox
from handrail.support.context import as_text
from handrail.support.models import SupportRequest
from handrail.support.permissions import NO_DESK
from handrail.web.templatetags.handrail import pretty
from tests.factories.practice_desk import counts, open_ticket, practice_desk, tickets
from tests.factories.web import Web
from tests.integration.web.test_markup import HOSTILE, check

pytestmark = pytest.mark.django_db
As = Callable[..., Client]
SURFACES = ("tenant", "run")
PRESETS = Path(__file__).parents[3] / "desks"
KEY = "key-of-this-form-1"
LATEST = "Latest support request"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The practice estate as at the beginning, and its desk as Handrail's one desk."""
    running.estate.reset()
    with practice_desk(running, budget_seconds=1.5):
        yield running


@pytest.fixture
def operator(house: Web, as_role: As) -> Client:
    return as_role(Role.OPERATOR)


def url(house: Web, surface: str) -> str:
    return f"/admin/t/{house.tenant.key}" if surface == "tenant" else f"/admin/operations/{house.stopped.run.ref}"


def fields(**given: str) -> dict[str, str]:
    """The form as a browser sends it."""
    return {
        "submission_key": KEY,
        "summary": "The role is missing",
        "severity": "high",
        "notes": "",
        "contact_name": "",
        "contact_email": "",
        "mode": "internal_only",
        "attachment": "redacted_context",
    } | given


def submit(client: Client, page: str, **given: str) -> str:
    """The page that a submission leads back to."""
    response = client.post(f"{page}?support={KEY}", fields(**given))
    assert response.status_code == 302, response.content.decode()
    back = response.headers["Location"]
    assert re.fullmatch(rf"{re.escape(page)}\?raised=SR-[0-9A-Z]{{10}}#support-latest", back)
    return client.get(back.partition("#")[0]).content.decode()


def refused(client: Client, page: str, **given: str) -> str:
    response = client.post(f"{page}?support={KEY}", fields(**given))
    assert response.status_code == 422
    assert not SupportRequest.objects.exists()
    return response.content.decode()


@pytest.mark.requirement("H-12", "H-25")
@pytest.mark.parametrize("surface", SURFACES)
def test_words_are_handrails_and_no_vendors(house: Web, sandbox: Sandbox, operator: Client, surface: str) -> None:
    form = operator.get(f"{url(house, surface)}?support={KEY}").content.decode()
    raised = submit(operator, url(house, surface), mode="create_external_ticket")
    for word in ("Request support", "Create external ticket", "Link existing ticket"):
        assert word in form
    for word in ("Support reference", "External ticket"):
        assert word in raised
    vendors = {word for preset in preset_names(PRESETS) for word in preset.split("-")} - {
        "service",
        "management",
        "request",
    }
    assert {"jira", "servicenow", "zendesk"} <= vendors
    assert [name for name in vendors if re.search(rf"\b{name}\b", form + raised, re.IGNORECASE)] == []


@pytest.mark.requirement("H-27")
@pytest.mark.parametrize("surface", SURFACES)
def test_page_offers_the_form_by_a_link(house: Web, operator: Client, surface: str) -> None:
    body = operator.get(url(house, surface)).content.decode()
    found = re.search(rf'href="({re.escape(url(house, surface))}\?support=[\w-]{{16,}})" data-support-open>', body)
    assert found
    assert "<dialog" not in body
    assert "Open support diagnostics" in body
    assert operator.get(found[1]).content.decode().count("<dialog") == 1


@pytest.mark.requirement("H-15")
@pytest.mark.parametrize("surface", SURFACES)
def test_form_keeps_the_key_of_its_address(house: Web, operator: Client, surface: str) -> None:
    body = operator.get(f"{url(house, surface)}?support={KEY}").content.decode()
    assert f'name="submission_key" value="{KEY}"' in body
    assert f'action="{url(house, surface)}?support={KEY}"' in body
    assert 'name="contact_email" type="email" value="operator-' in body
    assert "Handrail only" in body


@pytest.mark.parametrize("key", ["1", "", "short", "x" * 200, '"><script>'])
def test_form_gets_a_key_of_its_own_where_the_address_has_none(house: Web, operator: Client, key: str) -> None:
    body = operator.get(url(house, "tenant"), {"support": key}).content.decode()
    found = re.search(r'name="submission_key" value="([\w-]{16,64})"', body)
    assert found
    assert found[1] != key


@pytest.mark.requirement("H-26")
@pytest.mark.parametrize("surface", SURFACES)
def test_diagnostics_show_exactly_what_is_stored(house: Web, operator: Client, surface: str) -> None:
    page = url(house, surface)
    shown = operator.get(f"{page}?support={KEY}&diagnostics=open").content.decode()
    assert '<details class="diagnostics" id="support-diagnostics" open>' in shown
    submit(operator, page)
    envelope = SupportRequest.objects.get().context_envelope
    assert f'<pre class="card">{escape(as_text(envelope))}</pre>' in shown
    assert f'<pre class="card">{escape(pretty(envelope))}</pre>' in shown


@pytest.mark.requirement("H-27", "H-28")
@pytest.mark.parametrize("surface", SURFACES)
def test_internal_only_is_stored_and_seen_in_the_same_place(
    house: Web, sandbox: Sandbox, operator: Client, surface: str
) -> None:
    page = url(house, surface)
    body = submit(operator, page)
    request = SupportRequest.objects.get()
    assert body.count(request.ref) >= 1
    assert body.count(LATEST) == 1
    assert "The request is stored in Handrail. No external ticket was requested." in body
    assert "The request is stored" not in operator.get(page).content.decode()
    assert (request.tenant, request.run) == (house.tenant, house.stopped.run if surface == "run" else None)
    assert counts(sandbox)["creations"] == 0


@pytest.mark.requirement("H-25", "H-41")
@pytest.mark.parametrize("surface", SURFACES)
def test_create_shows_both_references(house: Web, sandbox: Sandbox, operator: Client, surface: str) -> None:
    body = submit(operator, url(house, surface), mode="create_external_ticket")
    (ticket,) = tickets(sandbox)
    request = SupportRequest.objects.get()
    assert f'href="{ticket["url"]}"' in body
    assert "Support reference" in body
    assert "External ticket" in body
    assert request.ref in ticket["subject"]
    assert ticket["correlation"] == request.ref
    assert "Recent runs" in ticket["description"] or "Other recent runs" in ticket["description"]


def test_create_without_diagnostics_leaves_them_out_of_the_ticket(
    house: Web, sandbox: Sandbox, operator: Client
) -> None:
    form = fields(mode="create_external_ticket")
    del form["attachment"]
    assert operator.post(url(house, "run"), form).status_code == 302
    (ticket,) = tickets(sandbox)
    assert house.stopped.ref not in ticket["description"]
    assert SupportRequest.objects.get().attachment_mode == "reference_only"


@pytest.mark.parametrize("surface", SURFACES)
def test_link_by_pasted_address_is_normalised(house: Web, sandbox: Sandbox, operator: Client, surface: str) -> None:
    ticket = open_ticket(sandbox)
    body = submit(operator, url(house, surface), mode="link_existing_ticket", external_reference=ticket["url"] + "?a=1")
    assert f'href="{ticket["url"]}"' in body
    assert counts(sandbox)["creations"] == 1  # by hand, above
    assert SupportRequest.objects.get().external_ticket_reference == ticket["id"]


def test_link_without_address_is_text_and_no_link(house: Web, sandbox: Sandbox, operator: Client) -> None:
    body = submit(operator, url(house, "tenant"), mode="link_existing_ticket", external_reference="T-77")
    assert '<span class="ref">T-77</span>' in body
    assert SupportRequest.objects.get().external_ticket_url is None


@pytest.mark.requirement("H-08")
@pytest.mark.parametrize("surface", SURFACES)
def test_failing_desk_is_a_partial_success(house: Web, sandbox: Sandbox, operator: Client, surface: str) -> None:
    body = submit(operator, url(house, surface), mode="create_external_ticket", summary="[fault:unauthorised] x")
    assert SupportRequest.objects.get().ref in body
    assert "Partly done: the request is stored in Handrail, but no external ticket was created." in body
    assert "credentials" in body
    assert counts(sandbox)["creations"] == 1


def test_lost_answer_is_said_to_be_unknown(house: Web, sandbox: Sandbox, operator: Client) -> None:
    body = submit(operator, url(house, "run"), mode="create_external_ticket", summary="[fault:cut-after] x")
    assert "Outcome unknown" in body
    assert f"Look for {SupportRequest.objects.get().ref} in Practice Desk" in body


@pytest.mark.requirement("H-24")
@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"summary": " "}, "Is needed"),
        ({"summary": "x" * 201}, "At most 200 characters"),
        ({"notes": "x" * 4001}, "At most 4000 characters"),
        ({"severity": "worst"}, "One of: low"),
        ({"contact_email": "nobody"}, "One e-mail address"),
        ({"mode": "shout"}, "One of: internal_only"),
        ({"mode": "link_existing_ticket"}, "Is needed, such as T-1001"),
        ({"mode": "link_existing_ticket", "external_reference": "12; x"}, "Is not a reference of Practice Desk"),
        (
            {"mode": "link_existing_ticket", "external_reference": "T-1", "external_url": "https://evil.example/T-1"},
            "Is not an address at",
        ),
    ],
)
def test_bad_input_gives_the_form_back(  # noqa: PLR0917 - fixtures
    house: Web, sandbox: Sandbox, operator: Client, surface: str, given: dict[str, str], message: str
) -> None:
    notes = given.get("notes", "First open the page, then look.")
    body = refused(operator, url(house, surface), **{"notes": notes, **given})
    assert message in body
    assert 'aria-invalid="true"' in body
    told = set(re.findall(r'<p class="fault" id="([\w-]+)">', body))
    assert told
    assert told <= {id_ for ids in re.findall(r'aria-describedby="([\w -]+)"', body) for id_ in ids.split()}
    assert notes in body
    for typed in given.values():
        assert typed in body or typed in {"worst", "shout"}
    assert counts(sandbox)["creations"] == 0
    assert not AuditEvent.objects.filter(event__startswith="support_request").exists()


FAULT = re.compile(r'<p class="fault" id="support-([a-z]+)-fault">.*?</p>', re.DOTALL)


def test_form_asks_for_an_address_only_where_addresses_hold_the_reference(
    house: Web, sandbox: Sandbox, operator: Client
) -> None:
    form = {"support": KEY}
    assert "or the address of its page" in operator.get(url(house, "run"), form).content.decode()
    with practice_desk(sandbox, link={"urls": ["{base_url}/desk/{any}"]}):
        body = operator.get(url(house, "run"), form).content.decode()
    assert "Its reference, such as T-1001." in body


@pytest.mark.parametrize(
    ("reference", "address", "field", "says"),
    [
        ("https://evil.example/T-1", "", "reference", "Is not an address at"),
        ("", "https://evil.example/T-1", "url", "Is not an address at"),
        ("@DESK/desk/queue", "", "reference", "does not hold the reference; type that here, such as T-1001"),
        ("", "@DESK/desk/queue", "reference", "Is needed too, such as T-1001"),
    ],
)
def test_an_address_that_will_not_do_is_one_fault(  # noqa: PLR0917 - fixtures
    house: Web, sandbox: Sandbox, operator: Client, reference: str, address: str, field: str, says: str
) -> None:
    given = {name: text.replace("@DESK", sandbox.url) for name, text in (("reference", reference), ("url", address))}
    body = refused(
        operator,
        url(house, "run"),
        mode="link_existing_ticket",
        external_reference=given["reference"],
        external_url=given["url"],
    )
    assert FAULT.findall(body) == [field]
    assert says in body


def test_fields_of_a_link_do_not_count_after_a_change_of_mind(house: Web, sandbox: Sandbox, operator: Client) -> None:
    submit(operator, url(house, "tenant"), external_reference="T-1", external_url="half an addr")
    assert SupportRequest.objects.get().external_handoff_mode == "internal_only"


def test_same_form_twice_is_one_request_and_one_answer(house: Web, sandbox: Sandbox, operator: Client) -> None:
    page = url(house, "run")
    bodies = [submit(operator, page, mode="create_external_ticket") for _ in range(2)]
    request = SupportRequest.objects.get()
    assert counts(sandbox)["creations"] == 1
    for body in bodies:
        assert "The request is stored, and an external ticket was created." in body
        assert request.ref in body


def test_same_form_with_other_content_is_refused_and_comes_back_fresh(house: Web, operator: Client) -> None:
    page = url(house, "tenant")
    submit(operator, page)
    response = operator.post(page, fields(summary="Something else altogether"))
    body = response.content.decode()
    assert response.status_code == 409
    assert "already submitted with different content, so nothing was stored now" in body
    assert 'value="Something else altogether"' in body
    key = re.search(r'name="submission_key" value="([\w-]+)"', body)
    assert key
    assert key[1] != KEY
    assert SupportRequest.objects.count() == 1
    assert operator.post(page, fields(summary="Something else altogether", submission_key=key[1])).status_code == 302
    assert SupportRequest.objects.count() == 2


def test_form_without_a_key_gets_one(house: Web, operator: Client) -> None:
    body = refused(operator, url(house, "tenant"), submission_key="")
    assert "it now has a new one" in body
    assert re.search(r'name="submission_key" value="[\w-]{16,}"', body)


@pytest.mark.requirement("H-02")
@pytest.mark.parametrize("surface", SURFACES)
def test_without_a_desk_only_internal_is_offered(house: Web, operator: Client, surface: str) -> None:
    page = url(house, surface)
    body = operator.get(f"{page}?support={KEY}").content.decode()
    assert NO_DESK in body
    assert 'type="radio"' not in body
    assert "The request is stored in Handrail" in submit(operator, page)


def test_desk_that_is_gone_since_the_form_was_opened_is_said_so(house: Web, operator: Client) -> None:
    body = refused(operator, url(house, "tenant"), mode="create_external_ticket")
    assert "is no longer configured" in body


@pytest.mark.requirement("H-22")
def test_request_of_a_run_does_not_show_on_its_tenant(house: Web, operator: Client) -> None:
    submit(operator, url(house, "run"))
    assert LATEST not in operator.get(url(house, "tenant")).content.decode()
    other = f"/admin/operations/{house.completed.ref}"
    assert LATEST not in operator.get(other).content.decode()


@pytest.mark.requirement("H-09")
def test_only_the_latest_is_shown_and_once(house: Web, operator: Client) -> None:
    page = url(house, "tenant")
    submit(operator, page)
    first = SupportRequest.objects.get().ref
    submit(operator, page, submission_key="key-of-another-form")
    body = operator.get(f"{page}?support={KEY}").content.decode()
    assert first not in body
    assert body.count(LATEST) == 1
    assert body.count('class="latest ') == 1


@pytest.mark.parametrize("surface", SURFACES)
def test_hostile_texts_stay_texts(house: Web, sandbox: Sandbox, operator: Client, surface: str) -> None:
    page = url(house, surface)
    everywhere = dict.fromkeys(("summary", "notes", "contact_name", "contact_email", "external_reference"), HOSTILE)
    for mode in ("internal_only", "link_existing_ticket", HOSTILE):
        body = refused(operator, page, **{**everywhere, "mode": mode, "severity": HOSTILE, "submission_key": HOSTILE})
        assert "<script>alert" not in body
        assert "<img" not in body
        assert check(body).wrong == []
    body = submit(operator, page, summary=HOSTILE, notes=HOSTILE, mode="create_external_ticket")
    assert "<script>alert" not in body


@pytest.mark.requirement("H-07")
@pytest.mark.parametrize("fault", ["markup-error", "unprocessable-html", "no-reference", "html"])
def test_words_of_the_desk_never_reach_the_page(house: Web, sandbox: Sandbox, operator: Client, fault: str) -> None:
    body = submit(operator, url(house, "run"), mode="create_external_ticket", summary=f"[fault:{fault}] x")
    assert "Sorry" not in body
    assert "<script>alert" not in body
    assert not re.search(r"canary", body.replace(f"[fault:{fault}]", ""), re.IGNORECASE)


@pytest.mark.requirement("H-01")
def test_pages_name_no_other_place_for_requests(house: Web, operator: Client) -> None:
    body = submit(operator, url(house, "run"))
    ref = SupportRequest.objects.get().ref
    paths = {urlsplit(href).path for href in check(body).hrefs}
    assert not any("support" in path or ref in path for path in paths)


def test_open_form_keeps_a_strict_content_policy(house: Web, sandbox: Sandbox, operator: Client) -> None:
    for surface in SURFACES:
        assert check(operator.get(f"{url(house, surface)}?support={KEY}").content.decode()).wrong == []


def event(**given: Any) -> dict[str, Any]:
    found: dict[str, Any] = AuditEvent.objects.filter(**given).values("event", "tenant_id", "outcome").get()
    return found


@pytest.mark.requirement("H-10", "H-42")
def test_raising_and_failing_are_audited(house: Web, sandbox: Sandbox, operator: Client) -> None:
    submit(operator, url(house, "run"), mode="create_external_ticket", summary="[fault:throttled] x")
    ref = SupportRequest.objects.get().ref
    assert event(event="support_request.created", subject=ref)["tenant_id"] == house.tenant.pk
    assert event(event="support_request.external_handoff_failed", subject=ref)["outcome"] == "failed"
