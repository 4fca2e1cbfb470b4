"""Expressions that could grow are refused with a definition that is proposed; one that is kept still compiles."""

from __future__ import annotations

import pytest

from handrail.definitions.compilation import check, compile_text
from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.runbook.compiler import compile_runbook
from handrail.definitions.states import DefinitionKind
from handrail.kernel.errors import Invalid
from tests.unit.definitions.profile_samples import PROFILE
from tests.unit.definitions.samples import RUNBOOK

BOMB = "|".join(["[@,@]"] * 21)
EXPLOSIVE = RUNBOOK.replace("{at: /plan/tier, type: string}", f'{{at: "{BOMB}", type: [string]}}')


def test_proposal_with_an_expression_that_could_grow_names_field_and_line() -> None:
    assert EXPLOSIVE != RUNBOOK
    with pytest.raises(Invalid) as caught:
        check(EXPLOSIVE)
    fault = next(fault for fault in caught.value.faults if "times as large" in fault.message)
    assert fault.where == "reads.tenant.extract.tier.at"
    assert BOMB in EXPLOSIVE.split("\n")[(fault.line or 0) - 1]


def test_profile_with_an_expression_that_could_grow_is_refused() -> None:
    text = PROFILE.replace("{at: /revision}", f'{{at: "{BOMB}"}}', 1)
    assert text != PROFILE
    with pytest.raises(Invalid, match="times as large"):
        compile_profile(text)


def test_definition_that_was_approved_before_keeps_its_digest_and_stops_when_it_is_evaluated() -> None:
    text = EXPLOSIVE.replace("type: [string]}", "type: string}", 1)
    kept = compile_runbook(text, kept=True)
    assert compile_text(DefinitionKind.RUNBOOK, text, kept.digest).digest == kept.digest
    with pytest.raises(Invalid) as caught:
        kept.extract("tenant", {"id": "a", "seats": 1, "regions": []})
    assert "more than 1000000 parts" in str(caught.value)
