"""An export is checked with the public key alone, and every change to it is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from handrail.access import queries as access
from handrail.audit import exportcheck, exported
from handrail.audit.actions import export, record
from handrail.audit.checkpoint import VerifierKey
from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from handrail.audit.signing import Signing
from handrail.kernel.errors import Conflict, Invalid
from tests.factories.log import event

pytestmark = pytest.mark.django_db


def made(workspace: int = 1) -> list[str]:
    by = access.worker("auditor", workspace)
    for tenant in (11, 12, None):
        record(EventName.RUN_CHECKED, by=by, tenant_id=tenant, subject_kind="run", subject=f"of-{tenant}")
    record(EventName.RUN_CHECKED, by=access.worker("w", 2), tenant_id=21, subject_kind="run", subject="foreign")
    return list(export(by=by, workspace_id=workspace, tenant_ids=None))


def check(lines: list[str], signer: Signing) -> exportcheck.CheckedExport:
    return exportcheck.check(lines, origin=signer.origin, keys=[signer.verifier()])


def shown(lines: list[str]) -> list[str]:
    return [json.loads(line)["row"]["subject"] for line in lines if '"row":' in line]


def test_export_checks_out_and_holds_its_own_event(signer: Signing) -> None:
    lines = made()
    checked = check(lines, signer)
    assert (checked.size, checked.events) == (6, 5)
    assert AuditEvent.objects.filter(event="audit.exported").count() == 1
    assert VerifierKey.from_text(json.loads(lines[0])["key"]).key_id() == signer.verifier().key_id()


def test_export_shows_only_the_workspace(signer: Signing) -> None:
    assert shown(made()) == ["of-11", "of-12", "of-None", signer.origin, signer.origin]


def test_export_shows_only_the_tenants(signer: Signing) -> None:
    made()
    lines = list(export(by=access.worker("auditor", 1), workspace_id=1, tenant_ids={12}))
    assert shown(lines) == ["of-12"]
    assert check(lines, signer).size == 8


def test_export_goes_in_chunks(signer: Signing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "CHUNK", 4)
    assert check(made(), signer).size == 6


def test_export_lines_of_nothing_sealed_are_a_conflict(signer: Signing) -> None:
    event()
    with pytest.raises(Conflict, match="Nothing has been sealed"):
        exported.lines(exported.Scope(1, None))


def edited(number: int, change: Callable[[str], str]) -> Callable[[list[str]], list[str]]:
    return lambda lines: [change(line) if at == number else line for at, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (edited(1, lambda line: line.replace("of-11", "of-99")), "line 2: the row is not the one"),
        (
            edited(1, lambda line: line.replace('"subject":"of-11"', '"subject":99999999999999999999')),
            "line 2: the row",
        ),
        (lambda lines: [*lines[:2], *lines[3:]], "line 3: leaf 1 is missing"),
        (edited(4, lambda line: line.replace('"hash":"', '"hash":"!')), "line 5: hash is base64"),
        (edited(4, lambda line: '{"hash":"AAAA","index":3}\n'), "line 5: hash is 32 bytes"),
        (edited(4, lambda line: line.replace('"hash":"', '"hash":"A').replace("=", "", 1)), "line 5|not those"),
        (lambda lines: lines[:-1], "end: the export has no checkpoint"),
        (lambda lines: [*lines[:-2], lines[-1]], "not those that the checkpoint"),
        (lambda lines: [*lines, lines[1]], "nothing may follow"),
        (lambda lines: lines[1:], "line 1: an export begins"),
        (edited(2, lambda line: "[" * 100_000), "line 3: expected a JSON object"),
        (edited(2, lambda line: "not json"), "line 3: expected a JSON object"),
    ],
)
def test_check_names_what_was_changed(signer: Signing, change: Callable[[list[str]], list[str]], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        check(change(made()), signer)


def test_check_refuses_a_key_that_the_reader_does_not_trust(signer: Signing) -> None:
    lines = made()
    stranger = VerifierKey(signer.origin, Ed25519PrivateKey.generate().public_key())
    with pytest.raises(Invalid) as caught:
        exportcheck.check(lines, origin=signer.origin, keys=[stranger])
    assert caught.value.code == "checkpoint-signature"
