"""What ``handrail check`` says of the database server and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import psycopg
from django.db import Error, connection
from psycopg.pq import PGconn, Ping

from handrail.cli import installation
from handrail.connectors.finding import Finding
from handrail.kernel.errors import Unavailable
from handrail.work import presence
from handrail.worker import pooling, service

if TYPE_CHECKING:
    from handrail.conf.config import Config

# What `handrail up` starts; more are counted where they run.
USUAL_WORKERS = 2
GUIDE = "docs/guides/run-in-production.md"
FAILOVER = f"{GUIDE}#two-database-servers"
# Values of synchronous_commit with which a commit waits until a standby has it.
WAITING = frozenset({"on", "remote_write", "remote_apply"})


def why_away() -> Unavailable:
    """Why no connection could be made, as exactly as the server lets a stranger know."""
    parameters = connection.get_connection_params()
    name, user = str(parameters.get("dbname", "")), str(parameters.get("user", ""))
    answer = PGconn.ping(psycopg.conninfo.make_conninfo("", **_reached(parameters)).encode())
    if answer == Ping.REJECT:
        return Unavailable("The database server is starting, stopping or full. Try again in a minute.")
    if answer != Ping.OK:
        return Unavailable(f"The database server is not responding at {_place(parameters)}.")
    if _takes_no_writes(parameters):
        message = (
            f"The database server at {_place(parameters)} is a standby, which takes no writes. Promote it: {FAILOVER}."
        )
        return Unavailable(message)
    if _lacks_database(parameters, name):
        return Unavailable(f"The database server is responding, but has no database named {name}. Create it: {GUIDE}.")
    return Unavailable(f"The database server is responding, but does not let the role {user} into the database {name}.")


def _reached(parameters: dict[str, Any]) -> dict[str, Any]:
    kept = ("host", "hostaddr", "port", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "dbname")
    return {key: value for key, value in parameters.items() if key in kept and value} | {"connect_timeout": 5}


def _place(parameters: dict[str, Any]) -> str:
    return f"{parameters.get('host') or 'its default socket'} port {parameters.get('port') or 5432}"


def _takes_no_writes(parameters: dict[str, Any]) -> bool:
    """Of several servers those that answer are standbys."""
    if "target_session_attrs" not in parameters:
        return False
    try:
        with psycopg.connect("", **_reached(parameters)) as other:
            found = other.execute("SELECT pg_is_in_recovery()").fetchone()
            return found is not None and bool(found[0])
    except psycopg.Error:
        return False


def _lacks_database(parameters: dict[str, Any], name: str) -> bool:
    try:
        with psycopg.connect("", **_reached(parameters) | {"dbname": "postgres"}) as other:
            return other.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None
    except psycopg.Error:
        return False


def findings(config: Config) -> Iterator[Finding]:
    """The way to the server, and its room. Needs a connection."""
    if config.database.url is None:
        yield _embedded()
    yield _encrypted()
    yield from _replicated()
    yield _pooled()
    yield from _owner_pooled(config)
    yield from _room(config)


def _embedded() -> Finding:
    """A server that was running while Handrail was upgraded is the older one until its last user has ended."""
    connection.ensure_connection()
    runs, comes = divmod(connection.connection.info.server_version, 10000), installation.embedded_version()
    if runs == comes:
        message = f"PostgreSQL {runs[0]}.{runs[1]} comes with Handrail. Only the owner of its data can connect."
        return Finding("embedded database", ok=True, message=message)
    message = f"PostgreSQL {runs[0]}.{runs[1]} is still running; Handrail now comes with {comes[0]}.{comes[1]}."
    return Finding("embedded database", ok=False, message=message, fix="Restart all processes of this installation.")


def _encrypted() -> Finding:
    """By what the connection is, not by what was asked for: ``prefer`` may end up without."""
    connection.ensure_connection()
    info = connection.connection.info
    if _is_local(info.host, info.hostaddr):
        return Finding("database transport", ok=True, message="The connection does not leave this machine.")
    fix = f"Add sslmode=verify-full and sslrootcert to the database's URL: {GUIDE}."
    if not connection.connection.pgconn.ssl_in_use:
        message = f"Passwords and rows travel to {info.host} unencrypted."
        return Finding("database transport", ok=False, message=message, fix=fix)
    mode = info.get_parameters().get("sslmode", "prefer")
    if mode != "verify-full":
        message = f"The connection to {info.host} is encrypted, but its certificate is not verified (sslmode={mode})."
        return Finding("database transport", ok=False, message=message, fix=fix)
    return Finding("database transport", ok=True, message=f"TLS to {info.host}, with its certificate verified.")


def _is_local(host: str, address: str) -> bool:
    if host.startswith(("/", "@")) or not (host or address):
        return True
    try:
        return ip_address(address or host).is_loopback
    except ValueError:
        return False


def _replicated() -> Iterator[Finding]:
    """Of several servers: which one this is, and whether a commit is on another before anybody acts on it."""
    connection.ensure_connection()
    hosts = str(connection.settings_dict["HOST"]).split(",")
    if len(hosts) == 1:
        return
    info = connection.connection.info
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('synchronous_standby_names'), current_setting('synchronous_commit')")
        standbys, waits = cursor.fetchone()
    place = f"{info.host} port {info.port}, one of {len(hosts)} servers, takes the writes"
    if standbys and waits in WAITING:
        yield Finding("standby", ok=True, message=f"{place}. Each commit waits for a standby.")
        return
    message = f"{place}, and commits don't wait for a standby: what it had not got is lost when it takes over."
    fix = f"Set synchronous_standby_names there. Calls that are forgotten would be made again: {FAILOVER}."
    yield Finding("standby", ok=False, message=message, fix=fix)


def _pooled() -> Finding:
    if pooling.by_transaction():
        return Finding("database sessions", ok=False, message=pooling.MESSAGE, fix=pooling.FIX)
    return Finding("database sessions", ok=True, message="A connection keeps its session, as workers need.")


def _owner_pooled(config: Config) -> Iterator[Finding]:
    """The other way to the server, which only migrations take. One that does not answer is left to ``migrate``."""
    if config.database.url is None or config.database.owner_url is None:
        return
    try:
        with installation.as_owner():
            pooled = pooling.by_transaction()
    except psycopg.Error:
        return
    if pooled:
        yield Finding("migrations' sessions", ok=False, message=pooling.OWNER_MESSAGE, fix=pooling.OWNER_FIX)


def _room(config: Config) -> Iterator[Finding]:
    try:
        free, workers = _free_connections(), _workers()
    except Error:
        return
    each = service.connections(config.worker.concurrency)
    web = config.web.threads + service.HINTS
    needed = web + workers * each
    message = (
        f"One web process ({web}) and {workers} workers ({each} each) use up to {needed} connections; "
        f"{free} are available to Handrail."
    )
    fix = "Raise max_connections or the role's limit, or lower [web] threads and [worker] concurrency."
    yield Finding("connections", ok=needed <= free, message=message, fix="" if needed <= free else fix)


def _free_connections() -> int:
    """Those that this role can have beside what other databases use now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
                   - coalesce(current_setting('reserved_connections', true), '0')::int
                   - (SELECT count(*) FROM pg_stat_activity
                      WHERE backend_type = 'client backend' AND datname IS DISTINCT FROM current_database()),
                   (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
                   (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
            """
        )
        room, of_role, of_database = cursor.fetchone()
    return int(min(room, *(limit for limit in (of_role, of_database) if limit >= 0), room))


def _workers() -> int:
    """Those that work now, on all machines, if more than usual."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('work_worker')")
        if cursor.fetchone() == (None,):
            return USUAL_WORKERS
    return max(USUAL_WORKERS, presence.within(60).alive)
