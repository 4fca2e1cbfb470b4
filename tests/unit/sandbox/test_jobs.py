"""The identity-sync job runner, and what its jobs really change."""

from __future__ import annotations

import time

import pytest

ADMINS = ["amelie@alder.example", "bruno@alder.example"]
GIVEN = {"tenant": "ten_alder", "role": "tenant-admin", "admins": ADMINS}
ORGANISATION = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization"


def given(tenant: str) -> dict:
    domain = tenant.removeprefix("ten_")
    return {"tenant": tenant, "role": "tenant-admin", "admins": [f"{n}@{domain}.example" for n in ("amelie", "bruno")]}


def start(client, tenant: str = "ten_alder", key: str = "key-1", **changes):
    headers = {"idempotency-key": key}
    return client("sync-jobs").post("/jobs/entitlement-resync", json=given(tenant) | changes, headers=headers)


def holders(client, tenant: str = "ten_alder", role: str = "tenant-admin") -> list[str]:
    asked = f'{ORGANISATION} eq "{tenant}" and roles.value eq "{role}"'
    found = client("roles").get("/scim/v2/Users", params={"filter": asked}).json()
    return sorted(user["userName"] for user in found["Resources"])


def effects(client, **query: str) -> list[dict]:
    return client("control").get("/ledger", params=query).json()["items"]


def test_resync_gives_the_role_in_the_scim_server(client) -> None:
    assert holders(client) == []
    answer = start(client)
    assert (answer.status_code, answer.json()["status"], answer.json()["skipped"]) == (200, "done", 0)
    assert holders(client) == ADMINS
    marker = client("entitlements").get("/entitlements/ten_alder").json()["audit_marker"]
    assert marker == f"resync:{answer.json()['id']}"


def test_resync_leaves_other_roles_and_customers_alone(client) -> None:
    start(client)
    assert holders(client, role="tenant-auditor") == ["chloe@alder.example"]
    assert holders(client, tenant="ten_acacia") == []


def test_same_key_starts_nothing_anew(client) -> None:
    first, second = start(client), start(client)
    assert first.json() == second.json()
    assert [e["count"] for e in effects(client, tenant="ten_alder")] == [1]


def test_same_key_with_other_content_is_a_conflict(client) -> None:
    start(client)
    assert start(client, role="tenant-owner").status_code == 409


def test_start_is_accepted_in_the_wrapped_form(client) -> None:
    body = {"job": "entitlement-resync", "with": GIVEN}
    answer = client("sync-jobs").post("/jobs", json=body, headers={"idempotency-key": "w"})
    assert answer.json()["status"] == "done"


def test_start_without_a_key_is_refused(client) -> None:
    assert client("sync-jobs").post("/jobs/entitlement-resync", json=GIVEN).status_code == 422


def test_job_is_found_by_id_and_key(client) -> None:
    job = start(client).json()
    runner = client("sync-jobs")
    assert runner.get(f"/jobs/{job['id']}").json() == job
    assert runner.get("/jobs", params={"idempotency_key": "key-1"}).json() == job
    assert runner.get("/jobs", params={"idempotency_key": "other"}).status_code == 404


def test_partial_job_skips_one_admin(client) -> None:
    answer = start(client, "ten_fir").json()
    assert (answer["status"], answer["skipped"]) == ("done", 1)
    assert holders(client, "ten_fir") == ["amelie@fir.example"]


def test_job_without_effect_says_done(client) -> None:
    assert start(client, "ten_elm").json()["status"] == "done"
    assert holders(client, "ten_elm") == []
    assert effects(client, tenant="ten_elm") == []


def test_broader_job_gives_another_role(client) -> None:
    start(client, "ten_kapok")
    assert holders(client, "ten_kapok", "tenant-owner") == ["amelie@kapok.example"]


def test_job_without_marker_leaves_the_old_one(client) -> None:
    start(client, "ten_larch")
    assert holders(client, "ten_larch") != []
    assert client("entitlements").get("/entitlements/ten_larch").json()["audit_marker"] == "sync:2026-11-01"


def test_job_during_which_the_tier_changes(client) -> None:
    before = client("registry").get("/registry/tenants/ten_ivy")
    start(client, "ten_ivy")
    after = client("registry").get("/registry/tenants/ten_ivy")
    assert (before.json()["plan"]["tier"], after.json()["plan"]["tier"]) == ("business", "enterprise")
    assert before.headers["etag"] != after.headers["etag"]


def test_late_role_shows_after_some_reads(client) -> None:
    start(client, "ten_quince")
    seen = [holders(client, "ten_quince") for _ in range(8)]
    assert seen[0] == []
    assert seen[-1] == ["amelie@quince.example", "bruno@quince.example"]


def test_job_that_never_ends_stays_running(client) -> None:
    answer = start(client, "ten_teak")
    assert (answer.status_code, answer.json()["status"]) == (202, "running")
    assert client("sync-jobs").get(f"/jobs/{answer.json()['id']}").json()["status"] == "running"


def issued(client, tenant: str) -> dict:
    body, headers = {"tenant": tenant, "replaces": "any"}, {"idempotency-key": f"issue-{tenant}"}
    job = client("sync-jobs").post("/jobs/issue-credential", json=body, headers=headers).json()
    until = time.monotonic() + 5
    while job["status"] == "running" and time.monotonic() < until:
        time.sleep(0.1)
        job = client("sync-jobs").get(f"/jobs/{job['id']}").json()
    return job


def states(client, tenant: str) -> dict[str, str]:
    return {i["id"]: i["state"] for i in client("credentials").get(f"/credentials/{tenant}").json()["items"]}


def test_issuing_a_credential_is_polled_for(client) -> None:
    job = issued(client, "ten_willow")
    assert job["credential_id"] == "cred_willow_2"
    assert states(client, "ten_willow") == {"cred_willow_1": "active", "cred_willow_2": "pending"}


def activate(client, tenant: str):
    domain = tenant.removeprefix("ten_")
    path = f"/credentials/{tenant}/cred_{domain}_2/activate"
    return client("credentials").post(path, json={"retire": f"cred_{domain}_1"})


def test_activating_retires_the_old_credential_once(client) -> None:
    issued(client, "ten_willow")
    assert activate(client, "ten_willow").json()["status"] == "active"
    assert states(client, "ten_willow") == {"cred_willow_1": "retired", "cred_willow_2": "active"}
    assert activate(client, "ten_willow").status_code == 409


def test_activating_without_effect_says_active(client) -> None:
    issued(client, "ten_catalpa")
    assert activate(client, "ten_catalpa").json()["status"] == "active"
    assert states(client, "ten_catalpa")["cred_catalpa_2"] == "pending"


@pytest.mark.parametrize("tenant", ["ten_nowhere", ""])
def test_unknown_customer_is_refused(client, tenant: str) -> None:
    headers = {"idempotency-key": "x"}
    answer = client("sync-jobs").post("/jobs/entitlement-resync", json=GIVEN | {"tenant": tenant}, headers=headers)
    assert answer.status_code in (400, 422)
