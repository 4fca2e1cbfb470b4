from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.packets import Desk, connected, make_desk


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    with connected(make_desk()) as one:
        yield one
