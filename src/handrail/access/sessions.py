"""Log-in sessions: listed and ended by the person whose they are, and by an administrator of theirs."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from handrail.access import grants, guards, queries
from handrail.access.actor import Actor, ActorKind
from handrail.access.capabilities import Capability
from handrail.access.models import LoginSession, Membership, User
from handrail.access.queries import MemberSummary
from handrail.access.session_store import LOGIN
from handrail.audit.actions import record
from handrail.audit.events import EventName
from handrail.kernel.clock import now
from handrail.kernel.errors import NotFound
from handrail.kernel.ids import Prefix, new_ref

# Of the header, no more is looked at.
AGENT_LIMIT = 512
# The first that is found names the browser, or the system: others give their predecessors' names as well.
BROWSERS = (
    ("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
SHOWN = 200


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """``device`` is coarse: browser and system. ``current``: the one that asks. ``address`` None: not for the one who
    asks, and ``seen_at`` neither."""

    ref: str
    device: str
    address: str | None
    method: str
    begun_at: datetime | None
    seen_at: datetime | None
    current: bool


def device(agent: str) -> str:
    """The browser and system that a User-Agent header names, from fixed lists: nothing of the header itself."""
    text = agent[:AGENT_LIMIT]
    browser = next((name for mark, name in BROWSERS if mark in text), "")
    system = next((name for mark, name in SYSTEMS if mark in text), "")
    return " on ".join(part for part in (browser, system) if part) or "Unknown device"


def begin(session: MutableMapping[str, Any], *, method: str, address: str, agent: str) -> str:
    """Writes down, in a session that has just begun, how it did. Returns its reference."""
    ref = new_ref(Prefix.SESSION)
    at = int(now().timestamp())
    session[LOGIN] = {"ref": ref, "method": method, "address": address, "agent": device(agent), "at": at}
    return ref


def begun_at(session: Mapping[str, Any], *, default: int) -> int:
    """When the log-in of ``session`` was, in seconds since the epoch."""
    return int(session.get(LOGIN, {}).get("at", default))


def list_own(user: User, *, current: str | None = None) -> list[SessionSummary]:
    """The sessions of ``user`` that have not expired, the latest first. ``current``: the key of the one that asks."""
    rows = LoginSession.objects.filter(user=user, expire_date__gt=now()).order_by("-seen_at", "-begun_at", "pk")
    return [
        SessionSummary(s.ref, s.agent, s.address, s.method, s.begun_at, s.seen_at, s.session_key == current)
        for s in rows[:SHOWN]
    ]


def get_member(actor: Actor, number: int) -> MemberSummary:
    """The member that addresses of pages call ``number``, if ``actor`` administers them. Raises Denied, NotFound."""
    return queries.get_member(actor, _administered(actor, recent=False, pk=number).email)


def list_of_member(actor: Actor, email: str) -> list[SessionSummary]:
    """The sessions of a member that ``actor`` administers. Raises Denied, NotFound.

    A session is its person's and opens every workspace of theirs: an administrator of one may end any. From where
    somebody works, and when, is for that person alone once they belong to another workspace too: it may be its work.
    """
    user = _administered(actor, recent=False, user__email__iexact=email)
    rows = list_own(user)
    own = actor.kind is not ActorKind.PERSON or user.pk == actor.user_id
    if own or not queries.belongs_elsewhere(user, actor.workspace_id):
        return rows
    return [replace(row, address=None, seen_at=None) for row in rows]


@transaction.atomic
def end_own(user: User, *, by: Actor, ref: str = "", keep: str | None = None) -> int:
    """Ends the session ``ref`` of ``user``, or all but the one with the key ``keep``. Returns how many ended.

    Raises NotFound when there is no session ``ref`` of theirs.
    """
    return _end(user, by=by, ref=ref, keep=keep)


@transaction.atomic
def end_of_member(email: str, *, by: Actor, ref: str = "") -> int:
    """Ends one session of a member that ``by`` administers, or all. Raises Denied, NotFound."""
    return _end(_administered(by, user__email__iexact=email), by=by, ref=ref)


def end_all_but(user: User, *, keep: str | None = None) -> int:
    """Ends every session of ``user`` but the one with the key ``keep``. The event of what calls it says so."""
    ended, _ = LoginSession.objects.filter(user=user).exclude(session_key=keep or "").delete()
    return ended


def administered(actor: Actor) -> set[int]:
    """The memberships whose sessions ``actor`` may see and end: their own, and those within what they could grant."""
    return _reached(actor, list(guards.members_of(actor))) if actor.may(Capability.MEMBER_MANAGE) else set()


def _reached(actor: Actor, members: list[Membership]) -> set[int]:
    return grants.reached(actor, members) | {one.pk for one in members if one.user_id == actor.user_id}


def _end(user: User, *, by: Actor, ref: str = "", keep: str | None = None) -> int:
    rows = LoginSession.objects.filter(user=user)
    if ref:
        rows = rows.filter(ref=ref)
        if not rows.exists():
            raise NotFound(f"{user.email} has no such session.")
    if keep is not None:
        rows = rows.exclude(session_key=keep)
    ended, _ = rows.delete()
    record(
        EventName.SESSION_ENDED, by=by, subject_kind="member", subject=user.email, session=ref or None, sessions=ended
    )
    return ended


def _administered(by: Actor, *, recent: bool = True, **which: Any) -> User:
    """The one member that ``which`` looks up. Who is out of reach answers as who is not there."""
    by.require(Capability.MEMBER_MANAGE, recent=recent)
    members = list(guards.members_of(by).filter(**which)[:1])
    if not members or not _reached(by, members):
        raise NotFound("There is no such member of this workspace, or their sessions are not yours to administer.")
    return members[0].user
