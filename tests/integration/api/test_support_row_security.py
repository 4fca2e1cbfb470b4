"""Who may request support over HTTP, once more with row security as the only guard."""

from __future__ import annotations

import pytest

from handrail.access.capabilities import Role
from tests.factories.runs import Runs
from tests.factories.unguarded import unguarded
from tests.integration.api import test_support_access as access
from tests.integration.api.conftest import Caller
from tests.integration.api.test_support_access import (  # noqa: F401 - fixtures
    Place,
    foreign,
    hidden,
    home,
    no_desk,
)
from tests.lanes import swept

MATRIX = [(path, role) for path in access.PATHS for role in Role]
DENIED = [(path, role) for path in access.PATHS for role in access.DENIED]


@pytest.mark.parametrize(("path", "role"), swept(MATRIX))
def test_foreign_and_hidden_places_answer_like_missing_ones_by_rows_alone(  # noqa: PLR0917 - fixtures
    path: str,
    role: Role,
    home: Place,  # noqa: F811 - as above
    hidden: Place,  # noqa: F811
    foreign: Place,  # noqa: F811
    caller: Caller,
) -> None:
    with unguarded():
        access.test_foreign_and_hidden_places_answer_like_missing_ones_on_every_verb(
            path, role, home, hidden, foreign, caller
        )


@pytest.mark.parametrize(("path", "role"), swept(DENIED))
def test_denied_place_tells_nothing_of_its_requests_by_rows_alone(
    path: str, role: Role, estate: Runs, caller: Caller
) -> None:
    with unguarded():
        access.test_denied_place_tells_nothing_of_its_requests(path, role, estate, caller)
