"""Every compiled pattern of the source, how it is used, and texts that it almost matches."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import handrail
from tests.factories.linear import Maker

METHODS = ("fullmatch", "match", "search", "sub", "split", "findall", "finditer")
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Found:
    """A pattern, where it was found first, and the methods that are called on it there (all, where that is unknown)."""

    name: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]

    def uses(self) -> Iterator[tuple[str, Callable[[str], object]]]:
        for method in self.methods:
            yield f"{self.name}.{method}", lambda text, method=method: self._use(method, text)

    def _use(self, method: str, text: str) -> object:
        subject: Any = text.encode("utf-8") if isinstance(self.pattern.pattern, bytes) else text
        if method == "sub":
            return self.pattern.sub(subject[:0], subject)
        found = getattr(self.pattern, method)(subject)
        return sum(1 for _ in found) if method == "finditer" else found


def modules() -> list[ModuleType]:
    names = (module.name for module in pkgutil.walk_packages(handrail.__path__, "handrail."))
    return [importlib.import_module(name) for name in names if ".migrations." not in name]


def patterns() -> list[Found]:
    """Each once, also those inside containers, classes, closures and default values."""
    found: dict[tuple[Any, int], tuple[str, re.Pattern[Any], set[str]]] = {}
    for module in modules():
        called = _methods_called(module)
        for name, value in vars(module).items():
            for pattern in _inside(value, 0):
                place = f"{module.__name__}.{name}"
                _, _, methods = found.setdefault((pattern.pattern, pattern.flags), (place, pattern, set()))
                # How one inside a container or a closure is used can't be told by its name.
                methods |= called[name] if isinstance(value, re.Pattern) else set(METHODS)
    return [Found(name, pattern, tuple(sorted(methods or METHODS))) for name, pattern, methods in found.values()]


def _methods_called(module: ModuleType) -> defaultdict[str, set[str]]:
    """The methods that ``module`` calls on each name."""
    called: defaultdict[str, set[str]] = defaultdict(set)
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
        match node:
            case ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name), attr=method) if method in METHODS:
                called[name].add(method)
    return called


def _inside(value: Any, depth: int) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < _DEPTH:
        for item in _parts(value):
            yield from _inside(item, depth + 1)


def _parts(value: Any) -> list[Any]:
    match value:
        case list() | tuple() | set() | frozenset():
            return list(value)
        case Mapping():
            return [*value.keys(), *value.values()]
        case type() if value.__module__.startswith("handrail."):
            return list(vars(value).values())
        case functools.partial():
            return [value.func, *value.args, *value.keywords.values()]
    unwrapped = inspect.unwrap(value) if callable(value) else value
    if inspect.isfunction(unwrapped):
        cells = [cell.cell_contents for cell in unwrapped.__closure__ or () if not _is_empty(cell)]
        return [*cells, *(unwrapped.__defaults__ or ()), *(unwrapped.__kwdefaults__ or {}).values()]
    return []


def _is_empty(cell: Any) -> bool:
    try:
        return cell.cell_contents is cell
    except ValueError:
        return True


def almost(pattern: re.Pattern[Any]) -> Iterator[tuple[str, Maker]]:
    """Texts that begin as ``pattern`` does, over and over or at great length, and then break off."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = re._parser.parse(source, pattern.flags & ~re.UNICODE)  # type: ignore[attr-defined]
    for last in (False, True):
        short = _example(parsed, 1, last=last)
        yield "long, then broken", lambda size, last=last: _example(parsed, size, last=last)[:size] + "\x01"
        if len(short) > 1:
            yield "cut short, repeated", lambda size, cut=short[:-1]: cut * (size // len(cut))
            yield "repeated, then broken", lambda size, text=short: text * (size // len(text)) + "\x01"


def _example(parsed: Any, size: int, *, last: bool) -> str:
    """A text that ``parsed`` matches; what may repeat without end is ``size`` characters long."""
    return "".join(_one(op, argument, size, last=last) for op, argument in parsed)


def _one(op: Any, argument: Any, size: int, *, last: bool) -> str:
    match str(op):
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return "b" if argument == ord("a") else "a"
        case "ANY":
            return "a"
        case "IN":
            return _member(argument)
        case "BRANCH":
            return _example(argument[1][-1 if last else 0], size, last=last)
        case "SUBPATTERN":
            return _example(argument[3], size, last=last)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            low, high, repeated = argument
            once = _example(repeated, 1, last=last)
            return once * max(low, min(int(high), size // max(len(once), 1), size))
        case "ATOMIC_GROUP":
            return _example(argument, size, last=last)
    return ""


def _member(members: Any) -> str:
    inside = re.compile("[" + "".join(_class(op, argument) for op, argument in members) + "]")
    return next(c for c in map(chr, (*range(0x20, 0x3000), *range(0x20))) if inside.fullmatch(c))


def _class(op: Any, argument: Any) -> str:
    match str(op):
        case "NEGATE":
            return "^"
        case "RANGE":
            return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        case "CATEGORY":
            names = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}
            letter = names[str(argument).rsplit("_", 1)[-1]]
            return "\\" + (letter.upper() if "_NOT_" in str(argument) else letter)
    return re.escape(chr(argument))
