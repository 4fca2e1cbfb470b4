"""Which PostgreSQL: any server by URL, else an embedded one that lives as long as the processes that use it."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from handrail.conf import roles
from handrail.conf.config import Config, secrets
from handrail.conf.postgres import address, server
from handrail.conf.postgres.cluster import SUPERUSER
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secret

NAME = "handrail"
UNSET = f"postgresql:///{NAME}"
# In the embedded server: who owns the tables, and who serves.
ROLES = (roles.OWNER, roles.SERVING)
# Any constant will do, so long as nothing else in the database postgres takes the same advisory lock.
LOCK = 0x48524C_524F4C
# A server over a network may vanish without a word, with its machine. libpq's parameters: seconds, and the last one
# milliseconds. Without them a process would wait for minutes to hours.
NETWORK = {
    "connect_timeout": "10",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
# Of several servers one takes writes, and a standby takes none.
WRITABLE = {"target_session_attrs": "read-write"}
DEFAULT_PORT = "5432"
PORT_DIGITS, LAST_PORT = 5, 65535
ENCODE = "Percent-encode special characters, also in a password."
_found: list[str] = []


def settings(url: str) -> dict[str, Any]:
    """Django's database settings for a ``postgresql://`` URL, which may name several servers, as libpq's may:
    ``postgresql://handrail@one,two:5433/handrail``. Raises Misconfigured for any other scheme, and for ports that are
    none."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message quotes a part of it, which may be of a password
        raise Misconfigured(f"The database URL can't be read. {ENCODE}", code="database-url") from None
    if parts.scheme not in {"postgres", "postgresql"}:
        raise Misconfigured("The database URL must start with postgresql://.", code="database-url")
    options = dict(parse_qsl(parts.query))
    hosts, ports = _places(parts)
    host = options.pop("host", "") or hosts
    port = options.pop("port", "") or ports
    if host and not host.startswith(("/", "@")):
        options = NETWORK | options
    if "," in host:
        options = WRITABLE | options
    return {
        "ENGINE": "handrail.conf.scoped_postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or NAME,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "OPTIONS": options,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }


def _places(parts: SplitResult) -> tuple[str, str]:
    """The hosts and the ports of a URL, each list separated by commas; no ports where it names none."""
    hosts, ports = [], []
    for place in parts.netloc.rpartition("@")[2].split(","):
        host, bracket, rest = place.rpartition("]")  # an IPv6 address is in brackets
        name, _, port = rest.partition(":")
        if port and not (port.isascii() and port.isdecimal() and len(port) <= PORT_DIGITS and int(port) <= LAST_PORT):
            message = f"The database URL has a port that is not a number from 1 to {LAST_PORT}. {ENCODE}"
            raise Misconfigured(message, code="database-url")
        hosts.append(host.removeprefix("[") if bracket else unquote(name).lower())
        ports.append(port)
    return ",".join(hosts), ",".join(port or DEFAULT_PORT for port in ports) if any(ports) else ""


def url(config: Config) -> str:
    """The configured server's URL, with its password, else that of the embedded one, started if it is not running.

    Raises Misconfigured when the password is missing.
    """
    if config.database.url and config.database.password:
        return _with_password(config.database.url, secrets().resolve(config.database.password))
    if config.database.url:
        return config.database.url
    return embedded(config.database.directory or config.state_directory / "postgres", role=roles.SERVING)


def owner_url(config: Config) -> str | None:
    """As the role that owns the tables and migrates; None where the role of ``url`` does that too.

    Raises Misconfigured when the password is missing.
    """
    if config.database.owner_url and config.database.owner_password:
        return _with_password(config.database.owner_url, secrets().resolve(config.database.owner_password))
    if config.database.url:
        return config.database.owner_url
    return embedded(config.database.directory or config.state_directory / "postgres", role=roles.OWNER)


def serving_role(config: Config) -> str | None:
    """The role that serves, where another one owns the tables; None where one role does both."""
    if config.database.url is None:
        return roles.SERVING
    return (settings(config.database.url)["USER"] or None) if config.database.owner_url else None


def exists(config: Config) -> bool:
    """Whether a server is configured, or the embedded one has been used before. Asks and starts nobody."""
    directory: Path = config.database.directory or config.state_directory / "postgres"
    return bool(config.database.url) or (directory / "PG_VERSION").exists()


def _with_password(url: str, password: Secret) -> str:
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password.reveal(), safe='')}@{host}").geturl()


def embedded(directory: Path, *, role: str = SUPERUSER) -> str:
    """The URL of the embedded server whose data is in ``directory``, started if need be, with its database and roles.

    The server stops after the last process that uses it, this one included, has ended. The URL logs in as
    ``role``: the Unix account that owns the directory may be any. Raises Misconfigured or Unavailable.
    """
    path = Path(os.path.realpath(directory))
    _run(path)
    return address.url(path, database=NAME, role=role)


@cache
def _run(directory: Path) -> None:
    import psycopg  # noqa: PLC0415 - an installation with a server of its own never pays for this

    server.use(directory)
    with psycopg.connect(address.url(directory, database=SUPERUSER, role=SUPERUSER), autocommit=True) as connection:
        # Held until this connection closes: processes that start together would change the same rows of the catalogue.
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        roles.make(connection)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):  # another was faster
                connection.execute(f"CREATE DATABASE {NAME}")
        with psycopg.connect(address.url(directory, database=NAME, role=SUPERUSER), autocommit=True) as inside:
            roles.hand_over(inside, NAME)


def use(url: str) -> None:
    """From here on this process's settings are those of the server at ``url``. Children find out for themselves."""
    _found.append(url)


def current() -> str:
    """What ``conf.start`` found, or a URL that only programs which never connect (type checker, linters) get to see."""
    return _found[-1] if _found else os.environ.get("DATABASE_URL", UNSET)
