"""The one configured service desk. Every difference between desks is in its configuration, none in this code."""

from __future__ import annotations

from time import monotonic
from typing import Final

from handrail.connectors.desk.auth import TokenSource
from handrail.connectors.desk.config import DeskCheck, DeskConfig
from handrail.connectors.desk.failure import Category, DeskFailure
from handrail.connectors.desk.incoming import created_or_why
from handrail.connectors.desk.linking import normalise
from handrail.connectors.desk.outgoing import Outgoing, checked_reference, creation, question
from handrail.connectors.desk.ticket import Created, Link, TicketDraft
from handrail.connectors.extract import ExtractFailed, extract
from handrail.connectors.finding import Finding
from handrail.connectors.http import Client, judge, to_answer, to_reading
from handrail.connectors.http.client import Exchange
from handrail.kernel.errors import Invalid, Misconfigured, Unavailable
from handrail.kernel.secrets import Secret, Secrets

MAX_FOUND = 20
_SHORTEST_SECONDS = 0.1  # with less, a desk could take the ticket but hardly say so

_UNAUTHORIZED = 401


class Desk:
    """Creates, links, checks and looks up tickets. Safe to share between threads; holds no state but tokens."""

    kind: Final = "desk"

    def __init__(self, config: DeskConfig, secrets: Secrets) -> None:
        """Resolves the secrets; calls nobody. Raises Misconfigured."""
        self._config = config
        self._client = Client(config, secrets)
        self._tokens = TokenSource(config.oauth, self._client, secrets) if config.oauth else None

    @property
    def name(self) -> str:
        """What people call the desk."""
        return self._config.name

    @property
    def config(self) -> DeskConfig:
        return self._config

    def create(self, draft: TicketDraft, *, since: float | None = None) -> Created | DeskFailure:
        """Make one ticket: one call, never repeated, all within ``budget_seconds``.

        The budget is that of the person who waits. It counts from ``since`` (a reading of ``time.monotonic``), when
        work on the submission began, so that what a busy server took before the call is taken off it; else from now.
        Raises Invalid only when the draft's reference is not one of Handrail's; everything else is a DeskFailure.
        """
        outgoing = creation(self._config, draft)
        try:
            exchange = self._send(outgoing, since=since)
        except Misconfigured:
            return DeskFailure(Category.MISCONFIGURED)
        if isinstance(exchange, DeskFailure):
            return exchange
        return created_or_why(self._config, to_answer(exchange))

    def normalise_link(self, reference: str, url: str) -> Link:
        """A ticket that exists, from what a person typed or pasted. Calls nobody.

        Raises Invalid with a fault per field (``reference``, ``url``).
        """
        return normalise(self._config, reference, url)

    def check(self) -> list[Finding]:
        """Whether the desk answers and the account may work there. Creates nothing."""
        return [self._check(check) for check in self._config.check]

    def look_up(self, reference: str) -> list[str]:
        """The desk's references of the tickets that carry Handrail's ``reference``.

        Raises Misconfigured without ``[desk.lookup]``, Invalid for no reference of Handrail's, ReadFailed or
        Unavailable when the desk gives no usable answer.
        """
        lookup = self._config.lookup
        if lookup is None:
            raise Misconfigured("This desk can't be searched: add [desk.lookup].", code="no-desk-lookup")
        asked = question(self._config, lookup.path, lookup.query, reference=checked_reference(reference))
        exchange = self._send(asked)
        if isinstance(exchange, DeskFailure):
            raise Unavailable(exchange.summary(desk=self.name, reference=reference), code="desk-unavailable")
        found = extract(to_reading(self.name, to_answer(exchange)).value, lookup.references)
        if not isinstance(found, list):
            raise Invalid("[desk.lookup] references gave no list.", code="desk-lookup")
        return [str(item) for item in found[:MAX_FOUND]]

    def close(self) -> None:
        """Close idle connections."""
        self._client.close()

    def _send(self, outgoing: Outgoing, *, since: float | None = None) -> Exchange | DeskFailure:
        """Send within what is left of the budget, of which a token that must be fetched first takes its part.

        A token that the desk refuses is dropped. A GET is then made once more, with a new one.
        """
        until = (monotonic() if since is None else since) + self._config.deadline_seconds
        if self._tokens is None:
            return self._ask(outgoing, until)
        exchange = self._with_token(self._tokens, outgoing, until)
        refused = isinstance(exchange, Exchange) and exchange.status == _UNAUTHORIZED
        return self._with_token(self._tokens, outgoing, until) if refused and outgoing.method == "GET" else exchange

    def _with_token(self, tokens: TokenSource, outgoing: Outgoing, until: float) -> Exchange | DeskFailure:
        if (left := until - monotonic()) < _SHORTEST_SECONDS:
            return DeskFailure(Category.HANDRAIL_BUSY)
        token = tokens.bearer(deadline_seconds=left)
        if isinstance(token, DeskFailure):
            return token
        exchange = self._ask(outgoing, until, token)
        if isinstance(exchange, Exchange) and exchange.status == _UNAUTHORIZED:
            tokens.forget(token)
        return exchange

    def _ask(self, outgoing: Outgoing, until: float, token: Secret | None = None) -> Exchange | DeskFailure:
        headers = outgoing.headers
        if (left := until - monotonic()) < _SHORTEST_SECONDS:
            return DeskFailure(Category.UNREACHABLE if token else Category.HANDRAIL_BUSY)
        if token is not None:
            headers = {**headers, "authorization": f"Bearer {token.reveal()}"}
        return self._client.send(
            outgoing.method,
            outgoing.path,
            query=outgoing.query,
            headers=headers,
            content=outgoing.content,
            deadline_seconds=left,
        )

    def _check(self, check: DeskCheck) -> Finding:
        asked = question(self._config, check.path, check.query)
        try:
            exchange = self._send(asked)
        except Misconfigured as error:
            return Finding("desk", ok=False, message=error.message, fix="Fix [desk] in handrail.toml.")
        if isinstance(exchange, DeskFailure):
            words = exchange.summary(desk=self.name, reference="")
            return Finding("desk", ok=False, message=words, fix="Check [desk.oauth].")
        return _judged(check, asked.path, exchange)


def _judged(check: DeskCheck, path: str, exchange: Exchange) -> Finding:
    finding = judge("desk", exchange, path, must_exist=True)
    if not finding.ok:
        return finding
    answer = to_answer(exchange)
    if answer.failure is not None or not 200 <= (answer.status or 0) < 300:  # noqa: PLR2004 - HTTP success
        return Finding("desk", ok=False, message=finding.message, fix=check.fix)
    if check.expect is None:
        return finding
    try:
        found = extract(answer.body, check.expect)
    except ExtractFailed:
        found = None
    return finding if found else Finding("desk", ok=False, message=check.message, fix=check.fix)
