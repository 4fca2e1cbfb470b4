"""Every act of the table of doors that is a decision, called as a worker and as the nameless command line would."""

from __future__ import annotations

import importlib
import inspect
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from handrail.access import decisions, queries
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Role
from handrail.access.ceremonies import NewPasskey
from handrail.audit.models import AuditEvent
from handrail.kernel.clock import now
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.kernel.secrets import Secret
from handrail.packets.proof.recall import RecallReason, RecallRequest
from handrail.packets.viewing.content import AskedPart
from handrail.runbooks.actions.wavestart import NewWave
from handrail.runbooks.states import BrakeKind
from tests.factories import rows
from tests.factories.doors import ACTS
from tests.factories.installation import Installation
from tests.factories.web import Web

pytestmark = pytest.mark.django_db
DECIDING = sorted(name for act in ACTS if act.person == "yes" for name in (act.call, *act.also))


@pytest.fixture(scope="module")
def house(module_db: None) -> Web:
    return Installation.named("Northwind").web


MADE = NewPasskey(b"id", b"key", -7, "", "none", user_verified=True, counter=0, origin="", credential={})


def call(house: Web, name: str, by: Actor) -> Any:
    """Calls the action with a thing of the house of the kind that its folder deals with."""
    module, _, function = name.rpartition(".")
    action = getattr(importlib.import_module(f"handrail.{module}"), function)
    kind = (
        "hold"
        if module == "access.holds"
        else "erasure"
        if module == "access.erasures"
        else "brake"
        if "brakes" in module
        else "wave"
        if module.endswith(".waves")
        else "exception"
        if module.rpartition(".")[2] in {"exceptions", "handover", "together", "rereading", "follow_ups"}
        else "run"
        if "runbooks" in module
        else "packet"
    )
    known = {"ref": house.ids()[kind], "definition_id": house.proposal.pk, "revision": 1, "reason": "x", "note": "x"}
    known |= {"digest": "sha256:" + "0" * 64, "code": "c", "target": "t", "name": "n", "directory": Path("/nowhere")}
    known |= {"kind": BrakeKind.EVERYTHING, "to": "x@example.com", "refs": [house.stopped.ref]}
    known |= {"runbook": "resync", "outcome": "other"}
    known |= {"wanted": NewWave("entitlement-resync", "drift", [house.tenant.key], {}, "x")}
    known |= {
        "asked": AskedPart(),
        "targets": ["t"],
        "annex": "har-1",
        "number": 1,
        "boxes": [],
        "original_digest": "sha256:" + "0" * 64,
    }
    known |= {"key": house.tenant.key}
    known |= {"session": {}, "act": "approve"}
    known |= {"made": MADE}
    known |= {"verdict": "right", "choices": {}, "digests": ["sha256:" + "0" * 64]}
    known |= {"arrived": True, "address": Secret("https://x.example/"), "expires_at": now()}
    known |= {"cause": RecallReason.WRONG_CONTENT, "asks": RecallRequest.DELETE, "lane": "vendor-intake"}
    wanted = inspect.signature(action).parameters
    known |= {"actor" if "actor" in wanted else "by": by}
    return action(**{key: value for key, value in known.items() if key in wanted})


@pytest.mark.requirement("R2-23")
@pytest.mark.parametrize("name", DECIDING)
@pytest.mark.parametrize("kind", [ActorKind.WORKER, ActorKind.COMMAND])
def test_no_process_decides(house: Web, name: str, kind: ActorKind) -> None:
    worker = queries.worker("w", house.workspace.pk)
    process = worker if kind is ActorKind.WORKER else queries.command_line(house.workspace.slug)
    with decisions._names_decide.use(lambda: True), pytest.raises(Denied) as caught:
        call(house, name, process)
    assert caught.value.code == "not-a-person"
    assert not AuditEvent.objects.exclude(pk=house.event.pk).exists()


@pytest.mark.parametrize("name", DECIDING)
def test_a_person_who_has_logged_in_is_not_refused_as_a_process(house: Web, name: str) -> None:
    """The other half: the same call of a member gets past the rule, whatever the rows then say."""
    with suppress(Invalid, Conflict, NotFound):
        call(house, name, queries.actor_for(rows.member(house.workspace, *Role)))
