"""A practice estate of its own for each test, and clients that hold its tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.server import Sandbox

Client = Callable[[str], httpx2.Client]


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The estate as at the beginning."""
    running.estate.reset()
    return running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    """``client("registry")`` speaks to the estate with that service's token."""
    opened: list[httpx2.Client] = []

    def connect(service: str) -> httpx2.Client:
        headers = {"authorization": f"Bearer {PRACTICE_TOKENS[service]}"}
        opened.append(httpx2.Client(base_url=sandbox.url, headers=headers, timeout=2, trust_env=False))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
