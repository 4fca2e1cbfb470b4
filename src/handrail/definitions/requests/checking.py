"""What the checks share: the document's places, the faults, and the checking of conditions and placeholders."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handrail.definitions.language.conditions import Condition, ConditionProblem, Uncompilable, compile_condition
from handrail.definitions.language.names import Variables, nearest
from handrail.definitions.language.templates import Escaping, Template, parse
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.requests import forms
from handrail.definitions.source.faults import Path, TextFaults, TextMark
from handrail.definitions.source.loader import Document

_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_PATH_LITERAL = re.compile(r"[\x21-\x7e]*")
_REFUSED_IN_PATH = frozenset("?#\\")


@dataclass(frozen=True, slots=True)
class Context:
    document: Document
    faults: TextFaults
    # Earlier names of values, or of the roots of names, with what they are called today.
    old_names: dict[str, str] = field(default_factory=dict)

    def add(self, path: Sequence[str | int], message: str) -> None:
        self.faults.add(self.document.written(tuple(path)), message, self.document.mark(tuple(path)))

    def add_key(self, path: Sequence[str | int], message: str) -> None:
        self.faults.add(self.document.written(tuple(path)), message, self.document.key_mark(tuple(path)))

    def today(self, name: str, path: Path) -> str:
        """What ``name`` is called today; notes where the author used an earlier name."""
        for old, new in self.old_names.items():
            if name == old or name.startswith(f"{old}."):
                current = new + name.removeprefix(old)
                self.document.old_names.append((path, name, current))
                return current
        return name

    # conditions

    def condition(self, source: str, path: Path, known: Variables) -> Condition | None:
        """The condition, or None after noting what is wrong with it and where."""
        try:
            condition = compile_condition(source, {**self._by_old_names(known), **known})
        except Uncompilable as error:
            for problem in error.problems:
                at = self._inside(path, source, problem)
                self.faults.add(self.document.written(path), self._message(problem, known), at)
            return None
        for name in condition.names:
            if name not in known:
                self.today(name, path)
        return condition

    def _by_old_names(self, known: Variables) -> dict[str, ValueType]:
        return {
            old + name.removeprefix(new): kind
            for old, new in self.old_names.items()
            for name, kind in known.items()
            if name == new or name.startswith(f"{new}.")
        }

    def _message(self, problem: ConditionProblem, known: Variables) -> str:
        missing = _UNDECLARED.search(problem.message)
        if missing is None:
            return f"in the condition: {problem.message}"
        if "." in missing[1]:
            return f"in the condition: {missing[1]} is not declared here; {nearest(missing[1], known)}"
        return f"in the condition: there is no name or function {missing[1]}"

    def _inside(self, path: Path, source: str, problem: ConditionProblem) -> TextMark:
        """The problem's place in the file, where the expression stands there as it is; else where it begins."""
        begin = self.document.mark(path)
        wanted = (source.split("\n")[problem.line - 1 : problem.line] or [""])[0].rstrip()
        lines = self.document.text.split("\n")
        for number in range(begin.line, min(begin.line + 60, len(lines)) + 1):
            offset = begin.column - 1 if number == begin.line else 0
            found = lines[number - 1].find(wanted, offset) if wanted else -1
            if found >= 0:
                return TextMark(number, found + problem.column)
        return begin

    # placeholders

    def source(self, asked: Any, path: Path, known: Variables) -> tuple[str, ...]:
        """Check every template of a read or call; the names that they use."""
        used: list[str] = []
        for place, at, text in _templates(asked):
            used += self.template(text, (*path, *at), place, known)
        return tuple(used)

    def template(self, text: str, path: Path, place: Escaping, known: Variables) -> tuple[str, ...]:
        try:
            template = parse(text)
        except ValueError as error:
            self.add(path, str(error))
            return ()
        if place is Escaping.PATH:
            self._path_literals(template, path)
        for name in template.names:
            self._placeholder(name, template, path, place, known)
        return template.names

    def _placeholder(self, name: str, template: Template, path: Path, place: Escaping, known: Variables) -> None:
        kind = known.get(self.today(name, path))
        if kind is None:
            self.add(path, f"the placeholder {{{name}}} is not declared here; {nearest(name, known)}")
        elif place is Escaping.JSON and template.whole == name:
            return
        elif not kind.scalar:
            self.add(path, f"the placeholder {{{name}}} is {kind}; only texts, numbers and booleans can stand here")
        elif kind.optional and not name.startswith("steps."):
            # A value that a poll brings at the end is optional, yet there once its step has succeeded.
            self.add(path, f"the placeholder {{{name}}} may be absent; only a required value can stand here")

    def _path_literals(self, template: Template, path: Path) -> None:
        literals = [part for part in template.parts if isinstance(part, str)]
        skeleton = "".join(part if isinstance(part, str) else "x" for part in template.parts)
        if not skeleton.startswith("/") or not isinstance(template.parts[0], str):
            self.add(path, "a path begins with / and stands below the connector's base_url")
        if any(char in _REFUSED_IN_PATH for part in literals for char in part):
            self.add(path, "a path holds no ?, # or \\; give parameters under query")
        elif not all(_PATH_LITERAL.fullmatch(part) for part in literals):
            self.add(path, "a path holds visible ASCII only; percent-encode the rest")
        segments = skeleton.split("/")[1:]
        if any(part in (".", "..") or part.lower().replace("%2e", ".") in (".", "..") for part in segments):
            self.add(path, "a path has no . or .. segments")
        if "" in segments[:-1]:
            self.add(path, "a path has no empty segments")


Found = tuple[Escaping, Path, str]


def _templates(asked: Any) -> list[Found]:
    """Every template of a form: where it stands, its path below the form, its text."""
    found: list[Found] = []
    for method in ("get", *forms.METHODS):
        text = getattr(asked, method, None)
        if isinstance(text, str):
            found.append((Escaping.PATH, (method,), text))
    query: Mapping[str, Any] = getattr(asked, "query", {})
    found += [(Escaping.QUERY, ("query", name), value) for name, value in query.items() if isinstance(value, str)]
    if getattr(asked, "filter", None):
        found.append((Escaping.FILTER, ("filter",), asked.filter))
    for key in ("id", "members_of", "holders_of"):
        if isinstance(getattr(asked, key, None), str):
            found.append((Escaping.TEXT, (key,), getattr(asked, key)))
    for key in ("add_member", "remove_member", "add_role", "remove_role"):
        if hasattr(asked, key):
            found += [(Escaping.TEXT, (key, name), text) for name, text in getattr(asked, key).model_dump().items()]
    return found + _bodies(asked)


def _bodies(asked: Any) -> list[Found]:
    found = _json(getattr(asked, "json_", None), ("json",)) + _json(getattr(asked, "with_", None), ("with",))
    for index, change in enumerate(getattr(asked, "change", ())):
        if change.path is not None:
            found.append((Escaping.FILTER, ("change", index, "path"), change.path))
        found += _json(change.value, ("change", index, "value"))
    return found


def _json(value: Any, path: Path) -> list[Found]:
    if isinstance(value, str):
        return [(Escaping.JSON, path, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _json(item, (*path, key))]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in _json(item, (*path, index))]
    return []
