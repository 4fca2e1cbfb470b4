"""What proposing a text would say, without proposing it."""

from __future__ import annotations

from handrail.access.capabilities import Role
from handrail.definitions.models import Definition
from tests.factories import rows
from tests.factories.runs import Runs
from tests.integration.api.conftest import Caller

CHECK = "/api/v1/definitions/check"


def test_check_says_what_would_change_and_keeps_nothing(estate: Runs, caller: Caller) -> None:
    rows.definition(estate.workspace, text=rows.runbook_text())
    client = caller(Role.GOVERNANCE_OWNER)
    new = client.post(CHECK, {"text": rows.runbook_text(2)}, content_type="application/json").json()
    assert (new["definition"], new["faults"], new["why_not"]) == ("runbook/entitlement-resync/2", [], "")
    assert {one["change"] for one in new["changes"]} == {"same", "added", "removed"}
    old = client.post(CHECK, {"text": rows.runbook_text() + "#"}, content_type="application/json").json()
    assert old["why_not"] == "Version 1 of entitlement-resync was used already (active). Raise the version."
    wrong = client.post(CHECK, {"text": "handrail: runbook/v1\nname: x"}, content_type="application/json").json()
    assert {one["where"] for one in wrong["faults"]} >= {"version", "title"}
    assert not Definition.objects.filter(version=2).exists()
