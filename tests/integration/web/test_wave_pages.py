"""The pages of waves: starting one from the form, steering it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User
from handrail.runbooks.models import OperationRun
from handrail.runbooks.wavemodels import Wave
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs

pytestmark = pytest.mark.django_db
FORM = {"runbook": "flip-switch", "event": "DRIFT-77", "tenants": "ten_one\n", "task": '{"switch_id": "s1"}'}
WHOLE = {**FORM, "reason": "The drift.", "key": "", "canary": "", "width": "2"}


@pytest.fixture
def estate() -> Runs:
    return Installation().runs


@pytest.fixture
def client(estate: Runs, enter: Callable[[User], Client]) -> Client:
    return enter(rows.member(estate.workspace, Role.SENIOR_SUPPORT))


def test_form_starts_a_wave_and_leads_to_its_page(client: Client) -> None:
    page = client.post("/admin/waves/start", WHOLE, follow=True)
    wave = Wave.objects.get()
    assert (page.status_code, page.redirect_chain[-1][0]) == (200, f"/admin/waves/{wave.ref}")
    assert (wave.event, wave.rules["width"]) == ("DRIFT-77", 2)
    run = OperationRun.objects.get()
    assert wave.ref in client.get(f"/admin/operations/{run.ref}").content.decode()
    assert "Started" in page.content.decode()
    assert "Last steered" not in page.content.decode()
    assert "waits in" in client.get("/admin/operations").content.decode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenants": "ten_none"}, "there is no tenant of this key in your scope"),
        ({"task": "[]"}, "expected a JSON object"),
        ({"task": "{}"}, "switch_id"),
        ({"width": "many"}, "expected a whole number"),
        ({"width": "1000"}, "at most 5 as in the runbook"),
        ({"reason": ""}, "a reason is needed"),
    ],
)
def test_what_is_wrong_is_named_and_what_was_typed_is_kept(client: Client, changes: dict[str, str], said: str) -> None:
    answer = client.post("/admin/waves/start", {**WHOLE, **changes})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert "DRIFT-77" in page
    assert not Wave.objects.exists()


def test_steering_needs_a_reason_and_a_wave_that_has_not_ended(client: Client) -> None:
    client.post("/admin/waves/start", WHOLE)
    at = f"/admin/waves/{Wave.objects.get().ref}"
    assert client.post(f"{at}/pause", {"reason": ""}).status_code == 422
    assert client.post(f"{at}/pause", {"reason": "Look."}).status_code == 302
    again = client.post(f"{at}/pause", {"reason": "Look again."})
    assert (again.status_code, b"Look again." in again.content) == (409, False)
    assert client.post(f"{at}/resume", {"reason": "Fine."}).status_code == 302
    assert "Last steered" in client.get(at).content.decode()
    assert client.post(f"{at}/abandon", {"reason": "No."}).status_code == 302
    assert client.post(f"{at}/resume", {"reason": "Yes."}).status_code == 409


def test_moving_part_is_sent_only_where_something_moved(client: Client) -> None:
    client.post("/admin/waves/start", WHOLE)
    at = f"/admin/waves/{Wave.objects.get().ref}"
    assert client.get(f"{at}/live?seen=running-1-0-0-1-0").status_code == 204
    assert client.get(f"{at}/live?seen=x").status_code == 200


def test_unknown_state_is_refused_in_words(client: Client) -> None:
    answer = client.get("/admin/waves?state=sleeping")
    assert answer.status_code == 422
    assert "one of: running" in answer.content.decode()


def test_operator_reads_who_may_start_one(estate: Runs, enter: Callable[[User], Client]) -> None:
    client = enter(rows.member(estate.workspace, Role.OPERATOR))
    assert "the role senior-support" in client.get("/admin/waves").content.decode()
    assert client.get("/admin/waves/start").status_code == 403
