"""What all structural digests of one artifact share: its hosts, its pseudonyms, and the time of the entry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.urls import Urls

_INSTANT = re.compile(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,12})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_FINER = re.compile(r"(\.[0-9]{6})[0-9]{1,6}")  # than microseconds
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,80}")
_FURTHEST = 10**10  # seconds: a larger number can't be a time
_LONGEST_URL = 2048


@dataclass(frozen=True, slots=True)
class Frame:
    """``at`` is when the entry began, None when it doesn't say so."""

    redaction: Redaction
    urls: Urls
    at: datetime | None

    def whose(self, raw: Any) -> dict[str, str] | None:
        """``{"of": "vendor", "host": "sign.example.com"}`` of a URL or host; of another name, only whose it is."""
        if type(raw) is not str or not raw or len(raw) > _LONGEST_URL:
            return None
        host = self.urls.host_of(raw.strip())
        return {"of": host.of, "host": host.shown} if host is not None else {"of": "other"}

    def stand_in(self, raw: Any) -> str | None:
        """The pseudonym of an id."""
        return self.redaction.pseudonym(raw) if type(raw) is str and 0 < len(raw) <= _LONGEST_URL else None

    def key(self, raw: Any) -> str | None:
        """The id of a key: as it is if the packet shows it anyway, else its pseudonym."""
        if type(raw) is str and raw in self.redaction.context.key_ids and _KEY_ID.fullmatch(raw):
            self.redaction.own.add(raw)
            return raw
        return self.stand_in(raw)

    def seconds_until(self, when: datetime | None) -> int | None:
        """From the entry until ``when``; below 0 if that was before."""
        return round((when - self.at).total_seconds()) if when is not None and self.at is not None else None


def instant(raw: Any) -> datetime | None:
    """An xs:dateTime or a HAR's time, without a zone in UTC."""
    if type(raw) is not str or not _INSTANT.fullmatch(raw.strip()):
        return None
    try:
        found = datetime.fromisoformat(_FINER.sub(r"\1", raw.strip()))
    except ValueError:
        return None
    if not 1970 <= found.year <= 9000:  # noqa: PLR2004 # others can't be counted in seconds everywhere
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def numeric_date(raw: Any) -> datetime | None:
    """A JWT's NumericDate."""
    if type(raw) not in {int, float} or not 0 < raw < _FURTHEST:
        return None
    return datetime.fromtimestamp(int(raw), UTC)


def written(when: datetime | None) -> str | None:
    """``2026-11-22T10:15:02Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else None


def filled(made: dict[str, Any]) -> dict[str, Any]:
    """``made`` without what isn't there."""
    return {key: value for key, value in made.items() if value is not None}
