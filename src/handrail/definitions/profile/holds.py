"""The hold rules of a profile: those that are built in, and conditions of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from handrail.access.capabilities import Capability, withholds
from handrail.definitions.language.conditions import Condition
from handrail.definitions.language.names import Variables, nearest, prefixed
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile.annexes import added
from handrail.definitions.profile.compiled import CompiledAnnexes, CompiledHoldRule, HoldScope
from handrail.definitions.profile.format import CLEARED_BY_NOBODY, NOBODY, ProfileSpec
from handrail.definitions.profile.format import HoldRuleSpec as WrittenRule
from handrail.definitions.profile.names import types_of
from handrail.definitions.requests.checking import Context
from handrail.definitions.source.faults import Path

# The holds that assembly itself raises, and what each applies to.
BUILT_IN: Mapping[str, HoldScope] = {
    "unsanitised-artifact": "annex",
    "missing-lineage": "field",
    "missing-row": "field",
    "source-conflict": "field",
    "unfit-value": "field",
    "not-in-inventory": "field",
    "internal-note": "field",
    "audience-mismatch": "field",
    "lane-mismatch": "revision",
    "stale-source": "revision",
    "entitlement-drift": "revision",
    "definition-changed": "revision",
    "secret-in-text": "field",
    "personal-data-in-text": "field",
    "internal-host-in-text": "field",
    "forbidden-claim": "field",
}
# What is found in a text can be masked there.
IN_TEXTS = ("secret-in-text", "personal-data-in-text", "internal-host-in-text", "forbidden-claim")
COUNTS: Variables = {"annexes.cleared": ValueType("integer"), "annexes.held": ValueType("integer")}
_SCOPES: tuple[Literal["revision", "field", "annex"], ...] = ("revision", "field", "annex")


def compile_holds(
    profile: ProfileSpec, known: Variables, annexes: CompiledAnnexes | None, fields: Sequence[str], context: Context
) -> dict[str, CompiledHoldRule]:
    """By code: the rules that the profile has, and one for every built-in hold that it does not mention."""
    rules: dict[str, CompiledHoldRule] = {}
    for code, spec in profile.holds.items():
        path: Path = ("holds", code)
        rule = _built_in(code, spec, path, context) if spec.when is None else None
        rules[code] = rule or _own(code, spec, path, context, known=known, annexes=annexes, fields=fields)
    general = _masks(profile, context)
    for code, rule in rules.items():
        if code in IN_TEXTS and profile.holds[code].masks is None:
            rules[code] = replace(rule, masks=general)
    for code, scope in BUILT_IN.items():
        masks = general if code in IN_TEXTS else ()
        rules.setdefault(
            code, CompiledHoldRule(code, None, scope, (), profile.hold_owner, (), None, "", "", masks=masks)
        )
    return rules


def _masks(profile: ProfileSpec, context: Context) -> tuple[str, ...]:
    """Who may mask what is found in texts, where the rule itself does not say."""
    return _who(profile.texts.masks, ("texts", "masks"), "mask findings", context) if profile.texts else ()


def _built_in(code: str, spec: WrittenRule, path: Path, context: Context) -> CompiledHoldRule | None:
    scope = BUILT_IN.get(code)
    if scope is None:
        hint = nearest(code, BUILT_IN)
        context.add_key(path, f"{code} is not a built-in hold, so it needs when; {hint}")
        return CompiledHoldRule(code, None, "revision", (), spec.owner, (), None, "", "")
    for key in ("scope", "on"):
        if getattr(spec, key):
            context.add_key(
                (*path, key), f"{code} is built in and applies to each {scope} that it finds; leave {key} out"
            )
    _blocking(scope, spec, path, context)
    return _rule(code, spec, path, context, scope=scope, condition=None)


def _own(
    code: str,
    spec: WrittenRule,
    path: Path,
    context: Context,
    *,
    known: Variables,
    annexes: CompiledAnnexes | None,
    fields: Sequence[str],
) -> CompiledHoldRule:
    if code in BUILT_IN:
        context.add(
            (*path, "when"), f"{code} is built in and finds its own reasons; leave when out or choose another code"
        )
    scope: HoldScope = spec.scope or "revision"
    _targets(spec, scope, path, fields, context)
    _blocking(scope, spec, path, context)
    names = {**known, **COUNTS}
    if scope == "annex":
        if annexes is None:
            context.add((*path, "scope"), "this profile has no annexes")
        else:
            names = {**known, **added(annexes.values), **prefixed("annex", types_of(annexes.values))}
    condition = context.condition(spec.when, (*path, "when"), names) if spec.when else None
    return _rule(code, spec, path, context, scope=scope, condition=condition)


def _targets(spec: WrittenRule, scope: HoldScope, path: Path, fields: Sequence[str], context: Context) -> None:
    if scope != "field":
        if spec.on:
            context.add_key((*path, "on"), "on names the fields of a hold with scope: field")
        return
    if not spec.on:
        context.add_key(path, "a hold with scope: field needs on, the fields that it holds, such as on: [impact.start]")
    for index, name in enumerate(spec.on):
        if name not in fields:
            context.add((*path, "on", index), f"{name} is not a field of this packet; {nearest(name, fields)}")


def _blocking(scope: HoldScope, spec: WrittenRule, path: Path, context: Context) -> None:
    if scope == "revision" and spec.blocking is False:
        context.add((*path, "blocking"), "a hold on the whole revision always blocks")


def _rule(
    code: str, spec: WrittenRule, path: Path, context: Context, *, scope: HoldScope, condition: Condition | None
) -> CompiledHoldRule:
    default = [NOBODY] if code in CLEARED_BY_NOBODY else [spec.owner]
    clears = default if spec.clears is None else spec.clears
    who = _who(clears, (*path, "owner" if spec.clears is None else "clears"), "clear holds", context)
    if spec.masks is not None and code not in IN_TEXTS:
        context.add_key((*path, "masks"), f"only what is found in a text can be masked: {', '.join(IN_TEXTS)}")
    masks = _who(spec.masks, (*path, "masks"), "mask findings", context) if spec.masks else ()
    return CompiledHoldRule(
        code,
        condition,
        scope,
        tuple(spec.on),
        spec.owner,
        who,
        spec.blocking,
        spec.message or "",
        spec.released_by or "",
        masks,
    )


def _who(roles: Sequence[str], path: Path, act: str, context: Context) -> tuple[str, ...]:
    """The roles themselves; none for ``nobody``. Masking needs what clearing needs."""
    if NOBODY in roles:
        if len(roles) > 1:
            context.add(path, "nobody stands alone")
        return ()
    for role in roles:
        if withholds(role, Capability.PACKET_CLEAR_HOLD):
            context.add(path, f"the role {role} may not {act}")
    return tuple(roles)
