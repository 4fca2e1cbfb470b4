"""What of a connector's limits is refused, by field and bound; and turns of the requests of one call."""

from __future__ import annotations

import pytest

from handrail.connectors import registry
from handrail.connectors.http import pacing
from handrail.kernel.errors import Misconfigured

REST = {"kind": "rest", "base_url": "https://x.example"}


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ({"limits": {"calls_at_once": 0}}, "limits.calls_at_once: Input should be greater than or equal to 1"),
        ({"limits": {"calls_at_once": 1001}}, "limits.calls_at_once: Input should be less than or equal to 1000"),
        ({"limits": {"calls_a_second": 0.05}}, "limits.calls_a_second: Input should be greater than or equal to 0.1"),
        ({"limits": {"calls_a_second": float("inf")}}, "limits.calls_a_second: Input should be"),
        ({"limits": {"burst": 3}}, "limits: burst means nothing without calls_a_second"),
        ({"limits": {"per_minute": 3}}, "limits.per_minute: Extra inputs are not permitted"),
        ({"breaker": {"failures": 0}}, "breaker.failures: Input should be greater than or equal to 1"),
        ({"breaker": {"share": 1.5}}, "breaker.share: Input should be less than or equal to 1"),
        ({"breaker": {"window_seconds": 0.1}}, "breaker.window_seconds: Input should be greater than or equal to 1"),
        ({"breaker": {"open_seconds": 90, "most_open_seconds": 9}}, "breaker: most_open_seconds must be at least"),
    ],
)
def test_refusal_names_field_and_bound(section: dict[str, object], fault: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        registry.parse({"roles": {**REST, **section}})
    assert f"connectors.roles.{fault}" in caught.value.message


@pytest.mark.parametrize("section", [{}, {"limits": {}}])
def test_section_without_settings_has_no_gate(section: dict[str, object]) -> None:
    config = registry.parse({"roles": {**REST, **section}})["roles"]
    assert config.passage is None  # type: ignore[attr-defined]


def test_files_have_no_limits() -> None:
    with pytest.raises(Misconfigured, match=r"connectors\.m\.limits: Extra inputs"):
        registry.parse({"m": {"kind": "saml-file", "file": "/m.xml", "limits": {"calls_at_once": 1}}})


def test_every_request_of_a_call_but_the_first_waits_its_turn_outside_the_calls_time() -> None:
    waits: list[int] = []
    with pacing.paced(lambda: waits.append(1)):
        began = pacing.working()
        for _ in range(3):
            pacing.next_request()
        assert pacing.working() - began >= 0
    assert len(waits) == 2
    pacing.next_request()
    assert len(waits) == 2
