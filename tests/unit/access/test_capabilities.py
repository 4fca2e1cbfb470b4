"""People read role names, never capability names."""

from __future__ import annotations

import pytest

from handrail.access.actor import NOBODY
from handrail.access.capabilities import BUNDLES, Capability, needed
from handrail.access.refusals import missing_capability
from handrail.kernel.errors import Denied


@pytest.mark.parametrize("capability", Capability)
def test_needed_names_the_roles_and_not_the_capability(capability: Capability) -> None:
    text = needed(capability)
    having = {role for role, capabilities in BUNDLES.items() if capability in capabilities}
    assert having
    assert all((role.value in text) == (role in having) for role in BUNDLES)
    assert capability.value not in text


def test_refusal_and_error_for_a_missing_capability_read_the_same() -> None:
    refusal = missing_capability(NOBODY, Capability.EXCEPTION_TAKE)
    assert refusal is not None
    assert (refusal.code, refusal.message) == (
        "denied",
        "You need the role senior-support. Ask a workspace administrator.",
    )
    with pytest.raises(Denied, match=refusal.message):
        NOBODY.require(Capability.EXCEPTION_TAKE)
