"""A lane that is a case portal: everything that differs from one portal to the next is in its section or its preset."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from handrail.connectors.config import HeaderName, Section
from handrail.connectors.desk.config import Location, Name, Scalar
from handrail.connectors.desk.config import Path as UrlPath
from handrail.connectors.desk.links import is_reference, reference_checker
from handrail.connectors.desk.settings import overlay, preset_names
from handrail.connectors.template import faults_in, names_in
from handrail.kernel.errors import Fault

_PACKAGE = Path(__file__).resolve().parents[2]
# Beside the package when it is installed, at the root of the repository otherwise.
_DIRECTORIES = (_PACKAGE / "portals", _PACKAGE.parents[1] / "portals")
_PRESET = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_CASE = frozenset({"case", "case_id", "hex"})
# ``note``: a line for people beside the file. ``content_base64``: the file inside JSON.
_FILE = _CASE | {"name", "note", "size", "content_base64"}


def _pattern(pattern: str) -> str:
    reference_checker(pattern)
    return pattern


class PortalCall(Section):
    """One request. ``extract``: values of its answer that later requests may name."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: UrlPath
    query: dict[str, Scalar] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    encoding: Literal["json", "raw", "multipart"] = "json"
    field: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = "file"
    body: JsonValue = None
    extract: dict[Name, Location] = Field(default_factory=dict)


class PortalFind(Section):
    """Finds what the portal calls a case inside, ``{case_id}``, where that isn't its reference."""

    path: UrlPath
    query: dict[str, Scalar] = Field(default_factory=dict)
    id_at: Location


class PortalFiles(Section):
    """Lists the files of a case. ``files`` gives objects with ``id``, ``name`` and, where it has one, ``size``.
    ``more_at``: something true there means that there are further ones, which weren't listed."""

    path: UrlPath
    query: dict[str, Scalar] = Field(default_factory=dict)
    files: Location
    more_at: Location | None = None


class PortalSettings(Section):
    """What a preset has, and an installation may lay something over."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f{}]+$")]
    case_at: Location
    reference_pattern: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_pattern)]
    reference_example: str
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    values: dict[Name, Scalar] = Field(default_factory=dict)
    find: PortalFind | None = None
    attach: tuple[PortalCall, ...] = Field(min_length=1, max_length=5)
    files: PortalFiles | None = None
    remove: PortalCall | None = None
    check_path: UrlPath = "/"

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, given: Any) -> Any:
        return with_preset(given) if isinstance(given, Mapping) and "preset" in given else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := [*self._faults()]:
            raise ValueError("; ".join(str(fault) for fault in faults))
        return self

    def _faults(self) -> Iterator[Fault]:
        if not is_reference(self.reference_example, self.reference_pattern):
            yield Fault("reference_example", "does not match reference_pattern")
        known = set(self.values)
        where = "values of the lane"
        yield from faults_in("headers", dict(self.headers), known, values=where)
        if self.find is not None:
            yield from faults_in("find", _templates(self.find), known | {"case"}, values=where)
        if self.files is not None:
            yield from faults_in("files", _templates(self.files), known | _CASE, values=where)
        extracted: set[str] = set()
        for number, call in enumerate(self.attach):
            yield from faults_in(f"attach.{number}", _templates(call), known | _FILE | extracted, values=where)
            extracted |= set(call.extract)
        named = {name for call in self.attach for name in names_in(_templates(call))}
        if "name" not in named and not any(call.encoding == "multipart" for call in self.attach):
            yield Fault("attach", "names no {name}, so a file could not be found again")
        if self.remove is not None:
            yield from faults_in("remove", _templates(self.remove), known | _CASE | {"id"}, values=where)
            if self.files is None:
                yield Fault("remove", "means nothing without files")


def _templates(call: PortalCall | PortalFind | PortalFiles) -> JsonValue:
    found: dict[str, JsonValue] = {"path": call.path, "query": dict(call.query)}
    if isinstance(call, PortalCall):
        found |= {"headers": dict(call.headers), "body": call.body}
    return found


def directory() -> Path:
    return next((path for path in _DIRECTORIES if path.is_dir()), _DIRECTORIES[0])


def with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over the preset that it names: tables key by key, lists and bodies whole. Raises ValueError."""
    own = dict(given)
    name = own.pop("preset")
    known = preset_names(directory())
    if not isinstance(name, str) or not _PRESET.fullmatch(name) or name not in known:
        raise ValueError(f"preset must be one of {', '.join(known) or 'none (there is no preset)'}")
    return overlay(_read(name), own)


@cache
def _read(name: str) -> dict[str, Any]:
    try:
        document = tomllib.loads((directory() / f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"portals/{name}.toml can't be read: {error}") from None
    section = document.get("lane")
    if not isinstance(section, dict):
        raise ValueError(f"portals/{name}.toml has no table [lane]")  # noqa: TRY004 - pydantic's
    return section
