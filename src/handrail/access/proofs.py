"""How lately, and by what, the person of a session has shown who they are. ``decisions`` asks it for sensitive acts.

A session keeps when each method last succeeded. Which methods count depends on the person: their passkey where they
have one, else their authenticator app and its recovery codes, else their password or the identity provider. A weaker
method never stands in for a stronger one that the person has, so a stolen session is not enough for who has a passkey.

A token is a proof of its own kind: it has its scope and its expiry, and nobody is there to be asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from handrail.kernel.clock import now
from handrail.kernel.configured import Configured
from handrail.kernel.errors import ProofNeeded

if TYPE_CHECKING:
    from handrail.access.actor import Actor

SESSION_KEY = "proofs"


class ProofMethod(StrEnum):
    PASSWORD = "password"  # noqa: S105 - a word, not a secret
    SINGLE_SIGN_ON = "sso"
    TOTP = "totp"
    RECOVERY_CODE = "recovery-code"
    PASSKEY = "passkey"


SECOND_FACTORS = frozenset({ProofMethod.PASSKEY, ProofMethod.TOTP, ProofMethod.RECOVERY_CODE})
FIRST_FACTORS = frozenset({ProofMethod.PASSWORD, ProofMethod.SINGLE_SIGN_ON})
_APP = frozenset({ProofMethod.TOTP, ProofMethod.RECOVERY_CODE})


@dataclass(frozen=True, slots=True)
class ProofSettings:
    """``minutes``: how old a proof may be for a sensitive act."""

    minutes: int = 15


settings: Configured[ProofSettings] = Configured(ProofSettings())


@dataclass(frozen=True, slots=True)
class Given:
    """A proof that was given."""

    method: ProofMethod
    at: datetime


@dataclass(frozen=True, slots=True)
class Proven:
    """``accepted``: the methods that count for this person, none where they must enrol a second factor first.
    ``at``: when each method last succeeded in the session. ``required``: the workspace needs a second factor."""

    accepted: frozenset[ProofMethod]
    at: Mapping[ProofMethod, datetime]
    required: bool = False

    def last(self, among: Collection[ProofMethod] | None = None) -> Given | None:
        """The latest proof by an accepted method, or by one of ``among``."""
        wanted = self.accepted if among is None else among
        given = [Given(method, at) for method, at in self.at.items() if method in wanted]
        return max(given, key=lambda one: one.at, default=None)


def accepted(*, passkey: bool, app: bool, required: bool) -> frozenset[ProofMethod]:
    """The methods that count for somebody with or without ``passkey`` and authenticator ``app``. ``required``: their
    workspace needs a second factor, so that nothing counts while they have none."""
    if passkey:
        return frozenset({ProofMethod.PASSKEY})
    if app:
        return _APP
    return frozenset() if required else FIRST_FACTORS


def just_now(method: ProofMethod = ProofMethod.PASSWORD) -> Proven:
    """For code that has seen the person prove it by ``method``."""
    return Proven(frozenset({method}), {method: now()})


def last(actor: Actor) -> Given | None:
    """The latest proof of the actor's session that counts for them; None for who has none, such as a token."""
    return None if actor.proven is None else actor.proven.last()


def require_recent(actor: Actor, among: Collection[ProofMethod] | None = None) -> None:
    """Raises ProofNeeded when ``actor`` acts by a session whose last accepted proof, or whose last by one of ``among``,
    is older than the configured minutes. Tokens, names and processes pass: ``decisions`` has its rules for them."""
    if actor.kind != "person" or actor.proof != "session":
        return
    wanted = frozenset(among) if among is not None else actor.proven.accepted if actor.proven else frozenset()
    given = actor.proven.last(wanted) if actor.proven else None
    minutes = settings.get().minutes
    if given is None or not timedelta() <= now() - given.at + _SKEW <= timedelta(minutes=minutes) + _SKEW:
        raise ProofNeeded(methods=tuple(sorted(wanted)), minutes=minutes)


# Web processes follow one clock, each with its own error: a proof of just now is not one of the future.
_SKEW = timedelta(seconds=30)


def require_factor(actor: Actor) -> None:
    """Raises ProofNeeded for a session that the actor's workspace does nothing for: its person has no second factor, or
    has not shown it since they logged in."""
    proven = actor.proven
    if proven is not None and proven.required and (not proven.accepted or proven.last(SECOND_FACTORS) is None):
        raise ProofNeeded(methods=tuple(sorted(proven.accepted)), minutes=settings.get().minutes)


def note(session: MutableMapping[str, Any], method: ProofMethod, *, alone: bool = False) -> None:
    """Writes down in ``session`` that its person has just proven who they are. ``alone``: nothing before counts, as at
    a log-in."""
    kept = {} if alone else dict(session.get(SESSION_KEY, {}))
    session[SESSION_KEY] = {**kept, method.value: int(now().timestamp())}


def of_session(session: Mapping[str, Any]) -> dict[ProofMethod, datetime]:
    """When each method last succeeded in ``session``."""
    kept = session.get(SESSION_KEY, {})
    return {ProofMethod(name): datetime.fromtimestamp(at, UTC) for name, at in kept.items() if name in set(ProofMethod)}
