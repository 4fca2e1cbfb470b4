"""From text to a compiled packet profile: the cross-checks that the models can't make, reporting all faults at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from handrail.definitions.inputs.declared import input_types
from handrail.definitions.inputs.schema import INPUTS, InputSchema
from handrail.definitions.language.names import RESERVED, Variables, nearest, prefixed
from handrail.definitions.language.templates import Escaping
from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.profile import schema as profile_schema
from handrail.definitions.profile.annexes import compile_annexes
from handrail.definitions.profile.compiled import (
    CompiledAnnexes,
    CompiledField,
    CompiledHoldRule,
    CompiledListField,
    CompiledProfile,
    CompiledSource,
)
from handrail.definitions.profile.fields import FieldCompiler
from handrail.definitions.profile.format import EachSpec, ProfileSpec, ShownSpec
from handrail.definitions.profile.holds import compile_holds
from handrail.definitions.profile.names import (
    OLD_ROOT,
    OLD_TYPE,
    PROFILE_ROOTS,
    PROFILE_VALUES,
    ROOT,
    TYPE,
    compile_values,
    names_once_paths,
    types_of,
)
from handrail.definitions.profile.sources import AnySource, SamlForm, VersionAt
from handrail.definitions.requests.checking import Context
from handrail.definitions.requests.extraction import Extraction, check_at
from handrail.definitions.source.faults import Path, TextFaults
from handrail.definitions.source.loader import Document, load
from handrail.definitions.source.validate import validate
from handrail.definitions.table import CompiledTable
from handrail.kernel.canonical import digest

LEAST_WATCHED_SECONDS = 30


def compile_profile(
    text: str, *, file: str = "profile", tables: Mapping[str, CompiledTable] | None = None, kept: bool = False
) -> CompiledProfile:
    """The packet profile in ``text``. Raises Invalid (``definition-invalid``) with every fault's field, line, column.

    ``file`` is what the message calls the text. With ``tables`` (the active ones, by name), every ``via`` must be among
    them and give the type that its field expects. ``kept``: see ``Document``.
    """
    return compile_profile_document(load(text, file=file, kept=kept), tables)


def compile_profile_document(document: Document, tables: Mapping[str, CompiledTable] | None = None) -> CompiledProfile:
    """The packet profile in ``document``. Raises as ``compile_profile``."""
    faults = TextFaults(document.file)
    spec = validate(document, ProfileSpec, faults)
    compiled = _ProfileCompiler(document, spec, faults, tables).compile()
    faults.refuse_if_any()
    return compiled


class _ProfileCompiler:
    """One pass from top to bottom; what it has met so far is what later parts may name."""

    def __init__(
        self, document: Document, spec: ProfileSpec, faults: TextFaults, tables: Mapping[str, CompiledTable] | None
    ) -> None:
        self.document = document
        self.spec = spec
        # An earlier text may itself use one of the new names; then what Handrail provides keeps its earlier name.
        self.root = OLD_ROOT if ROOT in spec.sources else ROOT
        own_type = spec.annexes is not None and any(name.rstrip("?") == "type" for name in spec.annexes.extract)
        renamed = ({OLD_ROOT: ROOT} if self.root == ROOT else {}) | ({} if own_type else {OLD_TYPE: TYPE})
        self.context = Context(document, faults, renamed)
        self.tables = tables
        self.inputs: Variables = {}
        self.sources: dict[str, CompiledSource] = {}

    def compile(self) -> CompiledProfile:
        self.inputs = input_types(self.spec.inputs, self.root, self.context, key="inputs")
        self._tenant()
        self._sources()
        known = {**PROFILE_VALUES, **self._source_values()}
        fields = self._fields(known)
        annexes = self._annexes(known)
        holds = self._holds(known, fields, annexes)
        self._audience(known)
        self._signers()
        self._keep()
        self._shown_in_annexes(known)
        self._watch([field.path for field in fields])
        self.context.faults.refuse_if_any()
        schema = profile_schema.packet_schema(self.spec, fields)
        return CompiledProfile(
            self.spec, digest(self.document.data), InputSchema(self.spec.inputs, INPUTS), self._input_roots(),
            self.sources, fields, annexes, holds,
            schema, digest(schema), profile_schema.validator(schema),
        )  # fmt: skip

    def _tenant(self) -> None:
        tenant = self.inputs.get(self.context.today(self.spec.tenant, ("tenant",)))
        if tenant is None:
            hint = nearest(self.spec.tenant, self.inputs)
            self.context.add(("tenant",), f"{self.spec.tenant} is not a declared input; {hint}")
        elif tenant.base != "string" or tenant.many or tenant.optional:
            self.context.add(("tenant",), "the tenant must be a required input of type string")

    def _input_roots(self) -> tuple[str, ...]:
        return (ROOT, OLD_ROOT) if self.root == ROOT else (OLD_ROOT,)

    # sources

    def _reserved(self) -> frozenset[str]:
        """Names that no source may have. A text with the key given is older than the name inputs."""
        earlier = {ROOT} if ("inputs",) in self.document.old_keys else set()
        return (PROFILE_ROOTS | RESERVED) - earlier

    def _sources(self) -> None:
        for name, spec in self.spec.sources.items():
            path: Path = ("sources", name)
            if name in self._reserved():
                taken = ", ".join(sorted(PROFILE_ROOTS))
                self.context.add_key(
                    path, f"{name} can't name a source; reserved are {taken} and the words of the condition language"
                )
            values = compile_values(spec.extract, (*path, "extract"), self.context)
            known = {**self.inputs, **self._source_values()}
            used = self._asked(spec, path, known)
            self._about_record(spec, path, values)
            self.sources[name] = self._source(name, spec, values, used)

    def _asked(self, spec: AnySource, path: Path, known: Variables) -> tuple[str, ...]:
        if not isinstance(spec, SamlForm):
            return self.context.source(spec, path, known)
        if spec.saml.entity is None and spec.saml.path is None and not spec.saml.every:
            self.context.add((*path, "saml"), "expected entity, path, or both; or every: true")
        if spec.saml.every and spec.saml.entity is not None:
            self.context.add((*path, "saml", "every"), "expected every entity of the document at path, or entity")
        used: tuple[str, ...] = ()
        for key, place in (("entity", Escaping.TEXT), ("path", Escaping.PATH)):
            text = getattr(spec.saml, key)
            if text is not None:
                used += self.context.template(text, (*path, "saml", key), place, known)
        return used

    def _about_record(self, spec: AnySource, path: Path, values: Mapping[str, Extraction]) -> None:
        """The values that describe the source's record: its id, its time, its TLP label."""
        types = types_of(values)
        for key, allowed in (("record", ("string", "integer")), ("as_of", ("string",)), ("tlp", ("string",))):
            name = getattr(spec, key)
            if name is None:
                continue
            if name not in types:
                self.context.add((*path, key), f"{name} is not among the values of this source; {nearest(name, types)}")
            elif types[name].base not in allowed or types[name].many:
                self.context.add((*path, key), f"{name} is {types[name]}; expected {' or '.join(allowed)}")
        if spec.record is not None and spec.class_ not in self.spec.audience.shows:
            self.context.add(
                (*path, "record"), f"a record's id is shown; this audience does not see class {spec.class_}"
            )
        for index, name in enumerate(spec.internal):
            if name not in types:
                hint = nearest(name, types)
                self.context.add((*path, "internal", index), f"{name} is not among the values of this source; {hint}")
        if spec.fresh_for <= 0:
            self.context.add((*path, "fresh_for"), "expected more than 0s")
        if isinstance(spec.version, VersionAt):
            problem = check_at(spec.version.at, kept=self.context.document.kept)
            if problem is not None:
                self.context.add((*path, "version", "at"), problem)
        elif spec.version == "etag" and isinstance(spec, SamlForm):
            self.context.add((*path, "version"), "metadata has no ETag; expected digest, taken or {at: …}")

    def _source(
        self, name: str, spec: AnySource, values: Mapping[str, Extraction], used: tuple[str, ...]
    ) -> CompiledSource:
        at = spec.version.at if isinstance(spec.version, VersionAt) else None
        needs = tuple(dict.fromkeys(root for use in used if (root := use.split(".")[0]) in self.sources))
        return CompiledSource(
            name, spec.connector, spec, values, types_of(values),
            "at" if isinstance(spec.version, VersionAt) else spec.version, at,
            spec.fresh_for, spec.class_, spec.entitles, spec.record, spec.as_of, spec.tlp, tuple(spec.internal), needs,
        )  # fmt: skip

    def _source_values(self) -> dict[str, ValueType]:
        found: dict[str, ValueType] = {}
        for name, source in self.sources.items():
            found |= prefixed(name, source.types)
        return found

    # fields

    def _fields(self, known: Variables) -> tuple[CompiledField | CompiledListField, ...]:
        compiler = FieldCompiler(self.context, self.spec, self.sources, self.inputs, self.tables)
        names_once_paths(self.spec.fields, ("fields",), self.context)
        found: list[CompiledField | CompiledListField] = []
        for written, spec in self.spec.fields.items():
            path: Path = ("fields", written)
            field: CompiledField | CompiledListField | None
            if isinstance(spec, EachSpec):
                field = compiler.each(written, spec, path, known)
            else:
                assert isinstance(spec, ShownSpec)
                field = compiler.shown(written, spec, path, known)
            if field is not None:
                found.append(field)
        return tuple(found)

    # annexes, holds

    def _annexes(self, known: Variables) -> CompiledAnnexes | None:
        if self.spec.annexes is None:
            return None
        return compile_annexes(self.spec.annexes, self.spec, self.sources, {**self.inputs, **known}, self.context)

    def _holds(
        self, known: Variables, fields: tuple[CompiledField | CompiledListField, ...], annexes: CompiledAnnexes | None
    ) -> dict[str, CompiledHoldRule]:
        shown = {
            f"packet.{field.path}": field.kind if isinstance(field, CompiledField) else ValueType("object", many=True)
            for field in fields
        }
        everything = {**self.inputs, **known, **shown}
        return compile_holds(self.spec, everything, annexes, [field.path for field in fields], self.context)

    # audience, signers

    def _audience(self, known: Variables) -> None:
        audience = self.spec.audience
        for index, name in enumerate(audience.never):
            if name in audience.shows:
                self.context.add(("audience", "never", index), f"{name} is among shows too; it can't be both")
        self._confirms(audience.confirmed_by, ("audience", "confirmed_by"), known, many=True)
        self._confirms(self.spec.lane.confirmed_by, ("lane", "confirmed_by"), known, many=False)
        for index, name in enumerate(self.spec.tenant_confirmed_by):
            self._confirms(name, ("tenant_confirmed_by", index), known, many=False)

    def _keep(self) -> None:
        keep = self.spec.keep
        if keep is not None and keep.annexes is None and keep.values is None:
            self.context.add(("keep",), "name annexes, values or both, each with a duration such as 400d")
        if keep is not None and keep.annexes is not None and keep.values is not None and keep.annexes > keep.values:
            self.context.add(("keep", "annexes"), "annexes can't be kept longer than values, which say what they are")

    def _shown_in_annexes(self, known: Variables) -> None:
        """Values that annexes show as they are: those that the audience may see anyway."""
        hosts = self.spec.hosts.identity_providers_from if self.spec.hosts else ()
        named: list[tuple[Path, str]] = [
            *((("hosts", "identity_providers_from", at), name) for at, name in enumerate(hosts)),
            *((("key_ids_from", at), name) for at, name in enumerate(self.spec.key_ids_from)),
        ]
        for path, name in named:
            root, _, value = name.partition(".")
            kind, source = known.get(name), self.sources.get(root)
            if kind is None or source is None:
                self.context.add(path, f"{name} is not a value of a source; {nearest(name, self._source_values())}")
            elif kind.base != "string":
                self.context.add(path, f"{name} is {kind}; expected string or [string]")
            elif value in source.internal or source.classification not in self.spec.audience.shows:
                self.context.add(path, f"{name} is not for this audience, so annexes can't show it")

    def _watch(self, fields: Sequence[str]) -> None:
        watch = self.spec.watch
        if watch is None:
            return
        if watch.every < LEAST_WATCHED_SECONDS:
            self.context.add(("watch", "every"), f"expected {LEAST_WATCHED_SECONDS}s or more")
        if not watch.sources and not watch.fields:
            self.context.add(("watch",), "expected sources or fields: without them, no change has a consequence")
        for key, named, known in (("sources", watch.sources, [*self.sources]), ("fields", watch.fields, fields)):
            for index, name in enumerate(named):
                if name not in known:
                    kind = key.removesuffix("s")
                    self.context.add(
                        ("watch", key, index), f"{name} is not a {kind} of the profile; {nearest(name, known)}"
                    )

    def _confirms(self, name: str | None, path: Path, known: Variables, *, many: bool) -> None:
        if name is None:
            return
        kind = known.get(name)
        wanted = "[string]" if many else "string"
        if kind is None or name in PROFILE_VALUES:
            self.context.add(path, f"{name} is not a value of a source; {nearest(name, self._source_values())}")
        elif kind.base != "string" or kind.many != many:
            self.context.add(path, f"{name} is {kind}; expected {wanted}")

    def _signers(self) -> None:
        signers = self.spec.signers
        if (total := sum(signers.from_.values())) > signers.threshold:
            self.context.add(
                ("signers", "from"), f"these add up to {total} people, more than the threshold {signers.threshold}"
            )
        if set(signers.never) != {"assembler", "hold-editor"}:
            self.context.add(
                ("signers", "never"),
                "people who assembled a revision or edited its holds never sign it: expected [assembler, hold-editor]",
            )
        for role in signers.proof:
            if role not in signers.from_:
                hint = nearest(role, signers.from_)
                self.context.add(("signers", "proof", role), f"{role} is not among the signers' roles; {hint}")
