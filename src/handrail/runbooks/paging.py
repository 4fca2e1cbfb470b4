"""Where the next page of a task list is, as the task system says: in the page, or in its Link header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from handrail.connectors.http import links, wholeness
from handrail.connectors.outcome import Reading
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.taskitems import part

_REFERENCE_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class PullStop:
    """Why a pull did not come to the end of the list."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NextPage:
    """``path`` below the connector's URL, or a ``reference`` that is relative to the page before."""

    path: str = ""
    reference: str = ""

    @property
    def address(self) -> str:
        return self.path or self.reference


UNUSABLE = PullStop("next-unusable", "The task system names a next page in a form that is none: check next_at.")
SEVERAL = PullStop("next-unusable", "The task system's Link header names several next pages.")
MORE = PullStop("more", "The task system says that its list goes on, but next_at finds no next page.")
REPEATED = PullStop("next-repeated", "The task system names a page as the next one that was read already.")
LIMIT = PullStop("limit", "The list was longer than the pages that one pull reads.")
OTHER_ORIGIN = PullStop(
    "next-refused", "The next page is at another origin than the connector's base_url: it was not asked for."
)


def following(reading: Reading, system: TaskSystem, *, before: int | None = None) -> NextPage | PullStop | None:
    """The page after ``reading``; why there is none to be asked for; None at the end of the list. ``before``: how many
    items the pages before had; None for the first page."""
    named = part(reading.value, system.next_at)
    if system.next_parameter and (token := _token(named)):
        return NextPage(path=_with_parameter(system.list_path, system.next_parameter, token))
    if isinstance(named, str) and named.strip():
        reference = named.strip()
        if len(reference) > _REFERENCE_LIMIT or not reference.isascii() or any(c.isspace() for c in reference):
            return UNUSABLE
        return NextPage(path=reference) if reference.startswith("/") else NextPage(reference=reference)
    if named not in (None, False, "", 0, -1, [], {}) and not isinstance(named, str):
        return UNUSABLE
    return _by_link(reading) or _hidden(reading, before)


def _token(named: Any) -> str:
    """A token or offset as text; empty for what is none. No page behind another begins at 0."""
    if isinstance(named, float) and named.is_integer():
        named = int(named)
    if isinstance(named, bool) or not isinstance(named, str | int) or named in (0, -1):
        return ""
    return str(named).strip() and str(named)


def _by_link(reading: Reading) -> NextPage | PullStop | None:
    if not links.is_related(reading.link, "next"):
        return None
    target = links.target(reading.link, "next")
    return NextPage(reference=target) if target else SEVERAL


def _hidden(reading: Reading, before: int | None) -> PullStop | None:
    """Whether the only page, or the last one, says that it is not the whole list. Totals on a last page count the pages
    before too."""
    if before is None:
        whole = wholeness.part_of(reading.status, {}, reading.value) is None
    else:
        whole = wholeness.part_of(None, {}, _behind(reading.value, before), first=False) is None
    return None if whole else MORE


def _behind(page: Any, before: int) -> Any:
    """``page`` with ``before`` items more in its only list; None where it has none, or several."""
    path = wholeness.list_path(page)
    return None if path is None else _longer(page, path, before)


def _longer(value: Any, path: tuple[str, ...], by: int) -> Any:
    return {**value, path[0]: _longer(value[path[0]], path[1:], by)} if path else [*[None] * by, *value]


def _with_parameter(path: str, name: str, value: str) -> str:
    bare, _, query = path.partition("?")
    kept = [(key, one) for key, one in parse_qsl(query, keep_blank_values=True) if key != name]
    return f"{bare}?{urlencode([*kept, (name, value)])}"
