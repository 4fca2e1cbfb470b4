"""The web server itself: killed while the desk is asked, and asked for the same thing many times at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import httpx2
import pytest

from handrail.audit.models import AuditEvent
from handrail.support.models import SupportRequest
from tests.factories.installation import Installation
from tests.factories.switches import RUNBOOK
from tests.integration.support.test_at_once import slowly
from tests.integration.support.web_process import PATIENCE_SECONDS, form, installation, kill, log_in, tab
from tests.lanes import portion
from tests.unit.connectors.peers import hear_then_hang, peer

pytestmark = pytest.mark.slow
TIMES = 50


@pytest.mark.requirement("H-42")
@pytest.mark.parametrize("place", portion(["run", "tenant"], 2))
def test_web_process_killed_while_the_desk_is_asked_leaves_the_request_and_its_page_says_unknown(
    committed_db: str, tmp_path: Path, place: str
) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    path = f"/admin/t/{house.tenant.key}" if place == "tenant" else f"/admin/operations/{house.run.ref}"
    with peer(hear_then_hang) as server:
        web = installation(database=committed_db, directory=tmp_path, desk=server.url, budget_seconds=3.0)
        with web.serving() as process:
            cookies = log_in(web.base, house.operator.name)
            with tab(web.base, cookies) as client, ThreadPoolExecutor(1) as pool:
                given = form(client, path)
                pending = pool.submit(client.post, path, data=given)
                wait_for(server.requests)
                kill(process)
                with pytest.raises(httpx2.TransportError):
                    pending.result(PATIENCE_SECONDS)
        request = SupportRequest.objects.get()
        assert (request.external_ticket_reference, request.external_handoff_failure_summary) == (None, None)
        with web.serving(), tab(web.base, cookies) as client:
            body = page_once_decided(client, path)
            again = client.post(path, data=given | form_token(client, path))
            assert again.headers["Location"] == f"{path}?raised={request.ref}#support-latest"
        assert len(server.requests) == 1
    assert "Outcome unknown" in body
    assert f"Look for {request.ref}" in body
    assert SupportRequest.objects.count() == 1
    events = AuditEvent.objects.filter(subject=request.ref).values_list("event", flat=True)
    assert list(events) == ["support_request.created"]


def test_fifty_identical_submissions_to_the_web_server_make_one_row_and_one_ticket(
    committed_db: str, tmp_path: Path
) -> None:
    house = Installation.named("Acme", RUNBOOK).support
    path = f"/admin/operations/{house.run.ref}"
    barrier = Barrier(TIMES)
    with peer(slowly) as server:
        web = installation(database=committed_db, directory=tmp_path, desk=server.url, budget_seconds=5.0)
        with web.serving():
            cookies = log_in(web.base, house.operator.name)
            with tab(web.base, cookies) as client:
                given = form(client, path)

            def submit(_: int) -> tuple[int, str]:
                with tab(web.base, cookies) as client:
                    barrier.wait(PATIENCE_SECONDS)
                    response = client.post(path, data=given)
                    return response.status_code, response.headers.get("Location", "")

            with ThreadPoolExecutor(TIMES) as pool:
                answers = list(pool.map(submit, range(TIMES)))
            request = SupportRequest.objects.get()
            assert set(answers) == {(302, f"{path}?raised={request.ref}#support-latest")}
            with tab(web.base, cookies) as client:
                body = client.get(f"{path}?raised={request.ref}").text
        assert len(server.requests) == 1
    assert "The request is stored, and an external ticket was created." in body
    assert request.external_ticket_reference == "T-7"


def wait_for(requests: list[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not requests:
        assert time.monotonic() < end, "the desk was not asked"
        time.sleep(0.05)


def page_once_decided(client: httpx2.Client, path: str) -> str:
    """The page once the deadline of its request has passed."""
    end = time.monotonic() + PATIENCE_SECONDS
    while "Handoff in progress" in (body := client.get(path).text):
        assert time.monotonic() < end, "the deadline did not pass"
        time.sleep(0.1)
    return body


def form_token(client: httpx2.Client, path: str) -> dict[str, str]:
    return {"csrfmiddlewaretoken": form(client, path)["csrfmiddlewaretoken"]}
