"""Makes the list of OpenTelemetry's attributes that the trace sanitiser knows, from the installed package.

    python docs/otel.py [--check]

Reads ``opentelemetry-semantic-conventions`` in the version that pyproject.toml pins. With ``--check`` it writes
nothing and fails where the committed module is not what it would write.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

from opentelemetry.semconv import attributes
from opentelemetry.semconv._incubating import attributes as incubating

PACKAGE = "opentelemetry-semantic-conventions"
TARGET = Path(__file__).resolve().parent.parent / "src/handrail/packets/sanitise/known/opentelemetry.py"
HEAD = '''"""OpenTelemetry's semantic conventions: keys of attributes, and values of those that are enumerations.

Made by docs/otel.py from {package} {version}. Don't edit.
"""

from __future__ import annotations

from handrail.packets.sanitise.known.tables import table, words

SOURCE = "{package} {version}"
KEYS = words(
    """
{keys}
"""
)
# Keys to their values: texts, or whole numbers.
TEXTS = table(
    """
{texts}
"""
)
NUMBERS = {{
    key: frozenset(int(value) for value in values)
    for key, values in table(
        """
{numbers}
"""
    ).items()
}}
'''
WIDTH = 116


def main() -> int:
    text = made()
    if "--check" in sys.argv[1:]:
        current = TARGET.read_text(encoding="utf-8") == text
        print("current" if current else f"{TARGET.name} is not what docs/otel.py makes; run it")
        return 0 if current else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def made() -> str:
    keys: set[str] = set()
    enums: dict[str, set[Any]] = {}
    for package in (incubating, attributes):
        for found in pkgutil.iter_modules(package.__path__):
            _read(importlib.import_module(f"{package.__name__}.{found.name}"), keys, enums)
    texts = {key: values for key, values in enums.items() if all(isinstance(value, str) for value in values)}
    return HEAD.format(
        package=PACKAGE,
        version=version(PACKAGE),
        keys=_filled(sorted(keys)),
        texts=_table(texts),
        numbers=_table({key: values for key, values in enums.items() if key not in texts}),
    )


def _read(module: Any, keys: set[str], enums: dict[str, set[Any]]) -> None:
    """A constant ``HTTP_REQUEST_METHOD`` names the key; the class ``HttpRequestMethodValues`` has its values."""
    classes = {name: value for name, value in vars(module).items() if isinstance(value, type)}
    for name, key in vars(module).items():
        if name.isupper() and isinstance(key, str):
            keys.add(key)
            values = classes.get("".join(part.capitalize() for part in name.split("_")) + "Values")
            if values is not None and issubclass(values, Enum):
                enums.setdefault(key, set()).update(member.value for member in values)


def _filled(names: list[str]) -> str:
    lines = [""]
    for name in names:
        if len(lines[-1]) + len(name) >= WIDTH:
            lines.append("")
        lines[-1] += f" {name}" if lines[-1] else name
    return "\n".join(lines)


def _table(enums: dict[str, set[Any]]) -> str:
    lines = []
    for key, values in sorted(enums.items()):
        line = key
        for value in sorted(values):
            assert not set(str(value)) & set(' "\\'), f"{key}: {value} can't stand in a table"
            if len(line) + len(str(value)) >= WIDTH:
                lines.append(line)
                line = ""
            line += f" {value}"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
