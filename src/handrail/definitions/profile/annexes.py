"""The annexes of a profile: which list names the artifacts, how their bytes come, what clears each type."""

from __future__ import annotations

from collections.abc import Mapping

from handrail.definitions.language.names import Variables, nearest, prefixed
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile.compiled import AnnexType, CompiledAnnexes, CompiledSource
from handrail.definitions.profile.format import AnnexesSpec as WrittenAnnexes
from handrail.definitions.profile.format import AnnexTypeSpec, ProfileSpec
from handrail.definitions.profile.names import OLD_TYPE, TYPE, compile_values, types_of
from handrail.definitions.requests.checking import Context
from handrail.definitions.requests.extraction import Extraction
from handrail.definitions.source.faults import Path

# What ``packets.sanitise`` offers; a test holds the two together.
SANITISERS = ("har/v1", "otlp/v1", "log/v1", "threads/v1", "pictures/v1")
NEVER, BY_PEOPLE = "never", "pictures/v1"
# What assembly adds to an artifact's own values.
_ADDED: Variables = {"annex.cleared": ValueType("boolean"), "annex.size": ValueType("integer")}


# What the conditions of types may use beside these values: of a member of an archive, or of content that was looked at.
OF_MEMBERS: Variables = {"annex.extension": ValueType("string"), "annex.content": ValueType("string")}


def added(values: Mapping[str, Extraction]) -> dict[str, ValueType]:
    """What conditions may use beside the ``values`` of an artifact; ``annex.sort`` where these have a type already."""
    name = OLD_TYPE if TYPE.partition(".")[2] in values else TYPE
    return {name: ValueType("string"), **_ADDED}


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
    values = compile_values(spec.extract, (*path, "extract"), context)
    own = prefixed("annex", types_of(values))
    # A text with the key sorts is older than annex.type, so a value of the artifact's own may be called that.
    reserved = {*_ADDED, OLD_TYPE} | (set() if (*path, "types") in context.document.old_keys else {TYPE})
    for name in own:
        if name in reserved:
            context.add_key((*path, "extract", name.split(".")[1]), f"{name} is set by Handrail; choose another name")
    _named(spec.id, (*path, "id"), own, context, required=True)
    _named(spec.digest, (*path, "digest"), own, context, required=True)
    _named(spec.media_type, (*path, "media_type"), own, context, required=False)
    source = sources.get(spec.each.split(".")[0])
    inherited = source.classification if source else ""
    usable = {**known, **OF_MEMBERS, **own}
    types = tuple(
        _type(name, one, (*path, "types", name), usable, context, inherited=inherited, profile=profile)
        for name, one in spec.types.items()
    )
    _reachable(spec, path, context)
    if listed is None:
        return None
    media_type = _last(spec.media_type) if spec.media_type else None
    return CompiledAnnexes(
        spec.each, values, _last(spec.id), _last(spec.digest), media_type, spec.store, types, spec.describe
    )


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _named(name: str | None, path: Path, own: Variables, context: Context, *, required: bool) -> None:
    if name is None:
        return
    kind = own.get(name)
    if kind is None:
        context.add(path, f"{name} is not among the values extracted for each artifact; {nearest(name, own)}")
    elif kind.base != "string" or kind.many or (required and kind.optional):
        context.add(path, f"{name} must be a {'required ' if required else ''}text")


def _type(
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
        context.add((*path, "clear"), f"there is no sanitiser {spec.clear}; expected {', '.join(SANITISERS)} or never")
    if spec.archive is not None and spec.clear != NEVER:
        context.add((*path, "archive"), "an archive itself never leaves: write clear: never")
    if spec.clear == BY_PEOPLE and spec.redact is None:
        context.add((*path, "clear"), "pictures are cleared by people: redact must name their roles (by, attest)")
    if spec.clear != BY_PEOPLE and spec.redact is not None:
        context.add((*path, "redact"), f"only {BY_PEOPLE} is cleared by people")
    where = context.condition(spec.where, (*path, "where"), known) if spec.where else None
    classification = spec.class_ or inherited
    if spec.clear != NEVER and classification in profile.audience.never:
        context.add((*path, "clear"), f"it is of class {classification}, which this audience never sees")
    elif spec.clear != NEVER and classification not in profile.audience.shows:
        context.add(
            (*path, "clear"), f"it is of class {classification}, which is not among {', '.join(profile.audience.shows)}"
        )
    return AnnexType(name, where, None if spec.clear == NEVER else spec.clear, classification, spec.at_most, spec)


def _reachable(spec: WrittenAnnexes, path: Path, context: Context) -> None:
    """A type without ``where`` matches everything that is left."""
    taken = ""
    for name, one in spec.types.items():
        if taken:
            context.add_key((*path, "types", name), f"this type is never reached: {taken} matches all that is left")
        if one.where is None:
            taken = taken or name
