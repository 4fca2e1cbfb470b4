"""The fields of a profile: where each value comes from, of which type it is, and whether its audience may see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import jsonschema_rs

from handrail.definitions.language.names import Variables, nearest, prefixed
from handrail.definitions.language.valuetypes import ValueType, name_of
from handrail.definitions.profile.compiled import CompiledField, CompiledListField, CompiledSource
from handrail.definitions.profile.format import EachSpec, ProfileSpec, ShownSpec
from handrail.definitions.profile.matches import compile_matches
from handrail.definitions.profile.names import bare, compile_values, names_once_paths, types_of
from handrail.definitions.profile.schema import validator, value_schema
from handrail.definitions.requests.checking import Context
from handrail.definitions.source.faults import Path
from handrail.definitions.table import CompiledTable

# Values of the profile itself: everybody who may see a packet may see which profile it was made by.
PROFILE_CLASS = ""
# Each entry of a list that is kept apart has holds of its own, which people decide one by one.
MAX_APART = 100


class FieldCompiler:
    """Compiles fields against what the sources declare. Faults go into the context."""

    def __init__(
        self,
        context: Context,
        spec: ProfileSpec,
        sources: Mapping[str, CompiledSource],
        inputs: Variables,
        tables: Mapping[str, CompiledTable] | None,
    ) -> None:
        self.context = context
        self.audience = spec.audience
        self.sources = sources
        self.inputs = inputs
        self.tables = tables

    def shown(
        self, written: str, spec: ShownSpec, path: Path, known: Variables, inherited: str = ""
    ) -> CompiledField | None:
        """One value; None after noting that its origin is not known. ``inherited``: the class of the list around it."""
        origin = self.origin(spec.from_, (*path, "from") if self._is_long(path) else path, known)
        if origin is None:
            return None
        kind = self._kind(written, spec, origin, path)
        self._others(spec, origin, path, known)
        classification = spec.class_ or inherited or self._class_of(spec.from_)
        if not (inherited and spec.class_ is None):
            self._may_see(classification, (*path, "class"))
        schema, checked = self._schema(spec, kind, path)
        if checked is None:
            return None
        return CompiledField(
            bare(written), spec.from_, kind, "!" in written, spec.via, tuple(spec.agrees), spec.among, classification,
            spec.multiline, schema, checked, frozenset(spec.carries),
        )  # fmt: skip

    def each(self, written: str, spec: EachSpec, path: Path, known: Variables) -> CompiledListField | None:
        """A list; None after noting that it has no list to come from."""
        values = compile_values(spec.extract, (*path, "extract"), self.context)
        items = prefixed("item", types_of(values))
        matches = compile_matches(spec, path, items, self)
        if spec.apart and spec.at_most > MAX_APART:
            at = (*path, "at_most") if (*path, "at_most") in self.context.document.values else (*path, "apart")
            self.context.add(at, f"entries with holds of their own are few; expected at_most: {MAX_APART} or less")
        if written.endswith("?"):
            self.context.add_key(path, "a list is never absent; it may be empty, so leave the ? out")
        origin = self.origin(spec.each, (*path, "each"), known)
        if origin is not None and (origin.base != "object" or not origin.many):
            self.context.add((*path, "each"), f"{spec.each} is {origin}; expected [object], a list of records")
        where = self.context.condition(spec.where, (*path, "where"), {**known, **items}) if spec.where else None
        classification = self._list_class(spec, path, items)
        names_once_paths(spec.show, (*path, "show"), self.context)
        shown = [
            self.shown(
                name, field, at, {**known, **items}, inherited=self._inherited(spec, field, at) or classification
            )
            for name, field in spec.show.items()
            for at in ((*path, "show", name),)
        ]
        if origin is None:
            return None
        fields = tuple(field for field in shown if field is not None)
        return CompiledListField(
            bare(written), spec.each, "!" in written, values, where, classification, spec.at_most, fields,
            matches, spec.apart,
        )  # fmt: skip

    def _is_long(self, path: Path) -> bool:
        return (*path, "from") in self.context.document.values

    def origin(self, name: str, path: Path, known: Variables) -> ValueType | None:
        """The type of a name that may be shown; None after noting that there is none."""
        name = self.context.today(name, path)
        if name in self.inputs:
            self.context.add(path, f"{name} was typed in, it is not a record; use the value of a source")
            return None
        kind = known.get(name)
        source = self.sources.get(name.split(".", maxsplit=1)[0])
        if kind is None:
            self.context.add(path, f"{name} is not declared here; {nearest(name, known)}")
        elif source is not None and name.partition(".")[2] in source.internal:
            self.context.add(path, f"{name} is internal to its source; it never leaves")
        return kind

    def _kind(self, written: str, spec: ShownSpec, origin: ValueType, path: Path) -> ValueType:
        base = origin.base
        if base == "object":
            self.context.add(
                path, f"{spec.from_} is {origin}; an object is not shown whole; extract its values by name"
            )
        if spec.via is not None:
            if origin.base != "string":
                self.context.add((*path, "via"), f"a table is looked up by text; {spec.from_} is {origin}")
            base = spec.type or "string"
            self._table(spec.via, base, (*path, "via"))
        elif spec.type is not None and spec.type != origin.base:
            self.context.add((*path, "type"), f"{spec.from_} is {origin}; only via, a table, can give another type")
        optional = written.endswith("?")
        if optional and not origin.optional:
            self.context.add_key(path, f"{spec.from_} is never absent; leave the ? out, or extract it with ? as well")
        return ValueType(base, many=origin.many, optional=optional)

    def _table(self, name: str, base: str, path: Path) -> None:
        if self.tables is None:
            return
        table = self.tables.get(name)
        if table is None:
            self.context.add(path, f"there is no active table {name}; {nearest(name, self.tables)}")
            return
        got = name_of(next(iter(table.rows.values())))
        if got != base and not (got == "integer" and base == "number"):
            self.context.add(path, f"the table {name} gives {got}, this field is {base}; declare it with type")

    def _others(self, spec: ShownSpec, origin: ValueType, path: Path, known: Variables) -> None:
        for index, name in enumerate(spec.agrees):
            at = (*path, "agrees", index) if (*path, "agrees", index) in self.context.document.values else (
                *path, "agrees",
            )  # fmt: skip
            other = self.origin(name, at, known)
            if name == spec.from_:
                self.context.add(at, f"{name} always agrees with itself; name a second source")
            elif other is not None and (other.base, other.many) != (origin.base, origin.many):
                self.context.add(at, f"{name} is {other}, {spec.from_} is {origin}; they could never agree")
        if spec.among is None:
            return
        inventory = self.origin(spec.among, (*path, "among"), known)
        if inventory is not None and (inventory.base != origin.base or not inventory.many):
            self.context.add((*path, "among"), f"{spec.among} is {inventory}; expected [{origin.base}]")

    def _schema(
        self, spec: ShownSpec, kind: ValueType, path: Path
    ) -> tuple[Mapping[str, object], jsonschema_rs.Draft202012Validator | None]:
        schema = value_schema(kind, spec.rules())
        try:
            return schema, validator(schema)
        except ValueError as error:
            self.context.add(path, str(error))
            return schema, None

    # classes

    def _class_of(self, name: str) -> str:
        source = self.sources.get(name.split(".", maxsplit=1)[0])
        return source.classification if source else PROFILE_CLASS

    def _inherited(self, spec: EachSpec, shown: ShownSpec, path: Path) -> str:
        """The class of a value that another source says of an entry: that source's. Empty for the entry's own."""
        match = spec.match.get(shown.from_.removeprefix("item.").partition(".")[0])
        if match is None or shown.from_.count(".") == 1:
            return ""
        classification = self._class_of(match.among)
        if shown.class_ is None:
            self._may_see(classification, path)
        return classification

    def _list_class(self, spec: EachSpec, path: Path, items: Variables) -> str:
        classification = spec.class_ or self._class_of(spec.each)
        if "." not in classification:
            self._may_see(classification, (*path, "class"))
            return classification
        kind = items.get(classification)
        if kind is None:
            self.context.add(
                (*path, "class"), f"{classification} is not declared here; {nearest(classification, items)}"
            )
        elif kind.base != "string" or kind.many:
            self.context.add((*path, "class"), f"{classification} is {kind}; a class is a text")
        return classification

    def _may_see(self, classification: str, path: Path) -> None:
        if classification in self.audience.never:
            self.context.add(path, f"it is of class {classification}, which this audience never sees")
        elif classification != PROFILE_CLASS and classification not in self.audience.shows:
            self.context.add(
                path, f"it is of class {classification}, which is not among {_listed(self.audience.shows)}"
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
