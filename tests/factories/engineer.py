# ruff: noqa: E501  one question a line reads better than wrapped
"""The vendor's engineer: twenty questions of a federation outage, each answered from a received package alone.

The questions stand in docs/guides/what-a-packet-answers.md as well. An answer is plain data; None or empty is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from tests.factories.practice_packet import Received

Record = dict[str, Any]
Answer = Callable[[Received], Any]
QUESTIONS: dict[str, Answer] = {}
_BAD = 400


def question(text: str) -> Callable[[Answer], Answer]:
    def add(answer: Answer) -> Answer:
        QUESTIONS[text] = answer
        return answer

    return add


def entries(r: Received) -> Iterator[Record]:
    for capture in r.annexes("har"):
        yield from capture["log"]["entries"]


def spans(r: Received) -> Iterator[Record]:
    for trace in r.annexes("trace"):
        for group in trace["resourceSpans"]:
            for scope in group["scopeSpans"]:
                yield from scope["spans"]


def attributes(span: Record) -> dict[str, str]:
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


def header(entry: Record, name: str, side: str = "response") -> str:
    return next((one["value"] for one in entry[side]["headers"] if one["name"].lower() == name), "")


def vendor_host(r: Received) -> str:
    """The host that is neither the customer's application nor its identity provider, as the spans name it."""
    return next(found for span in spans(r) if (found := attributes(span).get("server.address")))


def vendor_calls(r: Received) -> list[Record]:
    ours = vendor_host(r)
    return [entry for entry in entries(r) if urlsplit(entry["request"]["url"]).hostname == ours]


def failed(entry: Record) -> bool:
    return entry["response"]["status"] >= _BAD or bool(entry["response"].get("_error"))


def digests(r: Received, kind: str) -> Iterator[tuple[Record, Record]]:
    """Each digest of a SAML message, token or OAuth answer, with the entry that it is of."""
    for entry in entries(r):
        for found in entry.get("_handrail", {}).get(kind, ()):
            yield entry, found


def responses(r: Received) -> list[Record]:
    return [found for _, found in digests(r, "saml") if found["kind"] == "Response"]


@question("Which of your customers is it, with which product and plan?")
def customer(r: Received) -> Any:
    fields = r.packet["fields"]
    return fields["tenant"]["alias"], fields["entitlement"]["product"], fields["entitlement"]["plan"]


@question("Which connectors are affected: entity id, key id, state, region, version?")
def connectors(r: Received) -> Any:
    names = ("entity_id", "key_id", "state", "region", "version")
    return [tuple(one[name] for name in names) for one in r.packet["fields"]["connectors"]]


@question("When did the impact begin, and has it ended?")
def impact(r: Received) -> Any:
    found = r.packet["fields"]["impact"]
    return found["start"], found["end"]


@question("Is it every user, or some?")
def share(r: Received) -> Any:
    found = r.packet["fields"]["impact"]
    return found["failed_logins"], found["logins"]


@question("What did the customer see and do, in order?")
def timeline(r: Received) -> Any:
    return [one["kind"] for one in r.packet["fields"]["timeline"]]


@question("Which statuses and network or TLS errors did our service give, over time?")
def statuses(r: Received) -> Any:
    return [one["response"].get("_error") or one["response"]["status"] for one in vendor_calls(r)]


@question("Which of our request ids failed; when was the first, when the last?")
def request_ids(r: Received) -> Any:
    found = [one for one in vendor_calls(r) if failed(one)]
    return (
        [ident for one in found if (ident := header(one, "x-request-id"))],
        found[0]["startedDateTime"],
        found[-1]["startedDateTime"],
    )


@question("How was it tried again: how often, how far apart, and what did we ask for?")
def retries(r: Received) -> Any:
    counts = [int(found) for span in spans(r) if (found := attributes(span).get("http.request.resend_count"))]
    asked = {found for one in vendor_calls(r) if (found := header(one, "retry-after"))}
    starts = sorted(int(span["startTimeUnixNano"]) // 10**6 for span in failing_trace(r) if span["kind"] == 3)
    return max(counts), asked, [later - before for before, later in pairwise(starts)]


def failing_trace(r: Received) -> list[Record]:
    """The spans of the trace that the failing log-in of the capture belongs to."""
    sent = {
        header(entry, "traceparent", "request").split("-")[1]
        for entry in entries(r)
        if header(entry, "traceparent", "request")
    }
    return [span for span in spans(r) if span["traceId"] in sent]


@question("Which step of the log-in fails first?")
def step(r: Received) -> Any:
    first = next(entry for entry in entries(r) if failed(entry))
    return first["request"]["method"], urlsplit(first["request"]["url"]).path, first["response"]["status"]


@question("Does the same log-in work before and after?")
def before_and_after(r: Received) -> Any:
    pages: dict[str, bool] = {}
    for entry in entries(r):
        pages[entry["pageref"]] = pages.get(entry["pageref"], True) and not failed(entry)
    return list(pages.values())


@question("Which SAML status and sub-status does the identity provider give?")
def saml_status(r: Received) -> Any:
    return [found["status"] for found in responses(r)]


@question(
    "Is the response or the assertion signed, with which algorithm and which certificate, and is that the connector's?"
)
def signature(r: Received) -> Any:
    one = next(found for found in responses(r) if found["signed"]["assertion"])
    known = {print_ for connector in r.packet["fields"]["connectors"] for print_ in connector["certificates"]}
    return one["signed"], one["algorithms"]["signature"], set(one["certificates"]) <= known


@question("By how much do the clocks differ?")
def skew(r: Received) -> Any:
    return [found["begins_in"] for found in responses(r) if "begins_in" in found]


@question("Do destination, recipient and audience match where the response was sent?")
def audience(r: Received) -> Any:
    for entry, found in digests(r, "saml"):
        if found["kind"] == "Response" and "audience" in found:
            sent_to = urlsplit(entry["request"]["url"]).hostname
            named = {
                found["destination"]["host"],
                found["recipient"]["host"],
                *(one["host"] for one in found["audience"]),
            }
            return named == {sent_to}
    return None


@question("Which OAuth errors are there, and at which step?")
def oauth(r: Received) -> Any:
    return [
        (urlsplit(entry["request"]["url"]).path, found["error"])
        for entry, found in digests(r, "oauth")
        if "error" in found
    ]


@question("Which algorithm and key signed the tokens, and were they valid when they were sent?")
def tokens(r: Received) -> Any:
    found = [one for _, one in digests(r, "jwt")]
    return (
        {one["alg"] for one in found},
        len({one["kid"] for one in found}),
        all(one["expires_in"] > 0 <= one["age"] for one in found),
    )


@question("Where does the time go: name look-up, connection, TLS, or waiting for us?")
def latency(r: Received) -> Any:
    slowest = max(vendor_calls(r), key=lambda entry: entry["timings"]["wait"])
    return {name: slowest["timings"][name] for name in ("dns", "connect", "ssl", "wait")}


@question("Which span failed first, and how much of the request was spent in it?")
def first_span(r: Received) -> Any:
    found = [span for span in failing_trace(r) if span["status"].get("code") == 2]
    leaf = min((one for one in found if one["kind"] == 3), key=lambda one: int(one["endTimeUnixNano"]))
    root = min(found, key=lambda one: int(one["startTimeUnixNano"]) - (one["kind"] == 2))
    return leaf["name"], lasts(leaf), lasts(root)


def lasts(span: Record) -> int:
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) // 10**6


@question("Do the browser's request and the gateway's span belong together, and which versions are they of?")
def together(r: Received) -> Any:
    sent = {
        tuple(header(entry, "traceparent", "request").split("-")[1:3])
        for entry in entries(r)
        if header(entry, "traceparent", "request")
    }
    found = [span for span in spans(r) if (span["traceId"], span["parentSpanId"]) in sent]
    browser = r.annexes("har")[0]["log"]["browser"]
    return [span["name"] for span in found], browser["name"], browser["version"].split(".")[0]


@question("What is withheld and why, who can be asked, and was there an earlier ticket?")
def withheld(r: Received) -> Any:
    held = [(one["sort"], one["reason"]) for one in r.packet["held"]]
    contacts = [one["email"] for one in r.packet["fields"]["contacts"]]
    return held, contacts, [one["reference"] for one in r.packet["fields"]["prior_tickets"]]
