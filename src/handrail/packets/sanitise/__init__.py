"""Artifact sanitisers: bytes from outside in, bytes that may leave out, with the lineage of both.

``sanitise("har/v1", data)`` never raises for bad bytes: what can't be cleared comes back uncleared, with reasons.
Pure functions of the bytes, the context and RULES; no clock, no files, no database. Files are the blob store's, which
follows no link.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from handrail.kernel.canonical import digest_bytes
from handrail.kernel.errors import Invalid
from handrail.packets.sanitise import har, log, otlp, pictures, threads
from handrail.packets.sanitise.context import SanitiseContext
from handrail.packets.sanitise.guard import Limits, SanitiseRefused, read_json
from handrail.packets.sanitise.places import Places, located
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.result import EXTENSION, MEDIA_TYPE, Reason, Sanitised
from handrail.packets.sanitise.scan import Doubt, doubts, reused, stands_in, suspects
from handrail.packets.sanitise.urls import Urls

__all__ = ["RULES", "SANITISERS", "Limits", "Reason", "Refused", "SanitiseContext", "Sanitised", "sanitise"]

RULES = "rules/3"  # raised with every change of what may stay: vocabulary, headers, keys, shapes

_MOST_PASSES = 6  # each hides what the one before found; what is doubtful after the last holds the artifact

_MOST_DOUBTS = 50  # of one rule, for which places are looked up


class Rebuilding(Protocol):
    """What each sanitiser offers: one pass over a parsed document."""

    redaction: Redaction
    urls: Urls
    fields: Counter[str]

    def rebuild(self, document: Any) -> str | None: ...


@dataclass(frozen=True, slots=True)
class RegisteredSanitiser:
    """A sanitiser: what it makes of a parsed document, and which declared content types it takes."""

    start: Callable[[SanitiseContext, frozenset[str]], Rebuilding]
    content_types: frozenset[str]
    wants: str
    read: Callable[[bytes, str | None, Limits | None], Any] | None = None  # instead of JSON
    media_type: str = MEDIA_TYPE
    extension: str = EXTENSION
    lines: bool = False  # one JSON object a line is taken too


SANITISERS: Mapping[str, RegisteredSanitiser] = {
    "har/v1": RegisteredSanitiser(har.Har, har.CONTENT_TYPES, "an object with log.entries, a list of objects"),
    "otlp/v1": RegisteredSanitiser(
        otlp.Otlp, otlp.CONTENT_TYPES, "an object with resourceSpans, a list of objects", lines=True
    ),
    "log/v1": RegisteredSanitiser(
        log.Log, log.CONTENT_TYPES, "a text log", log.read, media_type=log.MEDIA_TYPE, extension=log.EXTENSION
    ),
    "threads/v1": RegisteredSanitiser(
        threads.Threads,
        threads.CONTENT_TYPES,
        "a thread dump of a JVM, .NET, Go or Python",
        threads.read,
        media_type=threads.MEDIA_TYPE,
        extension=threads.EXTENSION,
    ),
    pictures.NAME: RegisteredSanitiser(log.Log, frozenset(), "a picture", pictures.read),
}


def sanitise(
    sanitiser: str,
    data: bytes,
    *,
    content_type: str | None = None,
    limits: Limits | None = None,
    context: SanitiseContext | None = None,
) -> Sanitised:
    """``data`` rebuilt by ``sanitiser`` (a key of SANITISERS), or the reasons why it is held.

    ``content_type`` is what the store declared, None when nothing. ``context`` is the packet's; without one the
    pseudonyms are those of these bytes alone. Raises Invalid for an unknown sanitiser only.
    """
    kind = SANITISERS.get(sanitiser)
    if kind is None:
        raise Invalid(f"There is no sanitiser of that name; there are: {', '.join(SANITISERS)}.", code="no-sanitiser")
    with _without_collection():
        return _sanitise(sanitiser, kind, data, content_type, limits, context or SanitiseContext.alone(data))


@contextmanager
def _without_collection() -> Iterator[None]:
    """No cycle search while thousands of fresh, acyclic JSON values are built: it would find nothing, over and over."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _sanitise(  # noqa: PLR0917 # of one caller
    sanitiser: str,
    kind: RegisteredSanitiser,
    data: bytes,
    content_type: str | None,
    limits: Limits | None,
    context: SanitiseContext,
) -> Sanitised:
    original = digest_bytes(data)
    try:
        document = _read(kind, data, content_type, limits)
        passed, output, doubtful = _passes(kind, document, context)
    except SanitiseRefused as error:
        return _held(sanitiser, original, {}, Reason(error.code, error.message))
    if output is None:
        return _held(sanitiser, original, {}, Reason("not-this-kind", f"The artifact is not {kind.wants}."))
    cleared = output.encode("ascii")
    report = _report(passed, doubtful, len(data), len(cleared))
    had, has = getattr(passed, "items", (0, 0))
    if had != has:
        why = Reason("content-lost", f"The artifact has {had} entries or spans; {has} would be left, so none leaves.")
        return _held(sanitiser, original, report, why)
    if doubtful:
        reasons = _reasons(doubtful, output)
        report["places"] = {reason.code: list(reason.places) for reason in reasons}
        return _held(sanitiser, original, report, *reasons)
    return Sanitised(
        original, digest_bytes(cleared), sanitiser, RULES, report, cleared,
        cleared=True, reasons=(), media_type=kind.media_type, extension=kind.extension,
    )  # fmt: skip


def _read(kind: RegisteredSanitiser, data: bytes, content_type: str | None, limits: Limits | None) -> Any:
    if kind.read is not None:
        return kind.read(data, content_type, limits)
    return read_json(data, content_type=content_type, expected=kind.content_types, limits=limits, lines=kind.lines)


def _passes(
    kind: RegisteredSanitiser, document: Any, context: SanitiseContext
) -> tuple[Rebuilding, str | None, list[Doubt]]:
    """The last pass: that after which nothing more is to be hidden, or the last one allowed."""
    hidden: frozenset[str] = frozenset()
    for _ in range(_MOST_PASSES - 1):
        passed, output, doubtful = _pass(kind, document, context, hidden)
        found = _suspects(passed, doubtful) - hidden
        if not found:
            return passed, output, doubtful
        hidden |= found
        del passed, output, doubtful  # what a pass remembers goes before the next begins
    return _pass(kind, document, context, hidden)


def _pass(
    kind: RegisteredSanitiser, document: Any, context: SanitiseContext, suspects: frozenset[str]
) -> tuple[Rebuilding, str | None, list[Doubt]]:
    started = kind.start(context, suspects)
    output = started.rebuild(document)
    found = doubts(output, started.redaction) if output is not None else []
    lets = getattr(started, "lets", None)  # of a kind whose own rules let through what looks like a secret
    return started, output, [one for one in found if lets is None or not lets(one.rule, one.text)]


def _suspects(passed: Rebuilding, doubtful: list[Doubt]) -> frozenset[str]:
    """Texts that known words spell, in which something doubtful can be read, and shown ids that are credentials too.

    A further pass gives them pseudonyms.
    """
    blamed = suspects(doubtful, passed.redaction.spelled) if doubtful else frozenset()
    return blamed.union(reused(passed.redaction))


def _reasons(doubtful: list[Doubt], output: str) -> list[Reason]:
    by_rule: dict[str, list[Doubt]] = {}
    for doubt in doubtful:
        by_rule.setdefault(doubt.rule, []).append(doubt)
    reasons = []
    for rule, ones in sorted(by_rule.items()):
        found = _places(output, ones[:_MOST_DOUBTS])
        message = f"After sanitising, {len(ones)} kept value(s) still look like a secret by the rule '{rule}'"
        message += f": {found}." if found.places else "."
        reasons.append(Reason(f"doubtful-{rule}", message, found.places, found.more))
    return reasons


def _places(output: str, ones: list[Doubt]) -> Places:
    """Where they are. Only where none of them stands as it is, texts are decoded to find them."""
    plain = located(output, lambda text: any(stands_in(text, one) for one in ones))
    if plain.places:
        return plain
    return located(output, lambda text: any(stands_in(text, one, decoded=True) for one in ones))


def _report(passed: Rebuilding, doubtful: list[Doubt], bytes_in: int, bytes_out: int) -> dict[str, Any]:
    return {
        "bytes": {"original": bytes_in, "cleared": bytes_out},
        "removed": passed.redaction.counts(),
        "pseudonyms": passed.redaction.pseudonyms(),
        "kept": dict(sorted(passed.fields.items())),
        "doubtful": dict(sorted(Counter(doubt.rule for doubt in doubtful).items())),
    }


def _held(sanitiser: str, original: str, report: Mapping[str, Any], *reasons: Reason) -> Sanitised:
    return Sanitised(original, None, sanitiser, RULES, report, None, cleared=False, reasons=reasons)
