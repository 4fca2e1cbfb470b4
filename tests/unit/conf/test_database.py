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
    assert found["OPTIONS"]["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("postgresql://u@one,two/x", "one,two", ""),
        ("postgresql://u@one:5433,two:5434/x", "one,two", "5433,5434"),
        ("postgresql://u@one:5433,two/x", "one,two", "5433,5432"),
        ("postgresql://u:p%2C@[::1]:5433,[fe80::2]/x", "::1,fe80::2", "5433,5432"),
        ("postgresql://u@/x?host=one,two&port=5433,5434", "one,two", "5433,5434"),
        ("postgresql://%2Frun%2Fpostgresql/x", "/run/postgresql", ""),
        ("postgresql:///x", "", ""),
    ],
)
def test_url_names_one_server_or_several(url: str, host: str, port: str) -> None:
    found = database.settings(url)
    assert (found["HOST"], found["PORT"], found["NAME"]) == (host, port, "x")
    assert found["OPTIONS"].get("target_session_attrs") == ("read-write" if "," in host else None)


def test_url_s_own_parameters_count_more_than_ours() -> None:
    found = database.settings("postgresql://u@one,two/x?target_session_attrs=primary&connect_timeout=3")
    assert found["OPTIONS"] == database.NETWORK | {"target_session_attrs": "primary", "connect_timeout": "3"}


def test_server_on_a_socket_needs_no_time_limits_of_a_network() -> None:
    assert database.settings("postgresql:///x?host=/run/postgresql")["OPTIONS"] == {}


def test_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(Misconfigured, match="port that is not a number"):
        database.settings("postgresql://u@one:5433,two:http/x")


def test_password_in_the_file_is_refused_where_there_are_several_servers() -> None:
    with pytest.raises(Misconfigured, match=r"database\.url"):
        config.parse('[database]\nurl = "postgresql://u:hunter2@one:5433,two:5434/x"')


def test_password_by_reference_stands_for_several_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "a@b,c")
    parsed = config.parse('[database]\nurl = "postgresql://u@one:1,two:2/x"\npassword = "env:DB_PASSWORD"')
    found = database.settings(database.url(parsed))
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("u", "a@b,c", "one,two", "1,2")


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


@pytest.mark.parametrize(
    "url",
    ["postgresql://db:99999/x", "postgresql://db:abc/x", "postgresql://u:pass/word@db/x", "postgresql://[::1/x", "x"],
)
def test_url_that_is_none_is_one_sentence_without_quoting_it(url: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        database.settings(url)
    assert caught.value.code == "database-url"
    assert "pass" not in str(caught.value).replace("a password", "")
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("given", ['state_directory = "\xfc"'.encode("latin-1"), b"\xff\xfe"])
def test_file_that_is_not_utf_8_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: bytes) -> None:
    file = tmp_path / "handrail.toml"
    file.write_bytes(given)
    monkeypatch.setenv("HANDRAIL_CONFIG", str(file))
    config.load.cache_clear()
    with pytest.raises(Misconfigured, match=r"handrail\.toml is not UTF-8 \(byte "):
        config.load()


def test_name_that_no_file_can_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDRAIL_CONFIG", "a" * 300)
    with pytest.raises(Misconfigured, match="can't be read: File name too long"):
        config.find()


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


OWNED = f'[database]\nurl = "{URL}"\nowner_url = "{URL.replace("handrail@", "handrail_owner@")}"'


def test_owner_is_another_role_of_the_same_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNER_PASSWORD", "geheim")
    parsed = config.parse(f'{OWNED}\nowner_password = "env:OWNER_PASSWORD"')
    found = database.settings(database.owner_url(parsed) or "")
    assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("handrail_owner", "geheim", "desk")
    assert database.serving_role(parsed) == "handrail"


def test_owner_s_password_is_needed_only_where_it_migrates() -> None:
    parsed = config.parse(f'{OWNED}\nowner_password = "env:HANDRAIL_NO_SUCH"')
    assert database.url(parsed) == URL
    with pytest.raises(Misconfigured, match="HANDRAIL_NO_SUCH"):
        database.owner_url(parsed)


def test_one_role_has_no_owner_apart() -> None:
    parsed = config.parse(f'[database]\nurl = "{URL}"')
    assert (database.owner_url(parsed), database.serving_role(parsed)) == (None, None)


def test_owner_without_a_url_is_refused() -> None:
    with pytest.raises(Misconfigured, match="owner_url needs url"):
        config.parse(f'[database]\nowner_url = "{URL}"')


def test_environment_s_url_forgets_the_file_s_owner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The owner in the file belongs to the file's database."""
    file = tmp_path / "handrail.toml"
    file.write_text(OWNED)
    monkeypatch.setenv("HANDRAIL_CONFIG", str(file))
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@other/y")
    config.load.cache_clear()
    try:
        assert database.owner_url(config.load()) is None
        monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://o:p@other/y")
        config.load.cache_clear()
        assert database.owner_url(config.load()) == "postgresql://o:p@other/y"
        assert database.serving_role(config.load()) == "u"
    finally:
        config.load.cache_clear()
