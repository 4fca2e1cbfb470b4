"""What the peer tests do where the OpenID provider is not installed, and what its installation trusts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.peers import openid_provider


def test_absence_is_explained_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(openid_provider, "PLACE", tmp_path)
    why = openid_provider.why_absent()
    assert why is not None
    assert "tests/peers/oidc-provider-install" in why


def test_every_module_is_locked_by_hash_and_names_no_registry() -> None:
    lock = json.loads((openid_provider.HERE / "oidc-provider" / "package-lock.json").read_text(encoding="utf-8"))
    modules = {name: module for name, module in lock["packages"].items() if name}
    assert "node_modules/oidc-provider" in modules
    assert [name for name, module in modules.items() if not module.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, module in modules.items() if "resolved" in module or "hasInstallScript" in module] == []
