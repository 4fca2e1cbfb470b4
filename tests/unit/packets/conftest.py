from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.installation import Installation
from tests.factories.packets import Packets, connected


@pytest.fixture
def desk(db: None) -> Iterator[Packets]:
    with connected(Installation(None, tenant="ten_a").packets) as one:
        yield one
