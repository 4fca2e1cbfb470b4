"""Extracts the declared values from an answer, each with its type. What is not declared is not kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from handrail.connectors.extract import ExtractFailed, check_path, compile_path, extract
from handrail.definitions.language.names import Variables
from handrail.definitions.language.valuetypes import ValueType, check
from handrail.definitions.requests.forms import Extract
from handrail.kernel.errors import Fault, Invalid


@dataclass(frozen=True, slots=True)
class Extraction:
    """The values to extract, by name: where each is and its type."""

    extracts: Mapping[str, tuple[str, ValueType]]

    @property
    def variables(self) -> Variables:
        return {name: kind for name, (_, kind) in self.extracts.items()}

    def apply(self, subject: str, value: JsonValue) -> dict[str, JsonValue]:
        """Every declared value; optional ones that are absent or null as None.

        Raises Invalid (``answer-unusable``) naming ``subject`` and each value that is missing or wrongly typed. The
        message never quotes the answer.
        """
        faults: list[Fault] = []
        found: dict[str, JsonValue] = {}
        for name, (at, kind) in self.extracts.items():
            try:
                found[name] = check(_extracted(value, at, optional=kind.optional), kind)
            except ValueError as error:
                faults.append(Fault(f"{subject}.{name}", f"{error} (at {at})"))
            except ExtractFailed as error:
                faults.append(Fault(f"{subject}.{name}", error.message))
        if faults:
            raise Invalid(f"The answer is not usable. {faults[0]}", code="answer-unusable", faults=faults)
        return found


def _extracted(value: JsonValue, at: str, *, optional: bool) -> JsonValue:
    try:
        return extract(value, at)
    except ExtractFailed:
        if optional and at.startswith("/"):
            return None
        raise


def compile_extracts(extracts: Mapping[str, Extract]) -> Extraction:
    """Raises ExtractFailed for an ``at`` that is neither a pointer nor JMESPath; ``check_at`` finds it beforehand."""
    compiled: dict[str, tuple[str, ValueType]] = {}
    for written, each in extracts.items():
        name = written.removesuffix("?")
        at = each.at or f"/{name}"
        compile_path(at)
        kind = ValueType(each.type.base, each.type.many, optional=written.endswith("?"))
        compiled[name] = (at, kind)
    return Extraction(compiled)


def check_at(at: str, *, kept: bool) -> str | None:
    """What is wrong with a place in an answer, if anything. An expression in a text that is kept may cost more than one
    that is proposed now: evaluating it is bounded too."""
    try:
        compile_path(at) if kept else check_path(at)
    except ExtractFailed as error:
        return error.message
    return None
