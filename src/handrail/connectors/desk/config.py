"""The section ``[desk]`` of handrail.toml: everything that differs from one service desk to the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from handrail.connectors.config import HeaderName, HttpConfig, NoAuth, Origin, Section
from handrail.connectors.desk.auth import ClientCredentials
from handrail.connectors.desk.failure import NAME_LIMIT
from handrail.connectors.desk.formats import Format
from handrail.connectors.desk.links import checked_url, is_reference, origin_of, reference_checker
from handrail.connectors.desk.pages import recognised
from handrail.connectors.desk.ticket import TICKET_FIELDS, Severity
from handrail.connectors.extract import ExtractFailed, check_path
from handrail.connectors.http import json_bytes
from handrail.connectors.template import Scope, faults_in, names_in, render_page
from handrail.kernel.errors import Fault

MAX_BUDGET_SECONDS = 5.0
MAX_ANSWER_BYTES = 1024 * 1024

_PAGE_FIELDS = frozenset({"base_url", "web", "reference", "any"})

Scalar = str | int | float | bool
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Path = Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$", max_length=1000)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


def _location(at: str) -> str:
    try:
        check_path(at)
    except ExtractFailed as error:
        raise ValueError(error.message) from None
    return at


def _pattern(pattern: str) -> str:
    reference_checker(pattern)
    return pattern


# Where a value is in an answer: a JSON pointer when it starts with "/", else JMESPath.
Location = Annotated[str, StringConstraints(min_length=1), AfterValidator(_location)]


class Create(Section):
    """The one call that makes a ticket, and where its answer says what came of it."""

    renamed = {"take": "extract"}

    method: Literal["POST", "PUT"] = "POST"
    path: Path
    query: dict[str, Scalar] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    encoding: Literal["json", "form"] = "json"
    body: JsonValue
    reference: Location
    url: Location | None = None
    extract: dict[Name, Location] = Field(default_factory=dict)  # further answer values that [desk.web] url may name


class DeskWeb(Section):
    """The desk as people see it. ``url`` proves a ticket's page from its reference (and what ``extract`` took)."""

    origin: Origin | None = None
    url: str | None = None


class Linking(Section):
    """Ticket pages that people paste: as ``[desk.web] url``, with ``{reference}``, and ``{any}`` for what varies."""

    urls: tuple[str, ...] = ()


class DeskCheck(Section):
    """A GET that shows, without creating anything, that the account may work. ``expect`` must find something true."""

    renamed = {"otherwise": "message", "mend": "fix"}

    path: Path
    query: dict[str, Scalar] = Field(default_factory=dict)
    expect: Location | None = None
    message: Text = "The desk answers, but not as expected."
    fix: Text = "Compare the settings under [desk] with the desk's guide."


class Lookup(Section):
    """A GET that finds tickets by Handrail's own reference: ``references`` gives a list of the desk's references."""

    path: Path
    query: dict[str, Scalar] = Field(default_factory=dict)
    references: Location


class DeskConfig(HttpConfig):
    """``[desk]``. Raises pydantic's ValidationError; ``read_desk`` words it for people."""

    kind: Literal["desk"] = "desk"
    name: Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT, pattern=r"^[^\x00-\x1f{}]+$")]
    oauth: ClientCredentials | None = None  # instead of auth
    deadline_seconds: float = Field(
        default=MAX_BUDGET_SECONDS, ge=0.5, le=MAX_BUDGET_SECONDS, allow_inf_nan=False, alias="budget_seconds"
    )
    max_bytes: int = Field(default=256 * 1024, ge=1024, le=MAX_ANSWER_BYTES)
    headers: dict[HeaderName, str] = Field(default_factory=dict)  # sent with every request
    reference_pattern: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_pattern)]
    reference_example: str
    subject_max: int = Field(default=200, ge=40, le=1000)
    body_max: int = Field(default=20_000, ge=500, le=100_000)
    body_format: Format = "text"
    values: dict[Name, Scalar] = Field(default_factory=dict)
    severity: dict[Severity, Scalar] = Field(default_factory=dict)
    create: Create
    web: DeskWeb = DeskWeb()
    link: Linking = Linking()
    check: tuple[DeskCheck, ...] = Field(min_length=1)
    lookup: Lookup | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = [*self._plain_faults(), *self._template_faults()] or list(self._page_faults())
        if faults:
            raise ValueError("; ".join(str(fault) for fault in faults))
        return self

    def _plain_faults(self) -> Iterator[Fault]:
        if not is_reference(self.reference_example, self.reference_pattern):
            yield Fault("reference_example", "does not match reference_pattern")
        if self.oauth is not None and not isinstance(self.auth, NoAuth):
            yield Fault("auth", "must be left out beside oauth")
        if self.allow:
            yield Fault("allow", "must be left out: whatever is asked of a desk is below base_url")
        if missing := set(Severity) - set(self.severity) if self.severity else set():
            yield Fault("severity", f"has nothing for {', '.join(sorted(missing))}")
        for name in sorted(set(self.values) & (TICKET_FIELDS | _PAGE_FIELDS)):
            yield Fault(f"values.{name}", "is the name of a ticket's own field; choose another")
        for name in sorted(set(self.create.extract) & (set(self.values) | _PAGE_FIELDS)):
            yield Fault(f"create.extract.{name}", "is the name of something else; choose another")
        try:
            json_bytes([self.create.body, dict(self.values)])
        except ValueError:
            yield Fault("create.body", "must hold no NaN and no infinity, nor may values")
        if not names_in(self.create.body) & {"subject", "reference"}:
            yield Fault(
                "create.body",
                "names neither {subject} nor {reference}, so people could not find the ticket; "
                "it stands in place of the preset's whole body, so copy that and add to it",
            )
        if self.create.encoding == "form" and not _is_flat(self.create.body):
            yield Fault("create.body", "must be a flat table, because encoding is form")

    def _template_faults(self) -> Iterator[Fault]:
        constants = set(self.values)
        fields = constants | TICKET_FIELDS
        yield from faults_in("headers", dict(self.headers), constants)
        yield from faults_in("create.path", self.create.path, constants)
        yield from faults_in("create.query", dict(self.create.query), fields)
        yield from faults_in("create.headers", dict(self.create.headers), constants | {"reference"})
        yield from faults_in("create.body", self.create.body, fields)
        page = constants | _PAGE_FIELDS - {"any"}
        yield from faults_in("web.url", self.web.url, page | set(self.create.extract))
        yield from faults_in("link.urls", list(self.link.urls), page | {"any"})
        for index, check in enumerate(self.check):
            yield from faults_in(f"check.{index}.path", check.path, constants)
            yield from faults_in(f"check.{index}.query", dict(check.query), constants)
        if self.lookup:
            known = constants | {"reference"}
            yield from faults_in("lookup.path", self.lookup.path, known)
            yield from faults_in("lookup.query", dict(self.lookup.query), known)

    def _page_faults(self) -> Iterator[Fault]:
        """Tries every pattern of a page with a reference: it must give an address of the desk, and be found there."""
        sample = {"reference": self.reference_example, "any": "1", **dict.fromkeys(self.create.extract, "1")}
        patterns = [("web.url", self.web.url)] if self.web.url is not None else []
        patterns += [(f"link.urls.{index}", url) for index, url in enumerate(self.link.urls)]
        for where, pattern in patterns:
            address = checked_url(render_page(pattern, self.constants, sample), self.web_origin)
            if address is None:
                yield Fault(where, f"gives no address at {self.web_origin}, where people see tickets (web.origin)")
            elif where != "web.url" and "reference" in names_in(pattern):
                once = pattern.count("{reference}") == 1
                found = recognised(address, (pattern,), self.constants) if once else None
                if found is None or found.reference != self.reference_example:
                    yield Fault(where, "must name {reference} once, in the path, the fragment or a value of the query")

    @property
    def pages_hold_reference(self) -> bool:
        """Whether a ticket's pasted page can give its reference."""
        return any("reference" in names_in(url) for url in self.link.urls)

    @property
    def web_origin(self) -> str:
        """Where people see tickets: ``web.origin``, or else the origin of ``base_url``."""
        return self.web.origin or origin_of(self.base_url)

    @property
    def constants(self) -> Scope:
        """What addresses of the desk's pages may name, but for the ticket itself."""
        return {**self.values, "base_url": self.base_url, "web": self.web_origin}

    @property
    def reference_proves_url(self) -> bool:
        """Whether ``web.url`` needs nothing of the answer but the reference."""
        return self.web.url is not None and not names_in(self.web.url) & set(self.create.extract)


def _is_flat(body: JsonValue) -> bool:
    return isinstance(body, dict) and not any(isinstance(value, dict | list) for value in body.values())
