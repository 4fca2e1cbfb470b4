"""The annexes of a profile: which list names the artifacts, how their bytes come, what clears each sort."""

from __future__ import annotations

from collections.abc import Mapping

from handrail.definitions.language.names import Variables, nearest, prefixed
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile.compiled import AnnexType, CompiledAnnexes, CompiledSource
from handrail.definitions.profile.format import AnnexesSpec as WrittenAnnexes
from handrail.definitions.profile.format import AnnexTypeSpec, ProfileSpec
from handrail.definitions.profile.names import compile_values, types_of
from handrail.definitions.requests.checking import Context
from handrail.definitions.source.faults import Path

# What ``packets.sanitise`` offers; a test holds the two together.
SANITISERS = ("har/v1", "otlp/v1")
NEVER = "never"
# What assembly adds to an artifact's own values.
ADDED: Variables = {
    "annex.sort": ValueType("string"),
    "annex.cleared": ValueType("boolean"),
    "annex.size": ValueType("integer"),
}


def compile_annexes(
    spec: WrittenAnnexes,
    profile: ProfileSpec,
    sources: Mapping[str, CompiledSource],
    known: Variables,
    context: Context,
) -> CompiledAnnexes | None:
    """None after noting that no list of records names the artifacts."""
    path: Path = ("annexes",)
    listed = known.get(spec.each)
    if listed is None:
        context.add((*path, "each"), f"{spec.each} is not declared here; {nearest(spec.each, known)}")
    elif listed.base != "object" or not listed.many:
        context.add((*path, "each"), f"{spec.each} is {listed}; expected [object], a list of records")
    values = compile_values(spec.take, (*path, "take"), context)
    own = prefixed("annex", types_of(values))
    for name in own:
        if name in ADDED:
            context.add_key(
                (*path, "take", name.split(".")[1]), f"{name} is what Handrail itself says; take another name"
            )
    _named(spec.id, (*path, "id"), own, context, required=True)
    _named(spec.digest, (*path, "digest"), own, context, required=True)
    _named(spec.media_type, (*path, "media_type"), own, context, required=False)
    source = sources.get(spec.each.split(".")[0])
    inherited = source.classed if source else ""
    sorts = tuple(
        _sort(name, sort, (*path, "sorts", name), {**known, **own}, context, inherited=inherited, profile=profile)
        for name, sort in spec.sorts.items()
    )
    _reachable(spec, path, context)
    if listed is None:
        return None
    media_type = _last(spec.media_type) if spec.media_type else None
    return CompiledAnnexes(spec.each, values, _last(spec.id), _last(spec.digest), media_type, spec.store, sorts)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _named(name: str | None, path: Path, own: Variables, context: Context, *, required: bool) -> None:
    if name is None:
        return
    kind = own.get(name)
    if kind is None:
        context.add(path, f"{name} is not among what is taken of each artifact; {nearest(name, own)}")
    elif kind.base != "string" or kind.many or (required and kind.optional):
        context.add(path, f"{name} must be a {'required ' if required else ''}text")


def _sort(
    name: str,
    spec: AnnexTypeSpec,
    path: Path,
    known: Variables,
    context: Context,
    *,
    inherited: str,
    profile: ProfileSpec,
) -> AnnexType:
    if spec.clear != NEVER and spec.clear not in SANITISERS:
        context.add((*path, "clear"), f"no sanitiser is called {spec.clear}; expected {', '.join(SANITISERS)} or never")
    where = context.condition(spec.where, (*path, "where"), known) if spec.where else None
    classed = spec.class_ or inherited
    if spec.clear != NEVER and classed in profile.audience.never:
        context.add((*path, "clear"), f"it is of class {classed}, which this audience never sees")
    elif spec.clear != NEVER and classed not in profile.audience.shows:
        context.add(
            (*path, "clear"), f"it is of class {classed}, which is not among {', '.join(profile.audience.shows)}"
        )
    return AnnexType(name, where, None if spec.clear == NEVER else spec.clear, classed, spec.at_most, spec)


def _reachable(spec: WrittenAnnexes, path: Path, context: Context) -> None:
    """A sort without ``where`` takes everything that is left."""
    taken = ""
    for name, sort in spec.sorts.items():
        if taken:
            context.add_key((*path, "sorts", name), f"this sort is never reached: {taken} takes all that is left")
        if sort.where is None:
            taken = taken or name
