"""The artifacts of one packet: those that a sanitiser has cleared, and the markers of those that stay inside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from handrail.definitions.language.conditions import ConditionError
from handrail.definitions.profile.compiled import AnnexType, CompiledHoldRule, CompiledProfile
from handrail.kernel.canonical import digest_bytes
from handrail.packets.assembly.artifacts import Artifact
from handrail.packets.assembly.cleaning import InsideTexts
from handrail.packets.assembly.register import HoldRegister, withholds
from handrail.packets.assembly.results import ID_LIMIT, Annex, EarlierName, Hold, WithheldAnnex
from handrail.packets.sanitise.facts import describe

UNSORTED, BY_PEOPLE = "unsorted", "pictures/v1"
# These rebuild from lists of known words, so that nothing is in them that anybody wrote.
_OF_KNOWN_WORDS = frozenset({"har/v1", "otlp/v1"})


@dataclass(slots=True)
class Annexed:
    """One artifact on its way: ``why``: codes and sentences for why nothing has cleared it, empty if it is clear."""

    artifact: Artifact
    name: str
    type: AnnexType | None
    why: tuple[str, ...]
    holds: list[Hold] = field(default_factory=list)

    @property
    def held(self) -> list[str]:
        return sorted({hold.code for hold in self.holds if withholds(hold)})

    @property
    def type_name(self) -> str:
        return self.type.name if self.type else UNSORTED


def annex_all(
    profile: CompiledProfile,
    artifacts: Sequence[Artifact],
    register: HoldRegister,
    scope: Mapping[str, Any],
    earlier: Iterable[EarlierName] = (),
) -> list[Annexed]:
    """Every artifact, named by its type and number, with what holds it. Names of ``earlier`` revisions stay."""
    sorts = {sort.name: sort for sort in profile.annexes.types} if profile.annexes else {}
    types = [sorts[artifact.type].name if artifact.type in sorts else UNSORTED for artifact in artifacts]
    numbers = _numbers(list(zip(artifacts, types, strict=True)), earlier)
    annexed = []
    for artifact, name, number in zip(artifacts, types, numbers, strict=True):
        sort = sorts.get(name)
        place = sum(other <= number for other, kind in zip(numbers, types, strict=True) if kind == name)
        one = Annexed(artifact, f"{name}-{number}", sort, _why_unsanitised(artifact, sort, place))
        if one.why:
            facts: list[JsonValue] = [artifact.marker_digest, one.type_name, *one.why]
            one.holds.append(register.add("unsanitised-artifact", one.name, facts))
        one.holds += _own_holds(profile, one, register, scope)
        annexed.append(one)
    return annexed


def hold_quotations(annexed: Sequence[Annexed], register: HoldRegister, inside: InsideTexts) -> None:
    """Holds cleared artifacts that keep words of their own and quote what must stay inside."""
    for one in annexed:
        result = one.artifact.sanitised
        if one.held or result is None or result.data is None or result.sanitiser in _OF_KNOWN_WORDS:
            continue
        try:
            text = result.data.decode("utf-8")
        except UnicodeDecodeError:
            continue  # a picture
        if inside.is_quoted_in(text):
            one.holds.append(register.add("internal-note", one.name, [one.artifact.marker_digest], scope="annex"))


def _numbers(artifacts: Sequence[tuple[Artifact, str]], earlier: Iterable[EarlierName]) -> list[int]:
    """The number of each artifact among those of its type: the one that it had, else one that nothing has had."""
    had: defaultdict[tuple[str, str], dict[int, None]] = defaultdict(dict)
    highest: Counter[str] = Counter()
    for name in earlier:
        number = int(name.name.rpartition("-")[2])
        had[name.artifact, name.type][number] = None
        highest[name.type] = max(highest[name.type], number)
    numbers = []
    for artifact, kind in artifacts:
        own = had[artifact.id[:ID_LIMIT], kind]
        if own:
            numbers.append(next(iter(own)))
            del own[numbers[-1]]
        else:
            highest[kind] += 1
            numbers.append(highest[kind])
    return numbers


def _why_unsanitised(artifact: Artifact, sort: AnnexType | None, place: int) -> tuple[str, ...]:
    """The whole lineage from the listed bytes to the cleared ones, or what is missing in it.

    These sentences are part of the hold's digest: a clearance no longer applies where one is reworded.
    """
    if artifact.problem:
        return (artifact.problem,)
    if sort is None:
        return ("no sort of the profile takes it",)
    if sort.sanitiser is None:
        return ("the profile never lets this sort leave",)
    if place > sort.at_most:
        return (f"the profile takes at most {sort.at_most} of this sort",)
    result = artifact.sanitised
    if result is None or result.sanitiser != sort.sanitiser or result.original_digest != artifact.original_digest:
        return ("it has no sanitisation lineage",)
    if not result.cleared or result.data is None:
        return tuple(reason.message for reason in result.reasons) or ("its sanitiser did not clear it",)
    if digest_bytes(result.data) != result.cleared_digest:
        return ("its cleared bytes are not those that were digested",)
    return ()


def _own_holds(profile: CompiledProfile, one: Annexed, register: HoldRegister, scope: Mapping[str, Any]) -> list[Hold]:
    rules = [rule for rule in profile.holds.values() if rule.condition is not None and rule.scope == "annex"]
    own = {**one.artifact.values, "sort": one.type_name, "cleared": not one.why, "size": one.artifact.size}
    # A profile older than annex.type may extract a value of that name. Its conditions mean that one, there or not.
    if profile.annexes is not None and "type" not in profile.annexes.values:
        own["type"] = one.type_name
    names = {**scope, "annex": own}
    return [
        register.add(rule.code, one.name, [one.artifact.marker_digest, why])
        for rule in rules
        if (why := decided(rule, names)) is not None
    ]


def decided(rule: CompiledHoldRule, scope: Mapping[str, Any]) -> str | None:
    """Why the rule's hold is raised, None when it is not. What can't be decided is held."""
    assert rule.condition is not None
    try:
        return "it is so" if rule.condition.holds(scope) else None
    except ConditionError as error:
        return error.message


def cleared(one: Annexed, *, described: bool) -> Annex:
    result = one.artifact.sanitised
    assert result is not None and result.data is not None and result.cleared_digest is not None  # noqa: PT018
    return Annex(
        name=one.name,
        type=one.type_name,
        path=f"annexes/{one.name}{result.extension}",
        media_type=result.media_type,
        size=len(result.data),
        cleared_digest=result.cleared_digest,
        sanitiser=result.sanitiser,
        rule_version=result.rule_version,
        report=result.report
        if result.sanitiser != BY_PEOPLE
        else {**result.report, "original": one.artifact.marker_digest},
        data=result.data,
        artifact=one.artifact.id,
        original_digest=result.original_digest,
        facts=describe(result.sanitiser, result.data) if described else None,
    )


def marker(one: Annexed) -> WithheldAnnex:
    held = one.held
    reason = "unsanitised-artifact" if "unsanitised-artifact" in held else held[0]
    return WithheldAnnex(
        one.name,
        one.type_name,
        reason,
        one.artifact.marker_digest,
        one.artifact.id,
        one.artifact.original_digest,
        one.why,
    )
