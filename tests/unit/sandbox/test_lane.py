"""The vendor's intake lane."""

from __future__ import annotations

import httpx2
import pytest

from handrail.kernel.canonical import digest_bytes

LANE, DIGEST = "vendor-signing-intake", "sha256:" + "a" * 64
PATH = f"/lane/{LANE}/deliveries/{DIGEST}"


def deliver(client, package: bytes = b"PK-one") -> httpx2.Response:
    return client("lane").put(PATH, content=package)


def test_delivery_is_taken_once(client) -> None:
    first, second = deliver(client), deliver(client)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    told = client("control").get("/ledger", params={"service": "lane"}).json()["items"]
    assert [(e["key"], e["count"]) for e in told] == [(DIGEST, 1)]
    assert client("control").get(PATH + "/package").content == b"PK-one"


def test_other_package_under_the_same_manifest_is_a_conflict(client) -> None:
    deliver(client)
    assert deliver(client, b"PK-two").status_code == 409


def test_lost_answer_is_settled_by_asking(client) -> None:
    fault = {"point": "lane.deliver", "subject": LANE, "kind": "cut-after"}
    client("control").post("/faults", json={"next": [fault]})
    with pytest.raises(httpx2.TransportError):
        deliver(client)
    assert client("lane").get(PATH).json()["state"] == "delivered"


def test_busy_lane_has_taken_nothing(client) -> None:
    fault = {"point": "lane.deliver", "subject": LANE, "kind": "busy"}
    client("control").post("/faults", json={"next": [fault]})
    assert deliver(client).status_code == 503
    assert client("lane").get(PATH).status_code == 404


def test_consumed_delivery_says_when(client) -> None:
    deliver(client)
    client("control").post(PATH + "/consume")
    told = client("lane").get(PATH).json()
    assert (told["state"], told["consumed_at"] is not None) == ("consumed", True)


def test_withdrawn_delivery_is_not_consumed(client) -> None:
    deliver(client)
    assert client("lane").post(PATH + "/withdraw", json={"reason": "superseded"}).json()["state"] == "withdrawn"
    assert client("control").post(PATH + "/consume").status_code == 409


def test_withdrawal_after_consumption_is_a_notice(client) -> None:
    deliver(client)
    client("control").post(PATH + "/consume")
    for _ in range(2):
        told = client("lane").post(PATH + "/withdraw", json={"reason": "superseded"}).json()
    assert told["state"] == "consumed"
    assert [notice["reason"] for notice in told["notices"]] == ["superseded"]


def test_unknown_lane_and_malformed_digest_are_refused(client) -> None:
    lane = client("lane")
    assert lane.put(f"/lane/other/deliveries/{DIGEST}", content=b"x").status_code == 404
    assert lane.put(f"/lane/{LANE}/deliveries/odd", content=b"x").status_code == 400
    assert lane.get(f"/lane/{LANE}").json()["lane"] == LANE
    assert lane.get("/lane/other").status_code == 404
    listed = client("control").get(f"/lane/{LANE}/deliveries").json()
    assert listed == {"items": []}
    assert client("control").get(PATH + "/package").status_code == 404


def test_vendor_leaves_replies_and_recalls_are_kept_under_their_digest(client) -> None:
    deliver(client)
    assert client("lane").get(PATH + "/replies").json() == {"items": []}
    client("control").post(PATH + "/reply", json={"envelope": "e30="})
    assert client("lane").get(PATH + "/replies").json() == {"items": ["e30="]}
    recall = b'{"payload":"recall"}'
    for _ in range(2):
        assert client("lane").put(f"{PATH}/recalls/{digest_bytes(recall)}", content=recall).status_code == 200
    assert client("lane").put(f"{PATH}/recalls/{digest_bytes(b'x')}", content=recall).status_code == 400
    assert client("control").get(PATH + "/recalls").json() == {"items": [recall.decode()]}
