"""Headers that help to find one request again: trace contexts, and the ids that servers give to requests.

Ids of traces get the stand-ins that the spans have. Ids of requests stay as they are where the vendor's own host was
asked, so that the vendor finds them in its logs; elsewhere they get stand-ins. A value in no known form goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from handrail.packets.sanitise.hosts import public_address
from handrail.packets.sanitise.redaction import Redaction
from handrail.packets.sanitise.vocabulary import opens_doors, words

REQUEST_IDS = words(
    """
x-request-id x-requestid request-id requestid x-correlation-id x-correlationid correlation-id client-request-id
x-client-request-id x-ms-request-id x-ms-correlation-request-id x-ms-client-request-id x-ms-activity-id
x-okta-request-id x-amzn-requestid x-amz-request-id x-amz-cf-id x-amz-apigw-id cf-ray cf-request-id x-azure-ref
x-github-request-id x-trace-id x-transaction-id x-operation-id x-event-id x-akamai-request-id x-fastly-request-id
fastly-request-id x-vercel-id fly-request-id sb-request-id x-slack-req-id x-sfdc-request-id x-zendesk-request-id
x-auth0-requestid x-shopify-request-id x-cloud-request-id x-goog-request-id x-appengine-request-log-id x-ping-id
"""
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+/:|~-]{2,127}")
_NUMERIC = re.compile(r"[0-9._=+/:|~-]+")
_LONG_NUMBER, _SHORTEST = 20, 6
# A name with dots is a host, an address or a token in parts; with a port, a host; and keys have prefixes.
_ELSE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}:[0-9]{2,5}$|(?:sk|pk|rk|ghp|glpat|xox[a-z])[-_]|(?i:bearer|basic)\b")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_APART = re.compile(r"[/:|]")
_W3C = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.{0,99})?", re.S)
_B3 = re.compile(r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(-[01d])?(?:-([0-9a-f]{16}))?")
_JAEGER = re.compile(r"([0-9a-f]{1,32}):([0-9a-f]{1,16}):([0-9a-f]{1,16}):([0-9a-f]{1,2})")
_GOOGLE = re.compile(r"([0-9a-f]{32})(?:/([0-9]{1,20}))?(;o=[01])?")
_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_DOTTED = re.compile(r"\|?([0-9a-f]{32})\.([0-9a-f]{16})\.?")
_TRACE, _SPAN, _DECIMAL = (
    re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}"),
    re.compile(r"[0-9a-f]{16}"),
    re.compile(r"[0-9]{1,20}"),
)
_MARK = re.compile(r"[01d]|true|false|-1|2")


class Correlation:
    """Makes the values of such headers safe, for one artifact. ``names`` are those that it takes."""

    def __init__(self, redaction: Redaction) -> None:
        self._redaction = redaction
        self._traces: dict[str, Callable[[str], str | None]] = {
            "traceparent": self._w3c,
            "traceresponse": self._w3c,
            "b3": self._b3,
            "x-b3-traceid": lambda value: self._whole(_TRACE, value),
            "x-b3-spanid": lambda value: self._whole(_SPAN, value),
            "x-b3-parentspanid": lambda value: self._whole(_SPAN, value),
            "x-b3-sampled": _mark,
            "x-b3-flags": _mark,
            "uber-trace-id": self._jaeger,
            "x-amzn-trace-id": self._amazon,
            "x-cloud-trace-context": self._google,
            "x-datadog-trace-id": self._decimal,
            "x-datadog-parent-id": self._decimal,
            "x-datadog-sampling-priority": _mark,
        }
        own = {name for name in redaction.context.request_ids if not opens_doors(name)}
        self._requests = REQUEST_IDS | own - self._traces.keys()
        self.names = self._requests | self._traces.keys()

    def shown(self, name: str, value: str, suspects: frozenset[str], *, vendor: bool) -> str | None:
        """The value that may stand in the header ``name``, None where none may. ``vendor``: its host was asked."""
        value = value.strip()
        if name in self._traces:
            return self._traces[name](value.lower() if name != "x-amzn-trace-id" else value)
        if (found := _DOTTED.fullmatch(value.lower())) is not None:
            return f"|{self._trace(found[1])}.{self._span(found[2])}."
        if not _ID.fullmatch(value):
            return None
        if vendor and value not in suspects and _is_an_id(value):
            self._redaction.vouch(value, _APART.split(value))
            return value
        return self._redaction.pseudonym(value)

    def _trace(self, raw: str) -> str:
        return self._redaction.trace_id(raw, 32 if len(raw) > 16 else 16)  # noqa: PLR2004 # 64 bits

    def _span(self, raw: str) -> str:
        return self._redaction.trace_id(raw.rjust(16, "0"), 16)

    def _whole(self, form: re.Pattern[str], value: str) -> str | None:
        return self._trace(value) if form.fullmatch(value) else None

    def _w3c(self, value: str) -> str | None:
        found = _W3C.fullmatch(value)
        return f"{found[1]}-{self._trace(found[2])}-{self._span(found[3])}-{found[4]}" if found else None

    def _b3(self, value: str) -> str | None:
        found = _B3.fullmatch(value)
        if found is None:
            return _mark(value)
        parent = f"-{self._span(found[4])}" if found[4] else ""
        return f"{self._trace(found[1])}-{self._span(found[2])}{found[3] or ''}{parent}"

    def _jaeger(self, value: str) -> str | None:
        found = _JAEGER.fullmatch(value)
        if found is None:
            return None
        trace = self._trace(found[1].rjust(32 if len(found[1]) > 16 else 16, "0"))  # noqa: PLR2004 # 64 bits
        return f"{trace}:{self._span(found[2])}:{self._span(found[3])}:{found[4]}"

    def _google(self, value: str) -> str | None:
        found = _GOOGLE.fullmatch(value)
        if found is None:
            return None
        span = f"/{self._decimal(found[2]) or '0'}" if found[2] else ""
        return f"{self._trace(found[1])}{span}{found[3] or ''}"

    def _decimal(self, value: str) -> str | None:
        """A span's id in decimal digits, as the hexadecimal ones that its span has."""
        number = int(value) if _DECIMAL.fullmatch(value) else -1
        return self._span(f"{number:016x}") if 0 <= number < 1 << 64 else None

    def _amazon(self, value: str) -> str | None:
        kept = [part for piece in value.split(";")[:10] for part in self._field(*piece.strip().partition("=")[::2])]
        return ";".join(kept) or None

    def _field(self, name: str, value: str) -> Iterator[str]:
        value = value.lower()
        if name in {"Root", "Self"} and (root := _ROOT.fullmatch(value)):
            made = self._trace(root[1] + root[2])
            self._redaction.issue(made[8:])
            yield f"{name}=1-{made[:8]}-{made[8:]}"
        elif name == "Parent" and _SPAN.fullmatch(value):
            yield f"{name}={self._span(value)}"
        elif name == "Sampled" and _MARK.fullmatch(value):
            yield f"{name}={value}"


def _is_an_id(value: str) -> bool:
    """Whether it has the form of a request's id and of nothing else: no address, host, number of somebody, or key."""
    if _NUMERIC.fullmatch(value):
        return sum(c.isdigit() for c in value) >= _LONG_NUMBER
    return (
        len(value) >= _SHORTEST
        and any(c.isdigit() for c in value)
        and "." not in value
        and not _ELSE.match(value)
        and public_address(value) is None
        and not _is_iban(value)
    )


def _is_iban(value: str) -> bool:
    compact = value.replace("-", "").upper()
    if not _IBAN.fullmatch(compact):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def _mark(value: str) -> str | None:
    return value if _MARK.fullmatch(value) else None
