"""One annex, read on the page: a capture as a waterfall, a trace as a tree, a log as lines, anything else as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from handrail.access.capabilities import Capability
from handrail.packets import queries
from handrail.packets.actions import viewing
from handrail.packets.actions.viewing import PAGE, AnnexContent, AskedPart, OpenedAnnex, ShownRow
from handrail.packets.queries import PacketDetail
from handrail.packets.review import AnnexView
from handrail.web.packets import seen_view, values
from handrail.web.packets.seen_view import SeenSection
from handrail.web.shell import paging
from handrail.web.shell.reading import in_one_moment
from handrail.web.shell.request import PageRequest

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class AnnexPage:
    """``beside``: the original is shown too. ``other_url``: the same place with, or without, it; None where the actor
    may not see it, or there is none. ``row_url``, ``page_url``: up to the number that they end in."""

    detail: PacketDetail
    annex: AnnexView
    content: AnnexContent
    beside: bool
    seen: SeenSection | None
    removed: list[tuple[str, int]]
    other_url: str | None
    picture_url: str | None
    row_url: str
    page_url: str
    back_url: str
    before: str | None
    after: str | None
    asked: AskedPart = field(default_factory=AskedPart)

    @property
    def number(self) -> int:
        return self.detail.summary.revision.number

    @property
    def drawn(self) -> bool:
        """Whether its rows stand on a line of time, and can be opened one by one."""
        return self.content.kind in ("waterfall", "tree")

    @property
    def width(self) -> int:
        """How many columns its rows have."""
        return 1 + len(self.content.columns) + self.drawn + (self.beside and self.drawn)

    @property
    def rows(self) -> list[tuple[ShownRow, list[tuple[str, str, str | None]]]]:
        """Each row with its cells: the column's name, what leaves, and what the original has there if it differs."""
        columns = self.content.columns
        return [
            (row, [(name, cell, row.before.get(name)) for name, cell in zip(columns, row.cells, strict=True)])
            for row in self.content.rows
        ]

    @property
    def list_url(self) -> str:
        row = self.asked.row or 1
        return f"{self.page_url}{-(-row // PAGE)}"

    @property
    def row_before(self) -> str | None:
        row = self.asked.row or 0
        return f"{self.row_url}{row - 1}" if row > 1 else None

    @property
    def row_after(self) -> str | None:
        row = self.asked.row or 0
        return f"{self.row_url}{row + 1}" if 0 < row < self.content.part.total else None

    @property
    def kind_template(self) -> str:
        shape = {"waterfall": "rows", "tree": "rows", "lines": "rows"}.get(self.content.kind, "values")
        return f"packets/parts/annex_{shape}.html"


@require_safe
@in_one_moment
def page(request: PageRequest, packet: str) -> HttpResponse:
    return _page(request, packet, viewing.open_cleared, beside=False)


@require_safe
def original(request: PageRequest, packet: str) -> HttpResponse:
    """The original beside what leaves of it. Each time that it is opened is in the audit log."""
    return _page(request, packet, viewing.open_original, beside=True)


def _page(request: PageRequest, packet: str, opened: Callable[..., OpenedAnnex], *, beside: bool) -> HttpResponse:
    name = request.GET.get("name", "")
    number = _number(request.GET["revision"]) if request.GET.get("revision") else None
    asked = AskedPart(_number(request.GET.get("page", "")) or 1, _number(request.GET.get("row", "")) or None)
    found = opened(ref=packet, revision=number, name=name, asked=asked, by=request.actor)
    detail = queries.get_packet(request.actor, packet, number)
    shown = present(detail, found, asked, beside=beside, may_redact=request.actor.may(Capability.PACKET_CLEAR_HOLD))
    response = render(request, "packets/annex.html", {"section": "packets", "packet": shown})
    response.headers["Cache-Control"] = "no-store"
    return response


def present(detail: PacketDetail, found: OpenedAnnex, asked: AskedPart, *, beside: bool, may_redact: bool) -> AnnexPage:
    """A picture's original is not shown here: who may redact it sees it on the page where that is done."""
    ref, revision = detail.summary.ref, str(detail.summary.revision.number)
    annex = next((one for one in detail.annexes if one.name == found.annex.name), found.annex)
    way = seen_view.way(detail)
    place = {"name": annex.name, "revision": revision}
    here = reverse("packet-original" if beside else "packet-annex", args=[ref])
    there = reverse("packet-annex" if beside else "packet-original", args=[ref])
    known = {key: str(value) for key, value in (("page", asked.page), ("row", asked.row)) if value not in (None, 1)}
    names = [one.name for one in sorted(detail.annexes, key=values.by_name)]
    at = names.index(annex.name) if annex.name in names else 0
    shown = values.annex_rows([annex], way)[0]
    may_see = found.may_see_original and annex.original_digest is not None and not annex.picture
    picture = reverse("packet-picture", args=[ref]) + paging.query(revision=revision, annex=annex.name)
    return AnnexPage(
        detail=detail,
        annex=annex,
        content=found.content,
        beside=beside,
        seen=shown.seen,
        removed=shown.by_rule,
        other_url=there + paging.query(**place, **known) if may_see else None,
        picture_url=picture if annex.picture and may_redact else None,
        row_url=here + paging.query(**place, **{k: v for k, v in known.items() if k == "page"}) + "&row=",
        page_url=here + paging.query(**place) + "&page=",
        back_url=reverse("packet", args=[ref]) + f"?revision={revision}#{shown.id}",
        before=_of(ref, revision, names[at - 1]) if at > 0 else None,
        after=_of(ref, revision, names[at + 1]) if at + 1 < len(names) else None,
        asked=asked,
    )


def _of(ref: str, revision: str, name: str) -> str:
    return reverse("packet-annex", args=[ref]) + paging.query(name=name, revision=revision)


def _number(text: str) -> int:
    """A number as an address names it; 0, which nothing has, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
