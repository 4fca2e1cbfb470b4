"""What an installation on a database of its own keeps on one machine only."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.cli.cautions import cautions
from handrail.conf import config

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "production.toml"


def test_embedded_database_needs_no_caution() -> None:
    assert list(cautions(config.parse(""))) == []


def test_defaults_beside_a_database_of_its_own_are_named() -> None:
    found = list(cautions(config.parse('[database]\nurl = "postgresql://db/x"')))
    names = ["blobs", "subject keys", "erasures", "release key", "key ring", "audit key", "web key"]
    assert [f.name for f in found] == names
    assert all(f.ok and f.fix for f in found)


@pytest.mark.parametrize("proxies", [0, 1])
def test_uncounted_proxy_is_named(proxies: int) -> None:
    text = f'[database]\nurl = "postgresql://db/x"\n[web]\nhttps = true\ntrusted_proxies = {proxies}'
    assert ("log-in limits" in [f.name for f in cautions(config.parse(text))]) is (proxies == 0)


def test_practice_beside_a_database_of_its_own_is_named() -> None:
    text = '[database]\nurl = "postgresql://db/x"\n[approvals]\npractice = true\n'
    assert [f.fix for f in cautions(config.parse(text)) if f.name == "approvals"] == [
        "Where real packets leave, unset [approvals] practice."
    ]


def test_example_for_production_leaves_nothing_to_one_machine() -> None:
    assert list(cautions(config.parse(EXAMPLE.read_text(encoding="utf-8")))) == []


def test_example_for_production_has_every_section() -> None:
    loaded = config.parse(EXAMPLE.read_text(encoding="utf-8"))
    optional = {"state_directory", "task_systems"}
    assert set(config.Config.model_fields) - loaded.model_fields_set - optional == set()
