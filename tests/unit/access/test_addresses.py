"""One mailbox once: every other spelling of a member's address is refused with its reason, or is the same address."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handrail.access import actions, addresses
from handrail.access.models import User
from handrail.kernel.errors import Conflict, Invalid
from tests.factories.installation import Installation

MEMBER = "ann.lee@example.com"
REFUSED = {
    "Cyrillic a": "\u0430nn.lee@example.com",
    "Cyrillic domain": "ann.lee@ex\u0430mple.com",
    "full width": "\uff41nn.lee@example.com",
    "Kelvin sign": "an\u212a@example.com",
    "dotless i": "adm\u0131n@example.com",
    "accent": "ann.l\u00e9e@example.com",
    "ideographic full stop": "ann.lee@example\u3002com",
    "zero width": "ann\u200b.lee@example.com",
    "direction override": "ann.lee\u202e@example.com",
    "soft hyphen": "ann\u00ad.lee@example.com",
    "no-break space": "ann.lee@example.com\u00a0",
    "umlaut domain": "ann.lee@ex\u00e4mple.com",
    "quotes": '"ann.lee"@example.com',
    "quoted pair": '"ann\\.lee"@example.com',
    "comment before": "(x)ann.lee@example.com",
    "comment after": "ann.lee(x)@example.com",
    "comment in the domain": "ann.lee@(x)example.com",
    "backslash": "ann\\.lee@example.com",
    "final dot": "ann.lee@example.com.",
    "double dot": "ann..lee@example.com",
    "dot first": ".ann.lee@example.com",
    "dot before @": "ann.lee.@example.com",
    "empty label": "ann.lee@example..com",
    "domain literal": "ann.lee@[127.0.0.1]",
    "hyphen first": "ann.lee@-example.com",
    "underscore in the domain": "ann.lee@exa_mple.com",
    "two @": "ann@lee@example.com",
    "display name": "Ann <ann.lee@example.com>",
    "source route": "@a,@b:ann.lee@example.com",
    "mailto": "mailto:ann.lee@example.com",
    "space": "ann. lee@example.com",
    "line break": "ann.lee@example.com\n",
    "carriage return": "ann.lee\r@example.com",
    "tab": "\tann.lee@example.com",
    "NUL": "ann.lee\0@example.com",
    "half surrogate": "ann\ud800@example.com",
    "two addresses": "ann.lee@example.com,b@example.com",
    "no domain": "ann.lee@",
    "no local part": "@example.com",
    "nothing": "",
    "too long": "a" * 250 + "@example.com",
}


def test_every_kind_of_spelling_is_tried(counted: Callable[[str], None]) -> None:
    counted(f"{len(REFUSED)} spellings of a member's mail address that are refused")
    assert len(set(REFUSED.values())) == len(REFUSED) >= 40


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED)
def test_other_spellings_and_lookalikes_are_refused_with_the_reason(db: None, address: str) -> None:
    house = Installation()
    actions.add_member(email=MEMBER, roles=["operator"], tenants=None, by=house.worker)
    with pytest.raises(Invalid) as caught:
        actions.add_member(email=address, roles=["operator"], tenants=None, by=house.worker)
    assert caught.value.faults[0].where == "email"
    assert User.objects.count() == 1


@pytest.mark.parametrize("address", ["ANN.LEE@EXAMPLE.COM", "Ann.Lee@example.COM", " ann.lee@example.com "])
def test_case_and_space_around_are_the_same_mailbox(db: None, address: str) -> None:
    house = Installation()
    actions.add_member(email=MEMBER, roles=["operator"], tenants=None, by=house.worker)
    with pytest.raises(Conflict):
        actions.add_member(email=address, roles=["operator"], tenants=None, by=house.worker)


@pytest.mark.parametrize(
    "address", ["ann+ops@example.com", "annlee@example.com", "o'hara@xn--exmple-cua.com", "1@a.io"]
)
def test_other_mailboxes_are_taken_as_they_are(address: str) -> None:
    assert addresses.cleaned(address) == address
