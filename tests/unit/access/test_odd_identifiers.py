"""What was kept before it was checked stays, and is named."""

from __future__ import annotations

from handrail.access import queries
from handrail.access.models import User
from handrail.cli import checks
from tests.factories import rows
from tests.factories.installation import Installation


def test_addresses_and_keys_from_before_are_named_with_the_reason(db: None) -> None:
    house = Installation()
    assert queries.odd_identifiers() == []
    User.objects.create(email="\u0430nn@example.com")
    rows.tenant(house.workspace, key="a/b")
    address, tenant = queries.odd_identifiers()
    assert address.startswith("address '\\u0430nn@example.com': use ASCII")
    assert tenant.startswith("tenant 'a/b' of acme: letters")
    [finding] = checks.identifiers()
    assert "a/b" in finding.message
    assert "rename" in finding.fix
