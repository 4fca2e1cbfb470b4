"""A packet profile in words: its audience, its signers, what leaves from which source, and its holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from handrail.definitions.profile.compiler import compile_profile
from handrail.definitions.profile.format import (
    CLEARED_BY_NOBODY,
    NOBODY,
    AnnexTypeSpec,
    EachSpec,
    FieldSpec,
    HoldRuleSpec,
    HostsSpec,
    ProfileSpec,
    ShownSpec,
    SignersSpec,
)
from handrail.definitions.profile.sources import AnySource, SamlForm
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.errors import Invalid
from handrail.web.definitions.runbook_summary import field_in_words, read_in_words
from handrail.web.shell import words


@dataclass(frozen=True, slots=True)
class ProfileSourceView:
    name: str
    request: str
    fresh_for: str
    shown_to: str
    internal: str


@dataclass(frozen=True, slots=True)
class ProfileFieldView:
    """``rules``: what beside its type the value must be like."""

    path: str
    origin: str
    consequential: bool
    rules: list[str]


@dataclass(frozen=True, slots=True)
class ProfileHoldView:
    code: str
    when: str
    message: str
    owner: str
    release: str


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """``annexes``: each type with what becomes of it. ``hosts``: which hosts annexes show by name, and which ids."""

    summary: str
    lane: str
    tlp: str
    recipients: list[str]
    shows: list[str]
    never: list[str]
    signers: str
    proofs: list[str]
    expires_after: str
    inputs: list[tuple[str, str]]
    sources: list[ProfileSourceView]
    fields: list[ProfileFieldView]
    annexes: list[tuple[str, str]]
    hosts: list[tuple[str, str]]
    holds: list[ProfileHoldView]
    hold_owner: str
    forbidden: list[tuple[str, str]]
    masks: str


def summarise(text: str) -> ProfileSummary | None:
    """None for a text that this version can't read as a packet profile: then only the text itself is shown."""
    try:
        spec = compile_profile(text, kept=True).spec
    except Invalid:
        return None
    return ProfileSummary(
        summary=spec.summary,
        lane=spec.lane.name + (f", if {spec.lane.confirmed_by} agrees" if spec.lane.confirmed_by else ""),
        tlp=f"TLP:{spec.audience.tlp}",
        recipients=spec.audience.recipients,
        shows=spec.audience.shows,
        never=spec.audience.never,
        signers=_signers(spec.signers),
        proofs=[f"{role}: {_PROOFS[proof]}" for role, proof in spec.signers.proofs.items()],
        expires_after=words.span(spec.expires_after),
        inputs=[(name.rstrip("?"), field_in_words(f, optional=name.endswith("?"))) for name, f in spec.inputs.items()],
        sources=[_source(name, source) for name, source in spec.sources.items()],
        fields=[row for path, field in spec.fields.items() for row in _fields(path, field)],
        annexes=[(name, _annex(of)) for name, of in _types(spec)],
        hosts=_hosts(spec),
        holds=[_hold(code, rule) for code, rule in spec.holds.items()],
        hold_owner=spec.hold_owner,
        forbidden=[
            (name, ", ".join(phrases)) for name, phrases in (spec.texts.forbidden if spec.texts else {}).items()
        ],
        masks=_masks(spec),
    )


_PROOFS = {
    ApprovalProof.CLICK: "by a click, logged in",
    ApprovalProof.SECOND_FACTOR: "by a click, logged in with a second factor",
    ApprovalProof.PASSKEY: "with their passkey, which signs the approval itself",
}


def _signers(signers: SignersSpec) -> str:
    people = "1 person signs" if signers.threshold == 1 else f"{signers.threshold} different people sign"
    shares = ", ".join(f"{count or 'any number'} of {role}" for role, count in signers.from_.items())
    excluded = {"assembler": "the person who assembled it", "hold-editor": "anyone who cleared one of its holds"}
    return f"{people}: at least {shares}; never {' or '.join(excluded[who] for who in signers.never)}."


def _source(name: str, source: AnySource) -> ProfileSourceView:
    request = _entity(source) if isinstance(source, SamlForm) else read_in_words(source)
    return ProfileSourceView(name, request, words.span(source.fresh_for), source.class_, ", ".join(source.internal))


def _entity(source: SamlForm) -> str:
    saml = source.saml
    if saml.every:
        which = f"every entity at {saml.path}" if saml.path else "every entity"
    else:
        which = f"entity {saml.entity}" if saml.entity else f"the entity at {saml.path}"
    return f"{which} in {source.connector}"


def _fields(path: str, field: FieldSpec, *, below: str = "") -> Iterator[ProfileFieldView]:
    name = f"{below}{path.rstrip('!?')}"
    if isinstance(field, EachSpec):
        kept = [f"only where {field.where}"] if field.where else []
        apart = ["each entry has holds of its own"] if field.apart else []
        rules = [*kept, *_matches(field), *apart, f"at most {field.at_most}"]
        yield ProfileFieldView(name, f"each of {field.each}", "!" in path, rules)
        for inner, shown in field.show.items():
            yield from _fields(inner, shown, below=f"{name}[].")
        return
    rules = [*_rules(field), *(["optional"] if path.endswith("?") else [])]
    yield ProfileFieldView(name, field.from_, "!" in path, rules)


def _matches(field: EachSpec) -> Iterator[str]:
    for name, match in field.match.items():
        by = " and ".join(f"{key} is {other}" for key, other in match.by.items())
        yield f"{name}: the one of {match.among} whose {by}, else {match.unmatched}"


def _rules(field: ShownSpec) -> Iterator[str]:
    if field.carries:
        yield f"carries {', '.join(field.carries)}"
    if field.via:
        yield f"by the table {field.via}"
    if field.agrees:
        yield f"must agree with {', '.join(field.agrees)}"
    if field.among:
        yield f"must be among {field.among}"
    for keyword, value in field.rules().items():
        yield f"{keyword} {words.value_text(value)}"


def _types(spec: ProfileSpec) -> list[tuple[str, AnnexTypeSpec]]:
    return list(spec.annexes.types.items()) if spec.annexes else []


def _annex(of: AnnexTypeSpec) -> str:
    which = f"where {of.where}: " if of.where else "everything else: "
    return which + ("never leaves" if of.clear == "never" else f"only as cleared by {of.clear}, {of.at_most} at most")


def _hosts(spec: ProfileSpec) -> list[tuple[str, str]]:
    hosts = spec.hosts or HostsSpec()
    providers = [*hosts.identity_providers, *(f"those of {name}" for name in hosts.identity_providers_from)]
    rows = [
        ("The vendor's hosts", ", ".join(hosts.vendor)),
        ("Identity providers", ", ".join(providers)),
        ("Ids of requests to the vendor, beside the known ones", ", ".join(spec.request_ids)),
        ("Ids of keys", ", ".join(f"those of {name}" for name in spec.key_ids_from)),
    ]
    return [(name, shown) for name, shown in rows if shown]


def _clears(code: str, rule: HoldRuleSpec) -> list[str]:
    if rule.clears is None:
        return [] if code in CLEARED_BY_NOBODY else [rule.owner]
    return [] if rule.clears == [NOBODY] else rule.clears


def _masks(spec: ProfileSpec) -> str:
    roles = [role for role in (spec.texts.masks if spec.texts else []) if role != NOBODY]
    return f"masked by {' or '.join(roles)}" if roles else "masked by nobody"


def _hold(code: str, rule: HoldRuleSpec) -> ProfileHoldView:
    clears = _clears(code, rule)
    release = f"cleared by {' or '.join(clears)}" if clears else "never cleared: only a new revision ends it"
    if rule.masks:
        release = f"masked by {' or '.join(rule.masks)}, {release}"
    return ProfileHoldView(code, rule.when or "built in", rule.message or "", rule.owner, rule.released_by or release)
