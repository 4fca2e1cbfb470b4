"""What ``handrail check`` looks at. Each look answers with findings and never ends the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import Error, ProgrammingError, connection

from handrail.access import evidence, queries, subjects
from handrail.access.subjects import SubjectKeysUnavailable
from handrail.anchoring import services as anchoring
from handrail.audit.queries import LogFinding
from handrail.cli import database_server, file_modes, installation, migrations, roles
from handrail.cli.cautions import cautions, passkeys_of, transport
from handrail.connectors import channels, lane, oidc, registry
from handrail.connectors import desk as desks
from handrail.connectors.config import PassageSettings
from handrail.connectors.finding import Finding
from handrail.definitions import wiring
from handrail.kernel.clock import own
from handrail.kernel.errors import HandrailError
from handrail.packets import settings
from handrail.runbooks.actions import trying
from handrail.worker import clocks

if TYPE_CHECKING:
    from handrail.conf.config import Config

OLDEST_POSTGRESQL = 150000
FIX_AUDIT = "Treat it as a change of the log until proven otherwise: docs/guides/audit.md#when-sealing-stops"
FIX_GUARD = (
    "Find out who changed it, then restore it as the migrations made it: docs/guides/audit.md#when-sealing-stops"
)
FIX_ANCHOR = "What each means and what to do: docs/guides/audit.md#when-a-witness-refuses"
FIX_EMBEDDED = "Fix what the message names; the server's log is the file log in its directory. Or set [database] url."
SUBJECT_KEYS_ADVICE = "Copy them apart from the database's backups, and never keep the copies longer."
FIX_CONFIG = "Fix handrail.toml as the message says. All settings: docs/reference/configuration.md."


def all_findings() -> list[Finding]:
    """Everything, in the order in which to fix it: without a database the looks that need one are left out."""
    try:
        config = installation.start()
    except HandrailError as error:
        return [_not_started(error)]
    findings = [Finding("configuration", ok=True, message="handrail.toml is valid, and its secrets are available.")]
    findings += [*cautions(config), transport(config), passkeys_of(config)]
    findings += file_modes.findings(config)
    findings += _guarded("connectors", connectors)
    findings += _guarded("desk", desk)
    findings += _guarded("channels", notification_channels)
    findings += _guarded("subject keys", subject_keys)
    findings += _guarded("release", release)
    findings += _guarded("witnesses", anchoring.check)
    findings += _guarded("single sign-on", lambda: single_sign_on(config))
    try:
        found = database()
    except HandrailError as error:
        return [*findings, Finding("database", ok=False, message=error.message, fix="Start it, or fix DATABASE_URL.")]
    findings += found
    findings += _guarded("database server", lambda: list(database_server.findings(config)))
    if all(finding.ok for finding in found):  # tables that are not there yet can't be asked
        findings += _guarded("runbooks", runbooks)
        findings += _guarded("responders", wiring.check_responders)
        findings += _guarded("identifiers", identifiers)
        findings += _guarded("audit log", audit_log)
        findings += clocks_of_processes()
    return [*findings, *_guarded("task system", lambda: list(trying.task_systems()))]


def _not_started(error: HandrailError) -> Finding:
    if error.code.startswith("embedded-"):
        return Finding("embedded database", ok=False, message=error.message, fix=FIX_EMBEDDED)
    return Finding("configuration", ok=False, message=error.message, fix=FIX_CONFIG)


def database() -> list[Finding]:
    """Version, migrations, clock. Raises Unavailable, with the reason, when it does not answer."""
    try:
        with connection.cursor() as cursor:
            before = own()
            cursor.execute("SELECT current_setting('server_version_num')::int, clock_timestamp()")
            version, there = cursor.fetchone()
            pending = migrations.pending()
    except ProgrammingError:  # it answers, and lets nobody who serves read what is migrated: rights follow migrations
        message = "The role that serves has no rights here yet: the database is not migrated to this version."
        return [_version(version), Finding("migrations", ok=False, message=message, fix="Run: handrail migrate")]
    except Error:
        raise database_server.why_away() from None
    found = [_version(version), _migrations(pending), _clock(before, there, own())]
    return found if pending else [*found, *roles.findings()]


def connectors() -> list[Finding]:
    """What each configured connector says of itself."""
    names = registry.names()
    if not names:
        return [Finding("connectors", ok=False, message="None is configured.", fix="Add [connectors.NAME] sections.")]
    found: list[Finding] = []
    for name in names:
        found += _guarded(name, registry.get(name).check)
        if (passage := registry.passage(name)) is not None:
            found.append(Finding(f"{name}: limits", ok=True, message=_passage(passage)))
    return found


def _passage(settings: PassageSettings) -> str:
    """The limits of a connector in a sentence."""
    limits, breaker = settings.limits, settings.breaker
    parts = [
        f"{limits.calls_at_once} calls at once" if limits.calls_at_once else "",
        f"{limits.calls_a_second:g} calls a second, {limits.burst_size} without a pause"
        if limits.calls_a_second
        else "",
    ]
    if breaker is not None:
        share = f" that are at least {breaker.share:.0%} of the calls" if breaker.share else ""
        parts.append(
            f"a circuit breaker that opens after {breaker.failures} failures{share} in {breaker.window_seconds:g} s,"
            f" for {breaker.open_seconds:g} to {breaker.most_open_seconds:g} s"
        )
    return "Over all workers: " + "; ".join(filter(None, parts)) + "."


def runbooks() -> list[Finding]:
    """Whether each active runbook has the connectors that it names."""
    return wiring.check()


def notification_channels() -> list[Finding]:
    """Whether each channel of each responder, and the mail server, can be reached. Nothing is sent."""
    configured = channels.current()
    found = []
    for key, responder in configured.by_key.items():
        for one in responder.channels:
            found += [replace(finding, name=f"{key}: {one.name}") for finding in one.channel.check()]
    if configured.mail is not None:
        found += [replace(finding, name="mail") for finding in channels.EmailChannel(configured.mail, ()).check()]
    if not configured.by_key:
        fix = "Add [responders.NAME], so that somebody is notified when a run stops: docs/guides/responders.md."
        found.append(Finding("channels", ok=True, message="No responder is configured.", fix=fix))
    return found


def audit_log() -> list[Finding]:
    """Whether this machine still seals, its mark fits the log, and the tables have their guards."""
    return [_of_log(found) for found in evidence.inspect()]


def clocks_of_processes() -> list[Finding]:
    """What each web process and worker, on any machine, said of its own clock within five minutes."""
    found = clocks.readings()
    apart = [one for one in found if one.apart]
    if not apart:
        message = f"{len(found)} running processes are within {clocks.TOLERANCE_SECONDS:.0f} s of the database."
        return [Finding("clocks of processes", ok=True, message=message)]
    named = "; ".join(f"{one.process} ({one.kind}) is {one.seconds:+.1f} s from the database" for one in apart[:5])
    more = f"; and {len(apart) - 5} more" if len(apart) > 5 else ""  # noqa: PLR2004 - as many as were named
    fix = "Synchronise the clocks of these machines and the database's with NTP."
    return [Finding("clocks of processes", ok=False, message=f"{named}{more}.", fix=fix)]


def identifiers() -> list[Finding]:
    """Addresses and tenant keys from before they were checked: they work, but could not be given today."""
    odd = queries.odd_identifiers()
    if not odd:
        return [Finding("identifiers", ok=True, message="Every address and tenant key is in its one spelling.")]
    fix = "Give such tenants another key: handrail tenants rename. Add such members again under their right address."
    return [Finding("identifiers", ok=True, message=f"From before they were checked: {'; '.join(odd)}.", fix=fix)]


def desk() -> list[Finding]:
    """What the service desk says of itself; nothing is wrong with having none."""
    found = desks.configured()
    if found is None:
        fix = "Add [desk], unless support requests stay internal."
        return [Finding("desk", ok=True, message="None is configured.", fix=fix)]
    return found.check()


def single_sign_on(config: Config) -> list[Finding]:
    """What can be seen of the identity provider without logging in; nothing, where none is configured."""
    found, section = oidc.find(), config.single_sign_on
    if found is None or section is None:
        return []
    return list(oidc.look(found.provider, (section.issuer, *section.also)))


def subject_keys() -> list[Finding]:
    """Whether keys of subjects can be written: without them nothing of a customer's can be."""
    name, fix = "subject keys", "Check [subject_keys]: its folder, owner and free space, or its bucket."
    try:
        return [Finding(name, ok=True, message=subjects.store().probe(), fix=SUBJECT_KEYS_ADVICE)]
    except SubjectKeysUnavailable as error:
        return [Finding(name, ok=False, message=error.message, fix=fix)]


def release() -> list[Finding]:
    """The release key, the store of cleared annexes and every lane. Without lanes nothing can be released: no fault."""
    names = lane.names()
    if not names:
        fix = "Add [lanes.NAME] sections, unless no packet is meant to leave."
        return [Finding("lanes", ok=True, message="None is configured.", fix=fix)]
    found = _guarded("blobs", settings.blobs().check)
    for name in names:
        found += _guarded(name, lane.get(name).check)
        if lacks := lane.limits_of(lane.get(name).abilities):
            found.append(Finding(f"{name}: limits", ok=True, message=" ".join(lacks)))
    return [*found, *_guarded("release key", _release_key)]


def _release_key() -> list[Finding]:

    key = settings.current().signing_key()
    return [Finding("release key", ok=True, message=f"It signs as {key.key_id[:12]}….")]


def _guarded(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return look()
    except HandrailError as error:
        return [Finding(name, ok=False, message=error.message, fix=FIX_CONFIG)]


def _of_log(found: LogFinding) -> Finding:
    fix = {"guards": FIX_GUARD, "quorum": FIX_ANCHOR}.get(found.subject, FIX_AUDIT)
    if found.subject.startswith(("witness ", "timestamp ")):
        fix = FIX_ANCHOR
    if found.ok:
        fix = "Keep one elsewhere too: handrail audit checkpoint" if found.alone else ""
    return Finding(f"audit {found.subject}", ok=found.ok, message=found.message, fix=fix)


def _version(number: int) -> Finding:
    ok = number >= OLDEST_POSTGRESQL
    fix = "" if ok else f"Handrail needs PostgreSQL {OLDEST_POSTGRESQL // 10000} or later."
    return Finding("database", ok=ok, message=f"PostgreSQL {number // 10000}.{number % 10000} is responding.", fix=fix)


def _migrations(pending: list[str]) -> Finding:
    if not pending:
        return Finding("migrations", ok=True, message="All are applied.")
    return Finding("migrations", ok=False, message=f"{len(pending)} are pending.", fix="Run: handrail migrate")


def _clock(before: datetime, there: datetime, after: datetime) -> Finding:
    middle = before + (after - before) / 2
    apart = abs((there - middle).total_seconds())
    ok = apart <= clocks.TOLERANCE_SECONDS
    message = f"This machine and the database are {apart:.2f} s apart."
    return Finding("clock", ok=ok, message=message, fix="" if ok else "Synchronise both clocks with NTP.")
