"""One line of text, piece by piece: what programs write stays, what is somebody's gets a stand-in.

URLs, hosts and paths go by the rules of captures, so that a log and a capture of one packet agree about them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from handrail.packets.sanitise.hosts import public_address, registered_under
from handrail.packets.sanitise.logwords import (
    AFTER_DOORS,
    COUNTED,
    DOORS,
    MACHINES,
    NAMED_DOORS,
    OWNERS,
    PUBLIC,
    SERVERS,
    SOURCES,
    UNITS,
    is_known,
    is_somebodys,
    label_before,
    public_prefix,
)
from handrail.packets.sanitise.punctuation import LONGEST, separator, spelling
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import Urls
from handrail.packets.sanitise.vocabulary import words

ANY = "<*>"  # stands for what a template leaves open, and for what opens doors
# Between pieces; a quote and brackets among them, which are written as marks that JSON needs no escape for.
_SPLIT = re.compile(r"""([\s"'`<>()\[\]{},;|\\]+)""")
_SENTENCE_ENDS = ".!?"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://.+", re.S)
_NAMED = re.compile(r"([A-Za-z@_$][A-Za-z0-9@_.$-]{0,60})(=|:=|:)(.*)", re.S)
_TIME_OF_DAY = re.compile(r"[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?")
_DATE = re.compile(r"20[2-3][0-9][-/][01][0-9][-/][0-3][0-9]|[0-3][0-9]/[A-Z][a-z]{2}/20[2-3][0-9]")
_STAMP = re.compile(rf"(?:{_DATE.pattern})[T:](?:{_TIME_OF_DAY.pattern})")
_IPV4 = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3})((?::[0-9]{1,5}|/[0-9]{1,2})?)")
_IPV6 = re.compile(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}")
_HOST = re.compile(r"((?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})\.){1,10}[A-Za-z][A-Za-z0-9-]{1,40})((?::[0-9]{1,5})?)")
_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f]{8,}|0x[0-9A-Fa-f]{1,16}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OFFSET = re.compile(r"\+0x[0-9a-f]{1,5}")  # where in a function a frame is
_NUMBER = re.compile(r"([+-]?)([0-9]{1,9})((?:\.[0-9]{1,6})?)([A-Za-z%]{0,7})")
_SOURCE = re.compile(r"([A-Za-z0-9_.$-]{1,80})\.([a-z]{1,4})(:[0-9]{1,5}(?::[0-9]{1,4})?)?")
_DOTTED = re.compile(r"[A-Za-z_$][\w$/~-]{0,120}(?:\.[\w$*~+-]{1,120}){1,20}", re.A)
_LAYERED = re.compile(r"[A-Za-z_@][\w.@-]{0,60}(?:/[\w.$@~-]{1,120}){1,12}", re.A)
_DOTS = re.compile(r"([./])")
_WORD_ENDS, _RUN_ENDS = re.compile(r"[^a-z]+"), re.compile(r"[=@%+]+")
_NUMBERS_BEGIN = frozenset("+-0123456789abcdefABCDEF")  # times, numbers and hexadecimal digits begin with one of these
_JOINS = frozenset("@:./")  # addresses, places and dotted names have one of these
_MACHINE = re.compile(r"[A-Za-z][A-Za-z-]{0,40}[0-9][A-Za-z0-9-]{0,20}")
_DIGITS_OF_ONE = 6  # the point of a decimal counts
_COUNTRY, _LONGEST_STOP = 2, 3
_MOST_LINES, _MOST_PIECES = 2_048, 4_096  # kept at a time of what was worked out
_OF_TRACES = (16, 32)  # digits of the ids of spans and traces: the same stand-ins as in the packet's traces
_REVERSED = frozenset(name.partition(".")[0] for name in PUBLIC) | {
    "com", "org", "net", "io", "de", "fr", "nl", "at", "ch", "uk", "eu", "se", "no", "dk", "es", "it", "ca", "au",
}  # fmt: skip
_PLAIN_ENDS = words("com net org edu gov io dev app cloud example test")
_DAYS = words("Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec UTC GMT AM PM")


class CleanedLine(NamedTuple):
    """``text`` as it may leave, ``template`` the same with everything open that differs from line to line."""

    text: str
    template: str


class Piece(NamedTuple):
    shown: str
    open: str  # the same in a template


class Lines:
    """Cleans the lines of one artifact. ``allowed``: every piece that was let through by a rule of ours."""

    def __init__(self, redaction: Redaction, urls: Urls) -> None:
        self._redaction = redaction
        self._urls = urls
        self.allowed: set[str] = set()
        self._stand_ins: set[str] = set()
        self._hay: str | None = None  # all of both, made when the output is complete
        self._pieces: dict[tuple[str, str], Piece] = {}
        self._lines: dict[str, CleanedLine] = {}
        self._counted: set[int] = set()  # hashes of lines worked out before, whose removals are counted

    def clean(self, line: str, place: str) -> CleanedLine:
        """``line`` without what is somebody's; removals are counted under ``place``."""
        found = self._lines.get(line)
        if found is None:
            if len(self._lines) >= _MOST_LINES:
                self._counted.update(map(hash, self._lines))
                self._lines.clear()
            made = _Line(self, line)
            found = self._lines[line] = made.cleaned()
            if made.removed and hash(line) not in self._counted:
                self._redaction.tally("unknown-word", place, made.removed)
        return found

    def word(self, text: str, place: str) -> str:
        """A name, such as a logger's, by the same rules."""
        return self.clean(text, place).text

    def drop(self, text: str) -> Piece:
        """What opens doors: only its place is shown. A plain word is nobody's for being somebody's password."""
        if not (text.islower() and is_known(text)):
            self._redaction.remember("authorisation", text)
        return Piece(ANY, ANY)

    def piece(self, text: str, before: str) -> Piece:
        """One piece between separators. ``before``: the word before it."""
        key = (text, before if text[:1].isdigit() or text[:1] in "+-" or ":" in text else "")
        found = self._pieces.get(key)
        if found is None:
            if len(self._pieces) >= _MOST_PIECES:
                self._pieces.clear()
            found = self._pieces[key] = self._piece(text, before)
        return found

    def _piece(self, text: str, before: str) -> Piece:
        if len(text) > LONGEST:
            self._redaction.remember("unknown-word", text)
            return Piece(ANY, ANY)
        if self._known(text):
            return Piece(text, text)
        if text[0] in _NUMBERS_BEGIN and (found := self._time(text) or self._number(text, before)) is not None:
            return found
        if not _JOINS.isdisjoint(text):
            found = self._address(text, before) or self._located(text) or self._dotted(text)
            if found is not None:
                return found
        return self._stand_in(text)

    def _known(self, text: str) -> bool:
        if text in self._urls.suspects or not (text in _DAYS or is_known(text)):
            return False
        self.allowed.add(text)
        self._redaction.spelled.add(text)
        return True

    def _allow(self, text: str, template: str | None = None) -> Piece:
        self.allowed.add(text)
        return Piece(text, text if template is None else template)

    def _stand_in(self, text: str, shape: str | None = None) -> Piece:
        return Piece(self._named(text, shape), ANY)

    def _named(self, text: str, shape: str | None = None) -> str:
        name = self._redaction.pseudonym(text, shape)
        self._stand_ins.add(name)
        return name

    def _time(self, text: str) -> Piece | None:
        if _STAMP.fullmatch(text) or _TIME_OF_DAY.fullmatch(text) or _DATE.fullmatch(text):
            return self._allow(text, ANY)
        return None

    def _number(self, text: str, before: str) -> Piece | None:
        if len(text) in _OF_TRACES and _HEX.fullmatch(text):
            shown = self._redaction.trace_id(text, len(text))
            self._stand_ins.add(shown)
            return Piece(shown, ANY)
        if _OFFSET.fullmatch(text):
            return self._allow(text, ANY)
        found = _NUMBER.fullmatch(text)
        if found is None:
            return self._stand_in(text) if text.isdigit() or _HEX.fullmatch(text) else None
        unit = found[4].lower()
        if unit and unit not in UNITS and unit != "%":
            return self._stand_in(text) if _HEX.fullmatch(text) else None
        if before in OWNERS or is_somebodys(found[2], found[3], unit, before):
            return self._stand_in(text, "num")
        return self._allow(text, f"{ANY}{found[4]}")

    def _address(self, text: str, before: str) -> Piece | None:
        if "@" in text.strip("@"):
            return self._stand_in(text, "mail")
        if found := _IPV4.fullmatch(text):
            if before not in SERVERS and public_address(found[1]):
                return Piece(self._named(found[1], "ip") + found[2], ANY)
            return Piece(self._urls.host(found[1]) + found[2], ANY)
        if _IPV6.fullmatch(text) and (shown := self._urls.address(text)) is not None:
            return Piece(shown if before in SERVERS else self._named(text, "ip"), ANY)
        return None

    def machine(self, text: str) -> Piece:
        """The name of a machine, as a capture would show it."""
        return Piece(self._urls.host(text), ANY)

    def _located(self, text: str) -> Piece | None:
        if _URL.fullmatch(text):
            return Piece(self._urls.once(text, "lines"), ANY)
        found = _SOURCE.fullmatch(text)
        if found is not None and found[2] in SOURCES:
            stem = found[1]
            shown = stem if is_known(stem) else self._named(stem)
            return self._allow(f"{shown}.{found[2]}{found[3] or ''}")
        folder, slash, last = text.rpartition("/")
        if slash and text.startswith("/") and (found := _SOURCE.fullmatch(last)) is not None and found[2] in SOURCES:
            parts = [part if not part or is_known(part) else self._named(part) for part in folder.split("/")]
            return self._allow("/".join([*parts, self._located(last).shown]))  # type: ignore[union-attr]
        if text.startswith("/") or _drive(text):
            return Piece(self._urls.once(text, "lines"), ANY)
        return None

    def _dotted(self, text: str) -> Piece | None:
        """Hosts, classes, packages, loggers: names with dots."""
        found = _HOST.fullmatch(text)
        if found is not None and _is_host(found[1].lower().split("."), ported=bool(found[2])):
            return Piece(self._urls.host(found[1]) + found[2], ANY)
        if not (_DOTTED.fullmatch(text) or _LAYERED.fullmatch(text)):
            return None
        known = public_prefix(text)
        parts = _DOTS.split(text[len(known) :])
        shown = [self._member(part) for part in parts]
        same = [part if part == one else ANY for part, one in zip(parts, shown, strict=True)]
        return self._allow(known + "".join(shown), known + "".join(same))

    def _member(self, part: str) -> str:
        if not part or part in "./" or is_known(part):
            return part
        return self._named(part)

    def lets(self, rule: str, text: str) -> bool:
        """Whether ``text`` of the output, doubtful by ``rule``, is only made of what a rule of ours let through.

        A dropped value that came back may stay where it is plain words: these are nobody's.
        """
        if rule == "dropped-value":
            words = [piece for piece in _WORD_ENDS.split(text) if piece]
            return text.islower() and all(is_known(word) or word in DOORS or word in AFTER_DOORS for word in words)
        if self._hay is None:
            self._hay = "\n".join([*self.allowed, *self._stand_ins])
        return all(piece.rstrip(".") in self._hay for piece in _RUN_ENDS.split(text) if piece)


class _Line:
    """One line on its way. ``_guarded``: a word that opens doors was read, and its clause has not ended."""

    def __init__(self, lines: Lines, line: str) -> None:
        self._lines = lines
        parts = _SPLIT.split(line)
        self._parts = parts
        self._shown: list[str] = []
        self._open: list[str] = []
        self.removed = 0
        self._guarded = False
        self._before = ""
        self._at = 0  # which of _parts is on its way
        self._numbers: list[int] = []  # where in _shown bare numbers stand in a row
        self._digits = 0
        self._raw: list[str] = []

    def cleaned(self) -> CleanedLine:
        for at, part in enumerate(self._parts):
            self._at = at
            if at % 2:
                self._separator(part)
            elif part.isalpha():
                self._one(part)
            elif part:
                self._chunk(part)
        self._end_numbers()
        return CleanedLine("".join(self._shown), "".join(self._open))

    def _unit(self) -> str:
        """The piece that follows, which may be a number's unit."""
        following = self._at + 2
        return self._parts[following].strip(".:!?").lower() if following < len(self._parts) else ""

    def _separator(self, part: str) -> None:
        found = separator(part)
        if found.ends_clause:
            self._guarded = False
        if found.ends_numbers:
            self._end_numbers()
        self._shown.append(found.shown)
        self._open.append(found.shown)

    def _chunk(self, part: str) -> None:
        ends = len(part.rstrip(".:!?…"))
        core, tail, before = part[:ends], part[ends:], self._before
        if not core or not (core.isalnum() or any(map(str.isalnum, core))):
            tail = "".join(c for c in part[:_LONGEST_STOP] if c.isascii())
            self._put(Piece(tail[:3], tail[:3]), tail[:3])
            return
        named = _NAMED.fullmatch(core) if ":" in core or "=" in core else None
        if named is not None and not _URL.fullmatch(core) and not _drive(core) and self._is_name(named):
            self._pair(named)
        else:
            self._one(core)
        if tail:
            kept = "".join(c for c in tail[:_LONGEST_STOP] if c.isascii())
            self._shown.append(kept)
            self._open.append(kept)
            if ":" in tail and self._before in NAMED_DOORS:
                self._guarded = True
            elif tail == ":":
                self._before = label_before(core, self._before, before)
            elif tail[-1] in _SENTENCE_ENDS:
                self._guarded = False

    @staticmethod
    def _is_name(named: re.Match[str]) -> bool:
        """``key=value`` and ``key:value``; not ``host:443``, ``Class.java:12`` or ``Foo::bar``."""
        return named[2] != ":" or not (named[3][:1].isdigit() or named[3][:1] == ":" or "." in named[1])

    def _pair(self, named: re.Match[str]) -> None:
        self._end_numbers()
        self._guarded = False
        before = self._before
        self._one(named[1])
        self._before = label_before(named[1], self._before, before)
        self._shown.append(named[2])
        self._open.append(named[2])
        spelled = spelling(named[1])
        if spelled.opens or spelled.opens_at_once:
            self._guarded = True
        if not named[3]:
            return
        if self._guarded and not _URL.fullmatch(named[3]):
            self._put(self._lines.drop(named[3]), named[3])
        else:
            self._chunk(named[3])

    def _one(self, core: str) -> None:
        if self._guarded:
            piece = self._guarded_piece(core, core.lower())
        else:
            measured = core[0].isdigit() and self._before not in OWNERS and (unit := self._unit()) in COUNTED
            named = self._before in MACHINES and _MACHINE.fullmatch(core)
            before = unit if measured else self._before
            piece = self._lines.machine(core) if named else self._lines.piece(core, before)
        self._put(piece, core)
        spelled = spelling(core) if len(core) <= LONGEST else spelling.__wrapped__(core)
        if spelled.opens and "." not in core:  # a class is not what it is called after
            self._guarded = True
        if spelled.last or core.isdigit():
            self._before = spelled.last

    def _guarded_piece(self, core: str, lower: str) -> Piece:
        if lower in AFTER_DOORS or lower in DOORS or core in {"=", "->", "-", "=>"}:
            return self._lines._allow(core)
        found = self._lines.piece(core, "")
        if _URL.fullmatch(core) or _IPV4.fullmatch(core) or _STAMP.fullmatch(core):
            return found
        return self._lines.drop(core)

    def _put(self, piece: Piece, raw: str) -> None:
        if not raw[:1].isalpha() and _bare(raw):
            digits = sum(map(str.isdigit, raw))
            self._numbers.append(len(self._shown))
            self._raw.append(raw)
            self._digits += digits
        elif self._numbers and raw not in {"-", "/", "+", "."}:
            self._end_numbers()
        if piece.shown != raw:
            self.removed += 1
        self._shown.append(piece.shown)
        self._open.append(piece.open)

    def _end_numbers(self) -> None:
        """Groups of digits that may be one number, such as a telephone's: none of them stays.

        Two groups are status and size as often; they are one number where the first begins like a telephone's.
        """
        many = len(self._numbers) > 2 or (len(self._numbers) > 1 and self._raw[0][0] in "+0")  # noqa: PLR2004
        if many and self._digits > _DIGITS_OF_ONE:
            for at, raw in zip(self._numbers, self._raw, strict=True):
                self._shown[at] = self._open[at] = ANY
                self._lines._redaction.dropped.add(raw)
                self.removed += 1
        self._numbers.clear()
        self._raw.clear()
        self._digits = 0


def _bare(raw: str) -> bool:
    return raw.strip("+-./").replace("-", "").replace(".", "").replace("/", "").isdigit() and not _IPV4.fullmatch(raw)


def _drive(text: str) -> bool:
    return len(text) > 2 and text[0].isalpha() and text[1] == ":" and text[2] in "\\/"  # noqa: PLR2004


def _is_host(labels: list[str], *, ported: bool) -> bool:
    """Two labels are one only under an end that nobody bears as a family name, as ``wei.li`` does."""
    if ported:
        return True
    if len(labels) == _COUNTRY:
        return labels[1] in _PLAIN_ENDS
    return labels[0] not in _REVERSED and registered_under(labels) > 0
