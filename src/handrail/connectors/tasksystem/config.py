"""A task system in handrail.toml: where tasks come from, and how what became of them is written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, model_validator

from handrail.connectors.config import HeaderName, SecretReference, Section
from handrail.connectors.desk.config import Name, Path, Scalar
from handrail.connectors.desk.formats import Format
from handrail.connectors.extract import ExtractFailed, check_path
from handrail.connectors.http import json_bytes
from handrail.connectors.paths import checked_template
from handrail.connectors.tasksystem.message import FIELDS, FURTHER, HEADER_FIELDS, MessageKind
from handrail.connectors.tasksystem.presets import with_preset
from handrail.connectors.template import faults_in, names_in
from handrail.kernel.errors import Fault

# Headers that the connector itself sets.
_OWN_HEADERS = frozenset({"authorization", "host", "content-length", "content-type", "transfer-encoding", "connection"})
_KEYED = frozenset({"key", "task", "run", "exception", "kind"})

Status = Annotated[int, Field(ge=100, le=599)] | Literal["2xx", "3xx", "4xx", "5xx"]


def _location(at: str) -> str:
    try:
        check_path(at)
    except ExtractFailed as error:
        raise ValueError(error.message) from None
    return at


# A JSON pointer when it is empty or starts with "/", else JMESPath.
Location = Annotated[str, AfterValidator(_location)]


def _of_task(template: str) -> str:
    return checked_template(template, allowed="task", required=True)


class AnswerRow(Section):
    """One row of the success table: which answers it is about, and what they mean. The first that fits decides.

    ``at`` and ``holds``: it fits only where the text ``holds`` (such as ``{key}``) is found there; ``at`` alone: where
    something is found there.
    """

    status: tuple[Status, ...] = ()
    at: Location | None = None
    holds: str | None = None
    means: Literal["kept", "look", "refused", "again"]

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if self.holds is not None and self.at is None:
            raise ValueError("holds needs at: where to look for it")
        if not self.status and self.at is None:
            raise ValueError("give status, at, or both: this row would fit every answer")
        return self


class LookFor(Section):
    """A GET that shows whether a message is kept: ``holds`` is found in the text that is ``at`` there.

    ``newest_first``: its first page is enough; else all pages are read. ``settle_seconds``: how long after a call a
    message may be missing there although it was taken.
    """

    path: Path
    query: dict[str, Scalar] = Field(default_factory=dict)
    at: Location
    holds: str = "{key}"
    newest_first: bool = False
    settle_seconds: float = Field(default=5.0, ge=0, le=3600, allow_inf_nan=False)


class WriteCall(Section):
    """How the task system is written to. ``idempotent``: it takes ``Idempotency-Key``, so that a repeat is harmless;
    else a message is looked for before it is repeated. ``kept``: what shows that a message is kept."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: Path
    query: dict[str, Scalar] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: JsonValue = "{report}"
    idempotent: bool = False
    kept: Literal["shown", "by-status"] = "shown"
    answers: tuple[AnswerRow, ...] = ()
    look: LookFor | None = None

    @model_validator(mode="after")
    def _is_found_again(self) -> Self:
        shown = self.look is not None or any(row.means == "kept" for row in self.answers)
        if self.kept == "shown" and not shown:
            raise ValueError('needs look, or a row of answers that means "kept"; else say kept = "by-status"')
        if self.look is None and not self.idempotent:
            raise ValueError("needs look, to find a message before it is repeated, unless idempotent = true")
        return self

    def faults(self, where: str, values: frozenset[str]) -> Iterator[Fault]:
        """What is wrong with its templates, beside the constants ``values`` of the configuration."""
        known, section = values | FIELDS, "values of the task system"
        yield from faults_in(f"{where}.path", self.path, values | _KEYED, values=section)
        yield from faults_in(f"{where}.query", dict(self.query), known - {"report"}, values=section)
        yield from faults_in(f"{where}.headers", dict(self.headers), values | HEADER_FIELDS, values=section)
        yield from faults_in(f"{where}.body", self.body, known, values=section)
        for name in sorted({name.lower() for name in self.headers} & _OWN_HEADERS):
            yield Fault(f"{where}.headers.{name}", "is set by the connector")
        for index, row in enumerate(self.answers):
            yield from faults_in(f"{where}.answers.{index}.holds", row.holds, _KEYED, values=section)
        if self.look is not None:
            yield from faults_in(f"{where}.look.path", self.look.path, values | _KEYED, values=section)
            yield from faults_in(f"{where}.look.query", dict(self.look.query), values | _KEYED, values=section)
            yield from faults_in(f"{where}.look.holds", self.look.holds, _KEYED, values=section)
            if not names_in(self.look.holds) & {"key", "run"}:
                yield Fault(f"{where}.look.holds", "must name {key} or {run}, else every message would be found")
        if not names_in([self.path, dict(self.query), self.body]) & {"key", "text", "title", "report", "report_json"}:
            yield Fault(f"{where}.body", "names none of {text}, {title}, {key} and {report}, so nothing would be found")
        try:
            json_bytes(self.body)
        except ValueError:
            yield Fault(f"{where}.body", "must hold no NaN and no infinity")


def own_shape(path: str) -> WriteCall:
    """The call of the product's own shape: the outcome as JSON, repeated by its key, and shown by the answer or a GET.

    ``path`` is not looked at: what was configured before is refused when it is sent, with the reason.
    """
    at = "outcome.run || run"
    row = AnswerRow(status=("2xx",), at=at, holds="{run}", means="kept")
    look = LookFor.model_construct(path=path, query={}, at=at, holds="{run}", newest_first=True, settle_seconds=1.0)
    return WriteCall.model_construct(
        method="PUT",
        path=path,
        query={},
        headers={},
        body="{report}",
        idempotent=True,
        kept="shown",
        answers=(row,),
        look=look,
    )


class TaskSystemConfig(Section):
    """``[tasks]``, or ``[task_systems.NAME]``. ``preset`` stands for the table in task_systems/; what is set here is
    laid over it."""

    connector: str
    workspace: str
    preset: str | None = None
    list_path: str = "/tasks?status=open"
    items_at: Location = "/items"
    next_at: Location = "/next"
    next_parameter: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.$\[\]-]{1,64}$")] | None = None
    key_at: Location = "/id"
    task_at: Location = ""
    runbook_at: Location = "/runbook"
    version_at: Location = "/runbook_version"
    payload_at: Location = "/payload"
    outcome_path: Annotated[str, Field(max_length=400), AfterValidator(_of_task)] = "/tasks/{task}/outcome"
    webhook_secret: SecretReference | None = None
    values: dict[Name, Scalar] = Field(default_factory=dict)
    statuses: dict[str, Scalar] = Field(default_factory=dict)
    text_format: Format = "text"
    outcome: WriteCall | None = None
    messages: WriteCall | None = None
    message_kinds: tuple[MessageKind, ...] = FURTHER

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, given: Any) -> Any:
        return with_preset(given) if isinstance(given, Mapping) and given.get("preset") is not None else given

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(str(fault) for fault in faults))
        return self

    def _faults(self) -> Iterator[Fault]:
        values = frozenset(self.values)
        for name in sorted(values & FIELDS):
            yield Fault(f"values.{name}", "is the name of a message's own field; choose another")
        yield from faults_in("list_path", self.list_path, values, values="values of the task system")
        if self.outcome is not None:
            yield from self.outcome.faults("outcome", values)
        if self.messages is not None:
            yield from self.messages.faults("messages", values)
        if MessageKind.OUTCOME in self.message_kinds:
            yield Fault("message_kinds", "holds further messages only: outcomes are always written")
        known = {*MessageKind, "completed", "exception", "cancelled", "not-attempted"} - {MessageKind.OUTCOME}
        for name in sorted(set(self.statuses) - known):
            yield Fault(f"statuses.{name}", f"is not known; use {', '.join(sorted(known))}")
