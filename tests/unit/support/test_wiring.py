"""``[desk]`` in handrail.toml becomes the one desk of the process; what is wrong in it is named."""

from __future__ import annotations

import pytest

from handrail.conf import config, wiring
from handrail.kernel.errors import Misconfigured

RT = """
[desk]
preset = "request-tracker"
base_url = "https://rt.example.com"
auth = { secret = "env:RT_TOKEN" }
"""


def test_open_desk_lays_the_section_over_its_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_TOKEN", "canary")
    desk = wiring.open_desk(config.parse(RT))
    assert desk is not None
    assert (desk.name, desk.config.base_url) == ("Request Tracker", "https://rt.example.com")
    desk.close()


def test_open_desk_without_the_section_is_none() -> None:
    assert wiring.open_desk(config.parse("")) is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('[desk]\npreset = "telepathy"', "desk.preset"),
        (RT + "budget_seconds = 6", "desk.budget_seconds"),
        (RT + "colour = 1", "desk.colour"),
    ],
)
def test_open_desk_names_the_wrong_field(text: str, field: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        wiring.open_desk(config.parse(text))
    assert [fault.where for fault in caught.value.faults] == [field]


def test_open_desk_names_the_missing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RT_TOKEN", raising=False)
    with pytest.raises(Misconfigured, match="env:RT_TOKEN"):
        wiring.open_desk(config.parse(RT))


def test_pages_are_known_only_with_a_public_address() -> None:
    assert wiring.support_settings(config.parse("")).run_page is None
    found = wiring.support_settings(config.parse('[web]\nbase_url = "https://h.example/"'))
    assert found.tenant_page == "https://h.example/admin/t/{key}"
    assert found.run_page == "https://h.example/admin/operations/{key}"


@pytest.mark.parametrize(("threads", "at_once", "repeats"), [(2, 1, 0), (10, 5, 1), (16, 9, 3), (32, 21, 7)])
def test_threads_that_wait_for_the_desk_leave_some_for_the_pages(threads: int, at_once: int, repeats: int) -> None:
    found = wiring.support_settings(config.parse(f"[web]\nthreads = {threads}"))
    assert (found.concurrent_calls, found.concurrent_repeats) == (at_once, repeats)
