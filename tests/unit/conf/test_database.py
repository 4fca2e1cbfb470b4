"""Which server, and how its password gets to it: never by the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from handrail.conf import config, database
from handrail.kernel.errors import Misconfigured

URL = "postgresql://handrail@db.example.com:5433/desk?sslmode=verify-full"


def test_password_is_taken_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "a:b@c/d?e#f%20 g")
    parsed = config.parse(f'[database]\nurl = "{URL}"\npassword = "env:DB_PASSWORD"')
    found = database.settings(database.url(parsed))
    assert (found["USER"], found["PASSWORD"]) == ("handrail", "a:b@c/d?e#f%20 g")
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("db.example.com", "5433", "desk")
    assert found["OPTIONS"] == {"sslmode": "verify-full"}


def test_url_without_password_stays_as_it_is() -> None:
    assert database.url(config.parse(f'[database]\nurl = "{URL}"')) == URL


@pytest.mark.parametrize(
    "url", ["postgresql://handrail:hunter2@db/x", "postgresql://db/x?password=hunter2", "postgresql://u:@db/x"]
)
def test_password_in_the_file_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"database\.url") as caught:
        config.parse(f'[database]\nurl = "{url}"')
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in caught.value.message


def test_missing_password_is_named() -> None:
    parsed = config.parse(f'[database]\nurl = "{URL}"\npassword = "env:HANDRAIL_NO_SUCH"')
    with pytest.raises(Misconfigured, match="HANDRAIL_NO_SUCH"):
        database.url(parsed)


def test_environment_brings_its_own_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "handrail.toml"
    file.write_text('[database]\nurl = "postgresql://db/x"\npassword = "env:HANDRAIL_NO_SUCH"')
    monkeypatch.setenv("HANDRAIL_CONFIG", str(file))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@other/y")
    config.load.cache_clear()
    try:
        assert database.url(config.load()) == "postgresql://u:p@other/y"
    finally:
        config.load.cache_clear()
