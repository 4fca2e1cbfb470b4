"""The register of holds: what was found becomes a hold by the profile's rules, with the clearance that it has."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from handrail.definitions.profile.compiled import CompiledHoldRule, CompiledProfile
from handrail.kernel.canonical import canonical_bytes
from handrail.packets.assembly.results import Hold, HoldClearance, Scope

# What a clearance of one of these means: that the value may be missing. It never makes a withheld value leave.
STAYS_INSIDE = frozenset(
    {"missing-lineage", "missing-row", "unfit-value", "audience-mismatch", "internal-note", "unsanitised-artifact"}
)
# Somebody must look at these even where the field itself decides nothing.
_ALWAYS_BLOCKING = frozenset({"internal-note", "secret-in-text"})

# These leave in holds.json: the same packet must have the same bytes after an upgrade, so they stay as they are.
MESSAGES: Mapping[str, str] = {
    "unsanitised-artifact": "No sanitiser has cleared this artifact; it stays inside.",
    "missing-lineage": "No authoritative source gives this value.",
    "missing-row": "The reference table has no row for this value.",
    "source-conflict": "Two authoritative sources disagree on this value.",
    "unfit-value": "The value is not what the packet's schema allows.",
    "not-in-inventory": "The authoritative inventory does not list this value.",
    "internal-note": "An internal-only note would be exposed beyond its audience.",
    "audience-mismatch": "This is above what the audience may see, or nothing says that the audience may see it.",
    "lane-mismatch": "The authoritative record does not name this lane.",
    "stale-source": "The source is older than allowed, changed while it was read, or can't prove its version.",
    "entitlement-drift": "The entitlement scope changed since the assembly began.",
    "definition-changed": "The profile, its schema or a reference table changed during the review.",
}
# Of what is found in texts; where it was found, and of which kind, comes behind.
TEXT_MESSAGES: Mapping[str, str] = {
    "secret-in-text": "Something that looks like a secret stands in a text that would leave.",
    "personal-data-in-text": "Personal data stand in a text that would leave.",
    "internal-host-in-text": "The name or address of an internal host stands in a text that would leave.",
    "forbidden-claim": "A text that would leave says something that the profile forbids.",
}


class HoldRegister:
    """Holds by code and target; the same one found twice is one."""

    def __init__(self, profile: CompiledProfile, salt: bytes, clearances: Iterable[HoldClearance]) -> None:
        self._profile = profile
        self._salt = salt
        self._clearances = {(one.code, one.target, one.digest): one for one in clearances if not one.masks}
        self._holds: dict[tuple[str, str], Hold] = {}

    @property
    def holds(self) -> tuple[Hold, ...]:
        return tuple(hold for _, hold in sorted(self._holds.items()))

    def sign(self, *parts: JsonValue) -> str:
        """``sha256:`` and an HMAC of ``parts`` under the packet's salt."""
        return signed(self._salt, *parts)

    def add(
        self,
        code: str,
        target: str,
        facts: JsonValue,
        *,
        scope: Scope | None = None,
        consequential: bool = False,
        where: str = "",
    ) -> Hold:
        """The hold for what was found. ``facts`` make it this one: with other facts, a clearance does not apply.

        ``where``: what its text says of the places; it quotes nothing.
        """
        rule = self._profile.rule(code)
        scope = scope or rule.scope
        digest = self.sign(code, target, facts)
        clearance = self._clearances.get((code, target, digest)) if rule.clears else None
        if clearance is not None and clearance.role not in rule.clears:
            clearance = None
        masks = () if scope == "revision" else rule.masks  # only what a field shows can be masked
        blocking = scope == "revision" or (scope == "field" and consequential)
        default = code in _ALWAYS_BLOCKING or (rule.condition is not None and scope == "field")
        hold = Hold(
            code=code,
            scope=scope,
            target=target,
            owner=rule.owner,
            clears=rule.clears,
            blocking=blocking or (default if rule.blocking is None else rule.blocking),
            message=said_of(rule) + where,
            released_by=rule.released_by or _released_by(rule.clears, masks),
            digest=digest,
            cleared=clearance,
            internal={"facts": facts},
            masks=masks,
        )
        self._holds[code, target] = hold
        return hold


def signed(salt: bytes, *parts: JsonValue) -> str:
    """``sha256:`` and an HMAC of ``parts`` under ``salt``."""
    return "sha256:" + hmac.new(salt, canonical_bytes(list(parts)), hashlib.sha256).hexdigest()


def withholds(hold: Hold) -> bool:
    """Whether what it covers stays inside."""
    return hold.cleared is None or hold.code in STAYS_INSIDE


def said_of(rule: CompiledHoldRule) -> str:
    """What the hold says of itself, without places."""
    return rule.message or MESSAGES.get(rule.code) or TEXT_MESSAGES.get(rule.code) or "A rule of the profile holds it."


def _released_by(clears: tuple[str, ...], masks: tuple[str, ...] = ()) -> str:
    if masks:
        cleared = f", or cleared by {' or '.join(clears)}" if clears else ""
        return f"Masked by {' or '.join(masks)}{cleared}, with a reason; that makes a new revision."
    if not clears:
        return "Only a new revision in which the reason is gone."
    return f"Cleared, with a reason, by {' or '.join(clears)}; that makes a new revision."
