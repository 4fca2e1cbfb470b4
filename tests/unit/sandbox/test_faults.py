"""What a fault does on the wire, and whether the effect took place."""

from __future__ import annotations

import httpx2
import pytest

from tests.unit.sandbox.test_jobs import effects, holders, start


def script(client, **fault) -> None:
    answer = client("control").post("/faults", json={"next": [fault]})
    assert answer.status_code == 201, answer.text


def test_busy_answers_503_then_works(client) -> None:
    first, second = start(client, "ten_birch"), start(client, "ten_birch")
    assert (first.status_code, second.status_code) == (503, 200)
    assert len(effects(client, tenant="ten_birch")) == 1


def test_throttled_says_how_long_to_wait(client) -> None:
    answer = start(client, "ten_cedar")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_late_answer_comes_after_the_effect(client) -> None:
    script(client, point="sync-jobs.start", subject="ten_alder", kind="stall-after", seconds=3)
    with pytest.raises(httpx2.ReadTimeout):
        start(client)
    assert holders(client) != []
    assert start(client).json()["status"] == "done"
    assert len(effects(client, tenant="ten_alder")) == 1


def test_late_refusal_has_no_effect(client) -> None:
    script(client, point="sync-jobs.start", subject="ten_alder", kind="stall-before", seconds=3)
    with pytest.raises(httpx2.ReadTimeout):
        start(client)
    assert effects(client) == []


def test_cut_before_the_effect_loses_the_connection(client) -> None:
    with pytest.raises(httpx2.TransportError):
        start(client, "ten_rowan")
    assert effects(client, tenant="ten_rowan") == []
    assert start(client, "ten_rowan").json()["status"] == "done"


def test_cut_after_the_effect_loses_only_the_answer(client) -> None:
    script(client, point="sync-jobs.start", subject="ten_alder", kind="cut-after")
    with pytest.raises(httpx2.TransportError):
        start(client)
    assert len(effects(client, tenant="ten_alder")) == 1


def test_truncated_answer_is_no_json(client) -> None:
    answer = start(client, "ten_hazel")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|delimiter"):
        answer.json()
    assert len(effects(client, tenant="ten_hazel")) == 1


def test_unknown_word_stands_in_a_good_answer(client) -> None:
    assert start(client, "ten_ginkgo").json()["status"] == "concluded"


def test_contended_lock_is_told_with_200(client) -> None:
    answer = start(client, "ten_nutmeg")
    assert (answer.status_code, answer.json()["status"]) == (200, "lock_contention")
    assert start(client, "ten_nutmeg").json()["status"] == "done"


def test_wrong_tenant_is_answered_every_time(client) -> None:
    read = [client("registry").get("/registry/tenants/ten_juniper").json()["id"] for _ in range(3)]
    assert read == ["ten_acacia"] * 3


def test_refusal_holds_a_planted_secret_in_body_and_header(client) -> None:
    answer = start(client, "ten_maple")
    assert answer.status_code == 422
    assert "CANARY-secret-" in answer.text
    assert "CANARY-secret-" in answer.headers["x-debug-session"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"kind": "busy"}, "needs point"),
        ({"kind": "odd", "point": "a", "subject": "b"}, "needs point"),
        ({"x": 1}, "x"),
    ],
)
def test_malformed_fault_is_refused(client, fault: dict, says: str) -> None:
    answer = client("control").post("/faults", json={"next": [fault]})
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_reset_brings_back_records_faults_and_counts(client) -> None:
    before = client("control").get("/faults").json()
    start(client)
    start(client, "ten_birch")
    assert client("control").post("/reset").status_code == 200
    assert client("control").get("/faults").json() == before
    assert effects(client) == []
    assert holders(client) == []
    assert client("control").get("/counts").json().get("sync-jobs") is None
