from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from ruamel.yaml import YAML

from handrail import __version__
from handrail.access import queries
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.audit.queries import count_log_ins
from handrail.kernel.clock import now
from handrail.kernel.secrets import Secret
from handrail.support.states import HandoffOutcome
from handrail.work import duties, presence
from tests.factories import packet_rows
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.support import unfinished
from tests.factories.switches import RUNBOOK

ALERTS = Path(__file__).resolve().parents[3] / "deploy" / "alerts.yml"


def test_alive_asks_nothing_of_the_database() -> None:
    assert Client().get("/healthz").json() == {"status": "alive"}


def test_ready_when_the_database_has_all_migrations(db: None) -> None:
    assert Client().get("/readyz").json() == {"status": "ready"}


def test_metrics_are_not_there_unless_configured(db: None) -> None:
    assert Client(headers={"authorization": "Bearer x"}).get("/metrics").status_code == 404


@pytest.mark.usefixtures("board")
def test_metrics_count_runs_for_whoever_has_the_secret(estate: Runs, settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    estate.start()
    text = Client(headers={"authorization": "Bearer look"}).get("/metrics").content.decode()
    assert 'handrail_runs{state="received"} 1.0' in text.splitlines()
    assert Client(headers={"authorization": "Bearer guess"}).get("/metrics").status_code == 404


def scrape() -> dict[str, float]:
    """Every figure, by its name with its label."""
    text = Client(headers={"authorization": "Bearer look"}).get("/metrics").content.decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.usefixtures("db")
def test_metrics_tell_of_packets(settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    tenant = Installation.named("Acme", RUNBOOK).support.tenant
    made = packet_rows.packet(tenant, packet_rows.profile(tenant.workspace))
    made.revisions.update(state="released", released_at=now(), due_at=now() - timedelta(minutes=1))
    told = scrape()
    assert told['handrail_packet_revisions{state="released"}'] == 1
    assert told['handrail_packet_revisions{state="held"}'] == 0
    assert told["handrail_packets_undelivered"] == 1
    assert told['handrail_packet_text_holds{code="secret-in-text"}'] == 0
    assert told["handrail_packet_revisions_overdue"] == 1
    assert told["handrail_packet_revisions_expiring"] == 0


@pytest.mark.usefixtures("db")
def test_metrics_tell_what_came_of_support_requests(settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    tenant = Installation.named("Acme", RUNBOOK).support.tenant
    long_ago = now() - timedelta(hours=1)
    unfinished(tenant)
    unfinished(tenant, handoff_deadline_at=long_ago)
    unfinished(tenant, external_handoff_failure_summary="Outcome unknown: look at the desk.")
    unfinished(tenant, external_handoff_failure_summary="The desk refused it.")
    unfinished(tenant, external_ticket_reference="DESK-1")
    told = scrape()
    counts = {outcome: told[f'handrail_support_requests{{outcome="{outcome}"}}'] for outcome in HandoffOutcome}
    assert counts == {"not-asked": 0, "under-way": 1, "created": 1, "linked": 0, "failed": 1, "outcome-unknown": 2}


@pytest.mark.usefixtures("board")
def test_metrics_tell_who_works_and_what_waits(estate: Runs, settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    estate.start()
    duties.ensure({"seal": 30, "prune": 30})
    duties.claim(["prune"], 1)
    presence.seen("one:1", 1, threads=4, unconnected=2)
    presence.seen("two:2", 2, threads=4, unconnected=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE work_worker SET seen_at = now() - interval '5 minutes' WHERE name = 'two:2'")
    told = scrape()
    assert (told["handrail_workers_alive"], told["handrail_worker_threads_unconnected"]) == (1, 2)
    waiting = {kind: told[f'handrail_work_waiting{{kind="{kind}"}}'] for kind in ("run", "report", "revision", "duty")}
    assert waiting == {"run": 1, "report": 0, "revision": 0, "duty": 1}
    assert told["handrail_duties_failing"] == 0
    assert told[f'handrail_build_info{{version="{__version__}"}}'] == 1


@pytest.mark.usefixtures("db")
def test_not_ready_while_a_worker_has_no_connection_for_any_run() -> None:
    presence.seen("one:1", 1, threads=4, unconnected=3)
    assert Client().get("/readyz").status_code == 200
    presence.seen("one:1", 1, threads=4, unconnected=4)
    answer = Client().get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "workers-unconnected")
    presence.forget(1)
    assert Client().get("/readyz").status_code == 200


@pytest.mark.usefixtures("board")
def test_metrics_tell_what_is_not_sealed(estate: Runs, settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    before = scrape()["handrail_audit_unsealed"]
    estate.start()
    assert scrape()["handrail_audit_unsealed"] > before


@pytest.mark.usefixtures("db")
def test_metrics_tell_what_came_of_log_ins_through_the_provider(settings: Any) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    before = scrape()
    assert (before["handrail_sign_ons"], before["handrail_sign_ons_failed"]) == (0, 0)
    assert before['handrail_sign_ons_refused{cause="token-signature"}'] == 0
    by = queries.actor_for(Installation.named("Northwind").web.member.user)

    def happened(event: EventName, **context: Any) -> None:
        record(event, by=by, subject_kind="user", subject=by.name, **context)

    happened(EventName.USER_LOGGED_IN, method="sso")
    happened(EventName.USER_LOGGED_IN, method="password")
    happened(EventName.USER_LOGIN_REFUSED, method="password", cause="no-account")
    for cause in ("provider-unreachable", "client-refused", "token-signature", "no-account", "no-account"):
        happened(EventName.USER_LOGIN_REFUSED, method="sso", cause=cause)
    told = scrape()
    assert (told["handrail_sign_ons"], told["handrail_sign_ons_failed"]) == (1, 2)
    refused = {name: value for name, value in told.items() if name.startswith("handrail_sign_ons_refused{") and value}
    assert refused == {
        f'handrail_sign_ons_refused{{cause="{cause}"}}': count
        for cause, count in {
            "provider-unreachable": 1,
            "client-refused": 1,
            "token-signature": 1,
            "no-account": 2,
        }.items()
    }


def test_log_ins_of_an_hour_ago_are_not_counted(db: None) -> None:
    by = queries.actor_for(Installation.named("Northwind").web.member.user)
    record(EventName.USER_LOGGED_IN, by=by, subject_kind="user", subject=by.name, method="sso")
    assert count_log_ins("sso", now() - timedelta(minutes=15)) == {"": 1}
    assert count_log_ins("sso", now() + timedelta(seconds=1)) == {}


def test_alerts_ask_for_figures_that_there_are(settings: Any, db: None) -> None:
    """A rule about a figure of another name would never fire."""
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    rules = YAML(typ="safe").load(ALERTS)["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"handrail_\w+", rule["expr"])}
    text = Client(headers={"authorization": "Bearer look"}).get("/metrics").content.decode()
    # What is declared is there: a figure for each connector has no line where no connector is configured.
    assert asked - set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)) == set()
    assert all({"summary", "description"} <= set(rule["annotations"]) for rule in rules)


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "handrail.example.com"])
@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.django_db
def test_probes_answer_the_process_own_address_over_http(settings: Any, address: str, host: str) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["handrail.example.com"], True
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    client = Client(headers={"host": host, "authorization": "Bearer look"})
    assert client.get(address).status_code == 200
    assert client.head(address).status_code == 200
    assert client.post(address).status_code == 405


def test_everything_else_keeps_to_its_host_and_to_https(settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["handrail.example.com"], True
    assert Client(headers={"host": "127.0.0.1:8000"}).get("/admin").status_code == 400
    assert Client(headers={"host": "handrail.example.com"}).get("/admin").status_code == 301


@pytest.mark.parametrize("address", ["/readyz", "/metrics"])
def test_a_silent_database_is_503(committed_db: str, django_db_blocker: Any, settings: Any, address: str) -> None:
    settings.HANDRAIL_METRICS_SECRET = Secret("look")
    with django_db_blocker.unblock():
        connection.close()
        there, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], "no_such_database"
        try:
            response = Client(headers={"authorization": "Bearer look"}).get(address)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = there
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.headers["Content-Type"] == "application/problem+json"
