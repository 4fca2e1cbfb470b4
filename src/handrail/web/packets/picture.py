"""A picture that people clear: what must not leave is covered by one person, and attested by another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from handrail.kernel.errors import Conflict, Invalid
from handrail.packets.actions import redacting
from handrail.packets.actions.redacting import FoundInPicture, PictureView
from handrail.web.shell.request import PageRequest

_DIGITS, _MOST = 9, 500
_PARTS = ("page", "x", "y", "w", "h")
WHOLE = 1000


@dataclass(frozen=True, slots=True)
class BoxItem:
    """A box in the form: its text ``page,x,y,w,h``, and where it is on its page for the script."""

    text: str
    page: int
    label: str


@dataclass(frozen=True, slots=True)
class FoundItem:
    """``boxes``: the texts of the boxes that would cover it."""

    found: FoundInPicture
    page: int
    boxes: str


@dataclass(frozen=True, slots=True)
class PicturePage:
    """``pending``: the boxes that are in the form and not saved yet, or those of the last redaction."""

    view: PictureView
    pages: list[tuple[int, str]]
    items: list[BoxItem]
    found: list[FoundItem]
    query: str
    fault: str = ""
    refused: str = ""

    @property
    def uncovered(self) -> int:
        return sum(not one.found.covered for one in self.found)


@require_safe
def page(request: PageRequest, packet: str) -> HttpResponse:
    """The picture's pages, what was found in it, and what people have decided about it."""
    return _show(request, packet, request.GET)


@require_safe
def drawn(request: PageRequest, packet: str) -> HttpResponse:
    """One page with boxes, or with ``result`` what would leave: a PNG, newly drawn."""
    named = _named(packet, request.GET)
    if "result" in request.GET:
        return _png(redacting.result(**named, by=request.actor))
    number = _number(request.GET.get("page", ""))
    boxes = _boxes(request.GET.getlist("box"))
    return _png(redacting.page(**named, number=number, boxes=boxes, by=request.actor).png)


@require_POST
def redact(request: PageRequest, packet: str) -> HttpResponse:
    """Saves the boxes of the form; with ``preview`` only shows the pages with them."""
    given = request.POST
    texts = list(dict.fromkeys([*given.getlist("box"), *" ".join(given.getlist("cover")).split()]))
    added = [given.get(part, "").strip() for part in _PARTS]
    if any(added[1:]):
        texts.append(",".join(added))
    if "preview" in given:
        try:
            boxes = _boxes(texts)
        except Invalid as error:
            return _show(request, packet, given, texts=given.getlist("box"), fault=_fault(error), status=error.status)
        return _show(request, packet, given, texts=[_text(box) for box in boxes])

    def act() -> str:
        redacting.redact(
            **_named(packet, given) | {"revision": _number(given.get("revision", ""))},
            original_digest=given.get("original", ""),
            boxes=_boxes(texts),
            by=request.actor,
        )
        return "Redacted. Look at the result; another person has to attest it before it can leave."

    return _decide(request, packet, act, texts)


@require_POST
def attest(request: PageRequest, packet: str) -> HttpResponse:
    """Lets exactly the result that was shown leave."""

    def act() -> str:
        named = _named(packet, request.POST) | {"revision": _number(request.POST.get("revision", ""))}
        asked = redacting.attest(**named, digest=request.POST.get("digest", ""), by=request.actor)
        return f"Attested by you. Revision {asked.revision} is being assembled, and the picture leaves with it."

    answer = _decide(request, packet, act, None)
    if answer.status_code == 302:  # noqa: PLR2004
        return redirect(reverse("packet", args=[packet]))
    return answer


def _decide(request: PageRequest, packet: str, act: Callable[[], str], texts: list[str] | None) -> HttpResponse:
    try:
        done = act()
    except Invalid as error:
        return _show(request, packet, request.POST, texts=texts, fault=_fault(error), status=error.status)
    except Conflict as error:
        return _show(request, packet, request.POST, texts=texts, refused=error.message, status=error.status)
    messages.success(request, done)
    return redirect(reverse("packet-picture", args=[packet]) + f"?{_query(request.POST)}")


def _show(
    request: PageRequest,
    packet: str,
    given: Any,
    *,
    texts: list[str] | None = None,
    fault: str = "",
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    view = redacting.look(**_named(packet, given), by=request.actor)
    if texts is None:
        texts = [_text(box) for box in view.redaction.boxes] if view.redaction else []
    items = [_item(text) for text in texts if len(text.split(",")) == len(_PARTS)]
    query = _query(given)
    drawing = reverse("packet-picture-drawn", args=[packet])
    covering = urlencode([("box", item.text) for item in items])
    shown = PicturePage(
        view=view,
        pages=[(n, f"{drawing}?{query}&page={n}&{covering}") for n in range(1, view.pages + 1)],
        items=items,
        found=[
            FoundItem(one, one.finding.place[0].page, " ".join(map(_text, one.finding.place))) for one in view.findings
        ],
        query=query,
        fault=fault,
        refused=refused,
    )
    return render(request, "packets/picture.html", {"section": "packets", "picture": shown}, status=status)


def _named(packet: str, given: Any) -> dict[str, Any]:
    number = _number(given["revision"]) if given.get("revision") else None
    return {"ref": packet, "revision": number, "annex": given.get("annex", "")[:200]}


def _query(given: Any) -> str:
    return urlencode({name: given.get(name, "")[:200] for name in ("revision", "annex")})


def _boxes(texts: list[str]) -> list[list[int]]:
    """Raises Invalid for a text that is none."""
    boxes = []
    for text in texts[: _MOST + 1]:
        parts = text.split(",")
        if len(parts) != len(_PARTS) or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):  # noqa: PLR2004
            raise Invalid(f"A box is {', '.join(_PARTS)} in whole numbers: thousandths of the page, from 0 to {WHOLE}.")
        boxes.append([int(part) for part in parts])
    return boxes


def _text(box: Any) -> str:
    return ",".join(map(str, box))


def _item(text: str) -> BoxItem:
    page_, x, y, w, h = text.split(",")
    number = _number(page_)
    return BoxItem(text, number, f"Page {number}: {x}, {y}, {w} wide, {h} high")


def _fault(error: Invalid) -> str:
    return "; ".join(f"{fault.where}: {fault.message}" for fault in error.faults) or error.message


def _png(data: bytes) -> HttpResponse:
    response = HttpResponse(data, content_type="image/png")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Disposition"] = 'inline; filename="picture.png"'
    return response


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
