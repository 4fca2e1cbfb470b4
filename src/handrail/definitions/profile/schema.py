"""The JSON Schema of ``packet.json``: closed, made of what the fields declare, with room for visible placeholders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile.format import ProfileSpec

if TYPE_CHECKING:
    from handrail.definitions.profile.compiled import CompiledField, CompiledListField

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_TEXT = 2000

_TEXT = {"type": "string"}
_DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}


def value_schema(kind: ValueType, rules: Mapping[str, Any]) -> dict[str, Any]:
    """One value (without its placeholder). A text without a limit of its own has at most 2 000 characters."""
    one: dict[str, Any] = {"type": kind.base, **rules}
    if kind.base == "string":
        one.setdefault("maxLength", MAX_TEXT)
    schema = {"type": "array", "items": one} if kind.many else one
    return {"anyOf": [schema, {"type": "null"}]} if kind.optional else schema


def validator(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Patterns run in linear time. Raises ValueError for a pattern that can't, or a keyword that does not fit."""
    try:
        return jsonschema_rs.Draft202012Validator(
            dict(schema), validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        place = "/".join(str(part) for part in error.instance_path)
        raise ValueError(f"not a usable rule at {place}") from None


def packet_schema(spec: ProfileSpec, fields: Iterable[CompiledField | CompiledListField]) -> dict[str, Any]:
    """The whole schema. Every object in it is closed and every name required."""
    return {
        "$schema": DIALECT,
        "title": f"{spec.name} version {spec.version}",
        "$defs": {"held": _held()},
        **closed({"about": _about(spec), "fields": _nested(fields), "annexes": _annexes(spec), "held": _markers()}),
    }


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _held() -> dict[str, Any]:
    """The placeholder that stands where something is held: the codes of the holds, nothing else."""
    return closed({"held": {"type": "array", "items": _TEXT, "minItems": 1}})


def _or_held(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"$ref": "#/$defs/held"}]}


def _about(spec: ProfileSpec) -> dict[str, Any]:
    return closed(
        {
            "profile": {"const": spec.name},
            "version": {"const": spec.version},
            "title": {"const": spec.title},
            "lane": {"const": spec.lane.name},
            "tlp": {"const": f"TLP:{spec.audience.tlp}"},
            "recipients": {"const": list(spec.audience.recipients)},
        }
    )


def _nested(fields: Iterable[CompiledField | CompiledListField]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in fields:
        *parents, last = field.path.split(".")
        level = tree
        for part in parents:
            level = level.setdefault(part, {})
        level[last] = field
    return _closed_tree(tree)


def _closed_tree(tree: Mapping[str, Any]) -> dict[str, Any]:
    return closed({name: _closed_tree(node) if isinstance(node, dict) else _field(node) for name, node in tree.items()})


def _field(field: Any) -> dict[str, Any]:
    entries = getattr(field, "show", None)
    if entries is None:
        return _or_held(field.schema)
    return _or_held({"type": "array", "items": _or_held(_nested(entries)), "maxItems": field.at_most})


def _annexes(spec: ProfileSpec) -> dict[str, Any]:
    annex: dict[str, Any] = {
        "name": _TEXT,
        "sort": _TEXT,
        "media_type": _TEXT,
        "size": {"type": "integer"},
        "digest": _DIGEST,
    }
    if spec.annexes is not None and spec.annexes.describe:
        instant = {"type": ["string", "null"]}
        count = {"type": "integer", "minimum": 0}
        annex |= {
            "description": _TEXT,
            "entries": count,
            "hosts": count,
            "since": instant,
            "until": instant,
            "by": _TEXT,
        }
    return {"type": "array", "items": closed(annex)}


def _markers() -> dict[str, Any]:
    return {"type": "array", "items": closed({"name": _TEXT, "sort": _TEXT, "reason": _TEXT, "digest": _DIGEST})}
