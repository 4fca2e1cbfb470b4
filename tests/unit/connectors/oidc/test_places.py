"""A slow provider takes as many threads of the web server as it was given places, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from handrail.connectors.oidc import Cause, SignOnRefused
from tests.factories.identity_provider import IdentityProvider, identity_provider

DISCOVERY = "/.well-known/openid-configuration"
CALLERS = 5


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.mark.parametrize("places", [1, 2])
def test_calls_beyond_the_places_are_refused_while_the_provider_is_slow(
    provider: IdentityProvider, places: int
) -> None:
    asked = provider.sign_on(concurrent_calls=places, deadline_seconds=2.0).provider
    provider.silent.add(DISCOVERY)
    start, causes = threading.Barrier(CALLERS), []

    def call() -> None:
        start.wait()
        try:
            asked.discover()
        except SignOnRefused as refused:
            causes.append(refused.cause)

    threads = [threading.Thread(target=call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(causes) == [Cause.BUSY] * (CALLERS - places) + [Cause.UNREACHABLE] * places
    provider.silent.clear()
    assert asked.discover().token_endpoint.startswith(provider.url)
