"""Credentials that are exchanged in the middle of a run are waited for: at its reads, its call, its polls, its proof.

The target is a real HTTP server, and the secret a file, as platforms write it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from handrail.connectors import registry
from handrail.connectors.rest.connector import RestConfig, open_connector
from handrail.kernel.secrets import Secrets
from handrail.runbooks import timing
from handrail.runbooks.models import Checkpoint, OperationRun
from handrail.runbooks.timing import Timing
from tests.factories.board_server import BoardServer, _Handler
from tests.factories.http_server import running
from tests.factories.installation import Installation
from tests.factories.runs import Runs
from tests.factories.switches import RUNBOOK, SwitchBoard

pytestmark = pytest.mark.django_db

QUICK = Timing(read_pause_seconds=0.0, read_interval_seconds=0.01, read_budget_seconds=2.0)
# So much of a budget that the test waits for its end.
BRIEF = Timing(read_pause_seconds=0.0, read_interval_seconds=0.01, read_budget_seconds=0.2)
POLLED = RUNBOOK.replace(
    "    result:\n      succeeded: [{status: [200], when: answer.status == \"done\"}]\n",
    "    poll: {get: \"/jobs/{task.switch_id}\", every: 100ms, within: 200ms}\n"
    "    result:\n      succeeded: [{status: [200], when: answer.status == \"on\"}]\n"
    "      pending: [{status: [200], when: answer.status == \"done\"}]\n",
)  # fmt: skip


@dataclass
class Door:
    """Which token the target takes. ``at``: the request, by method and number, from which on it takes only the new one;
    ``follows``: how many refusals later the file holds it, None for never. ``only`` that method is refused.
    """

    secret: Path
    at: tuple[str, int] | None = None
    follows: int | None = 2
    only: bool = False
    takes: str = "old"
    refused: int = 0
    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def lets_in(self, method: str, authorization: str) -> bool:
        number = sum(1 for met, _, _ in self.seen if met == method) + 1
        if self.at == (method, number):
            self.takes = "new"
        elsewhere = self.only and self.at is not None and method != self.at[0]
        known = elsewhere or authorization == f"Bearer {self.takes}"
        self.seen.append((method, authorization.removeprefix("Bearer "), 200 if known else 401))
        if not known:
            self.refused += 1
            if self.follows is not None and self.refused >= self.follows:
                self.secret.write_text("new\n")
        return known


class Guarded(_Handler):
    door: Door

    def _guarded(self, answer: Any) -> None:
        if self.door.lets_in(self.command, self.headers.get("authorization", "")):
            answer()
            return
        length = int(self.headers.get("content-length") or 0)
        self.rfile.read(length)
        self.answer_json(401, {"error": "invalid_token"})

    def do_GET(self) -> None:
        if self.path.startswith("/jobs/"):
            state = self.server.connector.board.switches[self.path.rpartition("/")[2]]["state"]
            self._guarded(lambda: self.answer_json(200, {"status": state}))
            return
        self._guarded(super().do_GET)

    def do_PUT(self) -> None:
        self._guarded(super().do_PUT)


@contextmanager
def target(tmp_path: Path, text: str = RUNBOOK, **at: Any) -> Iterator[tuple[Runs, SwitchBoard, Door]]:
    secret, board = tmp_path / "secret", SwitchBoard()
    secret.write_text("old\n")
    estate = Installation(text).runs
    board.add("s1", owner=estate.tenant.key)
    server = BoardServer(board)
    door = Door(secret, **at)
    server.RequestHandlerClass = type("GuardedByTest", (Guarded,), {"door": door})
    with running(server):
        config = RestConfig(
            kind="rest", base_url=server.url, auth={"kind": "bearer", "secret": f"file:{secret}"}, deadline_seconds=2
        )
        opened = open_connector("board", config, Secrets({}))
        with registry.use(registry.Registry(MappingProxyType({"board": opened}))):
            yield estate, board, door


def kinds(run: OperationRun) -> list[str]:
    return list(Checkpoint.objects.filter(run=run).order_by("sequence").values_list("kind", flat=True))


# GET: 1 the check, 2 the proof. PUT: the call.
@pytest.mark.parametrize("at", [("GET", 1), ("PUT", 1), ("GET", 2)], ids=["check", "call", "proof"])
@pytest.mark.parametrize("follows", [1, 2])
def test_run_goes_on_with_the_secret_that_its_file_holds_in_the_end(
    tmp_path: Path, at: tuple[str, int], follows: int
) -> None:
    with target(tmp_path, at=at, follows=follows) as (estate, board, door), timing.use(QUICK):
        run = estate.advance(estate.start(switch="s1"))
    assert run.state == "completed", (kinds(run), door.seen)
    assert len(board.effects) == 1
    assert [status for _, _, status in door.seen].count(401) == follows


def test_poll_that_is_refused_is_asked_again_with_the_new_secret(tmp_path: Path) -> None:
    with target(tmp_path, POLLED, at=("GET", 2), follows=2) as (estate, board, door), timing.use(QUICK):
        run = estate.advance(estate.start(switch="s1"))
    assert run.state == "completed", (kinds(run), door.seen)
    assert len(board.effects) == 1


def test_refused_call_is_decided_again_before_it_is_made_again(tmp_path: Path) -> None:
    with target(tmp_path, at=("PUT", 1), follows=1) as (estate, board, door), timing.use(QUICK):
        run = estate.advance(estate.start(switch="s1"))
    assert kinds(run)[:6] == ["received", "claimed", "checked", "intent", "result", "intent"]
    assert [(method, status) for method, _, status in door.seen] == [
        ("GET", 200), ("PUT", 401), ("GET", 200), ("PUT", 200), ("GET", 200),
    ]  # fmt: skip
    result = Checkpoint.objects.filter(run=run, kind="result").order_by("sequence")[0]
    assert (result.detail["class"], result.detail["credentials"]) == ("retryable", "refused")
    assert len(board.effects) == 1


def test_read_that_is_refused_over_the_whole_budget_is_told_as_what_it_is(tmp_path: Path) -> None:
    with target(tmp_path, at=("GET", 1), follows=None) as (estate, board, door), timing.use(BRIEF):
        run = estate.advance(estate.start(switch="s1"))
    assert run.state == "exception"
    assert run.exception_packet.reason == "source-unreadable-switch"
    assert "refused the credentials that their file holds (status 401)" in run.exception_packet.message
    assert board.calls == []
    assert 2 <= len(door.seen) <= 8  # asked rarely: many refusals may lock an account


def test_call_that_is_refused_at_every_attempt_is_told_as_what_it_is(tmp_path: Path) -> None:
    text = RUNBOOK.replace("terminal: [{status: [403]}]", "terminal: [{status: [401, 403]}]")
    with target(tmp_path, text, at=("PUT", 1), follows=None) as (estate, board, door), timing.use(BRIEF):
        door.only = True
        run = estate.advance(estate.start(switch="s1"))
    assert (run.state, run.exception_packet.reason) == ("exception", "terminal-result")
    assert "The target refuses the credentials that their file holds (status 401)." in run.exception_packet.message
    assert [method for method, _, status in door.seen if status != 200] == ["PUT"] * 4
    assert board.effects == []


def test_unknown_outcome_is_read_with_the_new_secret(tmp_path: Path) -> None:
    with target(tmp_path, at=("GET", 2), follows=2) as (estate, board, door), timing.use(QUICK):
        run = estate.start(switch="s1")
        put = Guarded.do_PUT

        def silent(self: Any) -> None:
            self.close_connection = True
            self.rfile.read(int(self.headers["content-length"]))
            board.switches["s1"]["state"] = "on"
            board.effects.append("lost")

        Guarded.do_PUT = silent  # type: ignore[method-assign]
        try:
            run = estate.advance(run)
        finally:
            Guarded.do_PUT = put  # type: ignore[method-assign]
    assert run.state == "completed", (kinds(run), door.seen)
    assert board.effects == ["lost"]
