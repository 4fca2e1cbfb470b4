"""Whether what was promised held, by the outside world's account and by the database, asked in plain SQL."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.chaos.stage import DEADLINE_SECONDS, INTENT_MARGIN_SECONDS, Stage

# A restart is noticed, and a restarted server noted, by clocks that are read a moment apart.
SLACK_SECONDS = 0.25
INTENT_SECONDS = DEADLINE_SECONDS + INTENT_MARGIN_SECONDS


@dataclass(frozen=True)
class LedgerRow:
    """``taken_over``: how many leases had brought nothing before it was written."""

    kind: str
    at: float
    worker: str
    classed: str
    deadline: float | None
    key: str
    taken_over: str


@dataclass
class Verdict:
    """``broken``: each promise that was not kept, with what shows it. ``recovery``: in seconds, sorted; ``again``:
    likewise of runs whose next worker was killed as well, before it had written anything."""

    runs: int = 0
    ended: int = 0
    completed: int = 0
    twice: int = 0
    unknown: int = 0
    uncaused: int = 0
    told_again: int = 0
    recovery: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    slowest: str = ""
    broken: list[str] = field(default_factory=list)

    def expect(self, held: bool, otherwise: str) -> None:
        if not held:
            self.broken.append(otherwise)


def reached(stage: Stage, wanted: int) -> Verdict:
    from tests.chaos.tasks import switch_of

    books, verdict = stage.account(), Verdict()
    with stage.cluster.connection(stage.database) as db:
        found = db.execute(
            "SELECT r.id, r.ref, r.task_key, r.state, count(DISTINCT c.id), count(DISTINCT p.id), min(p.reason)"
            " FROM runbooks_operationrun r LEFT JOIN runbooks_completionrecord c ON c.run_id = r.id"
            " LEFT JOIN runbooks_exceptionpacket p ON p.run_id = r.id GROUP BY r.id"
        ).fetchall()
        # What a run acts on is sealed in its row; the key of its task says it as well.
        runs = [(*row[:4], switch_of(int(row[2].rpartition("-")[2])), *row[4:]) for row in found]
        ledgers: dict[int, list[LedgerRow]] = defaultdict(list)
        for run, *row in db.execute(
            "SELECT run_id, kind, extract(epoch FROM at)::float8, worker, coalesce(detail->>'class', ''),"
            " extract(epoch FROM deadline_at)::float8, idempotency_key,"
            " coalesce(detail->>'taken_over', '')"
            " FROM runbooks_checkpoint ORDER BY run_id, sequence"
        ).fetchall():
            ledgers[run].append(LedgerRow(*row))
        heard = Counter(
            row[0] for row in db.execute("SELECT subject FROM audit_auditevent WHERE event = 'run.reported'").fetchall()
        )
    _runs(verdict, runs, wanted)
    _effects(verdict, runs, books["calls"])
    for run, ref, task, *_ in runs:
        _unknowns(verdict, stage, f"{task} {ref}", ledgers[run], books["calls"])
    _told(verdict, stage, runs, books["outcomes"], heard)
    found = sorted(_recovery(stage, ledgers.values()))
    once = [(seconds, text) for seconds, leases, text in found if leases <= 1]
    verdict.recovery = [seconds for seconds, _ in once]
    verdict.again = [seconds for seconds, leases, _ in found if leases > 1]
    verdict.slowest = once[-1][1] if once else ""
    whole, said = stage.verified()
    verdict.expect(whole, f"audit verify: {said[:600]}")
    return verdict


def _runs(verdict: Verdict, runs: Sequence[Any], wanted: int) -> None:
    verdict.runs = len(runs)
    verdict.ended = sum(row[3] in ("completed", "exception") for row in runs)
    verdict.completed = sum(row[3] == "completed" for row in runs)
    tasks = Counter(row[2] for row in runs)
    verdict.expect(len(tasks) == wanted, f"{len(tasks)} of {wanted} tasks have a run")
    verdict.expect(max(tasks.values(), default=1) == 1, f"tasks with more than one run: {_worst(tasks)}")
    verdict.expect(verdict.ended == len(runs), f"{len(runs) - verdict.ended} runs have not ended")
    odd = [row[1] for row in runs if (row[5], row[6]) != ((1, 0) if row[3] == "completed" else (0, 1))]
    verdict.expect(not odd, f"not exactly one completion record or packet: {odd[:5]}")
    reasons = Counter(row[7] for row in runs if row[7] and row[7] != "outcome-unknown")
    verdict.expect(not reasons, f"exception packets that nothing outside explains: {dict(reasons)}")


def _effects(verdict: Verdict, runs: Sequence[Any], calls: Sequence[Any]) -> None:
    effects = Counter(call["switch"] for call in calls if call["effect"])
    verdict.twice = sum(count > 1 for count in effects.values())
    verdict.expect(not verdict.twice, f"effects twice: {_worst(effects)}")
    without = [row[1] for row in runs if row[3] == "completed" and not effects[row[4]]]
    verdict.expect(not without, f"completed without an effect: {without[:5]}")


def _unknowns(verdict: Verdict, stage: Stage, name: str, rows: Sequence[LedgerRow], calls: Sequence[Any]) -> None:
    """An unknown outcome needs a lost answer, a worker that was killed with the call in hand, or a database that was
    away for as long as the intent had."""
    for place, row in enumerate(rows):
        if row.classed != "unknown":
            continue
        verdict.unknown += 1
        intent = next(one for one in reversed(rows[:place]) if one.kind == "intent")
        lost = any(
            call["key"] == intent.key
            and call["lost"]
            and intent.at - SLACK_SECONDS <= call["at"] <= row.at + SLACK_SECONDS
            for call in calls
        )
        killed = any(
            _is(kill.pid, intent.worker) and intent.at - SLACK_SECONDS <= kill.at <= row.at for kill in stage.kills
        )
        assert intent.deadline is not None
        away = any(not o.mere and o.began <= intent.deadline <= o.ended + SLACK_SECONDS for o in stage.outages)
        if not (lost or killed or away):
            verdict.uncaused += 1
            verdict.expect(False, f"{name}: an unknown outcome without a cause: {_written(rows)}")


def _told(verdict: Verdict, stage: Stage, runs: Sequence[Any], outcomes: Sequence[Any], heard: Counter[str]) -> None:
    """An outcome is told again only where the answer was lost, or a worker was killed before it had it on record."""
    told: dict[str, list[Any]] = defaultdict(list)
    for outcome in outcomes:
        told[outcome["run"]].append(outcome)
    silent = [row[1] for row in runs if row[3] in ("completed", "exception") and not told[row[1]]]
    verdict.expect(not silent, f"outcomes that were never told: {silent[:5]}")
    more = [ref for ref, count in heard.items() if count > 1]
    verdict.expect(not more, f"recorded as told more than once: {more[:5]}")
    for ref, times in told.items():
        for first, again in pairwise(times):
            verdict.told_again += 1
            killed = any(first["at"] - SLACK_SECONDS <= kill.at <= again["at"] for kill in stage.kills)
            if not (first["lost"] or killed):
                verdict.expect(False, f"{ref} was told again after {again['at'] - first['at']:.1f} s, without a cause")


def _recovery(stage: Stage, ledgers: Iterable[Sequence[LedgerRow]]) -> Iterable[tuple[float, int, str]]:
    """How long each run that was under way stood still, from the kill of its worker, or from when the database answered
    again, until its ledger went on; and how many leases were lost meanwhile."""
    for rows in ledgers:
        times = [row.at for row in rows]
        for outage in stage.outages:
            after = bisect_left(times, outage.ended)
            if 1 < after < len(rows) and times[after - 1] <= outage.began:
                yield times[after] - outage.ended, 0, _written(rows)
        for kill in stage.kills:
            after = bisect_left(times, kill.at)
            if 1 < after < len(rows) and _is(kill.pid, rows[after - 1].worker):
                text = f"killed at {kill.at - times[0]:.2f}: {_written(rows)}"
                yield times[after] - kill.at, int(rows[after].taken_over or 1), text


def percentile(values: Sequence[float], part: float) -> float | None:
    return values[min(int(len(values) * part), len(values) - 1)] if values else None


def _is(pid: int, worker: str) -> bool:
    return worker.endswith(f":{pid}")


def _worst(counted: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in counted.most_common(5) if count > 1}


def _written(rows: Sequence[LedgerRow]) -> str:
    first = rows[0].at
    return "; ".join(f"{row.at - first:.2f} {row.kind} {row.classed} by {row.worker} {row.taken_over}" for row in rows)
