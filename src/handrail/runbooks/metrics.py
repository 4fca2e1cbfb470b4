"""How runs are doing, over all workspaces."""

from __future__ import annotations

from collections import Counter

from handrail.connectors import registry
from handrail.kernel.clock import now
from handrail.kernel.metric import Metric, one
from handrail.runbooks import leases
from handrail.runbooks.limits import store
from handrail.runbooks.states import BrakeKind, Handling, RunState, WaveState


def read() -> list[Metric]:
    runs, packets, overdue = leases.counts(now())
    recovered, wrong = leases.recoveries()
    handled = {handling.value: packets.get(handling.value, 0) for handling in Handling}
    brakes, since, paused = leases.brakes()
    applied = {kind.value: brakes.get(kind.value, 0) for kind in BrakeKind}
    return [
        Metric(
            "handrail_runs", "Runs by state.", {state.value: runs.get(state.value, 0) for state in RunState}, "state"
        ),
        Metric("handrail_exception_packets", "Exception packets by handling.", handled, "handling"),
        one(
            "handrail_exception_packets_late",
            "Unresolved exception packets whose due time is over.",
            leases.late_exceptions(),
        ),
        one("handrail_runs_overdue", "Runs whose next step is overdue.", overdue),
        Metric("handrail_brakes", "Brakes that hold, by what they pause.", applied, "kind"),
        one(
            "handrail_brakes_oldest_seconds",
            "How long the oldest brake has held.",
            max((now() - since).total_seconds(), 0) if since else 0,
        ),
        one("handrail_runs_paused", "Runs that wait for a person to resume what they need.", paused),
        *_waves(),
        *_connectors(),
        Metric(
            "handrail_recoveries",
            "What was recovered since the beginning: unknown outcomes, reads to find out, leases taken over.",
            recovered,
            "kind",
        ),
        one(
            "handrail_runs_erased",
            "Runs whose values were erased: kept no longer, or with their tenant.",
            leases.erased(),
        ),
        one("handrail_runs_found_wrong", "Completed runs that a person has found wrong.", wrong),
        one(
            "handrail_reviews_waiting",
            "Completed runs that were drawn for a second look, and had none yet.",
            leases.reviews_waiting(),
        ),
        *_task_systems(),
    ]


def _task_systems() -> list[Metric]:
    """What task systems did not get yet, or don't keep, and whether their lists could be read to the end."""
    counted, pulls, at = leases.messages(), leases.pulls(), now()
    not_kept = {what: counted[what, "not-kept"] for what in ("outcome", "message")}
    return [
        one(
            "handrail_reports_undelivered",
            "Outcomes that have not reached the task system yet.",
            counted["outcome", "due"],
        ),
        one(
            "handrail_reports_stopped",
            "Outcomes that are not tried any more and did not reach it.",
            counted["outcome", "stopped"],
        ),
        one(
            "handrail_task_messages_undelivered",
            "Further messages about tasks that have not reached the task system yet.",
            counted["message", "due"],
        ),
        one(
            "handrail_task_messages_stopped",
            "Further messages that are not tried any more and did not reach it.",
            counted["message", "stopped"],
        ),
        Metric(
            "handrail_task_writes_not_kept",
            "Outcomes and further messages that the task system accepted and does not show.",
            not_kept,
            "what",
        ),
        Metric(
            "handrail_task_pull_incomplete",
            "1 where the last pull of the task system could not go on to the end of its list.",
            {system: int(bool(code)) for system, (_, _, code) in pulls.items()},
            "system",
        ),
        Metric(
            "handrail_task_pull_whole_seconds",
            "How long ago the task system's whole list was read.",
            {system: max((at - whole).total_seconds(), 0.0) for system, (_, whole, _) in pulls.items() if whole},
            "system",
        ),
    ]


def _waves() -> list[Metric]:
    found, waiting = leases.waves()
    counts = {state.value: found.get(state.value, 0) for state in WaveState}
    return [
        Metric("handrail_waves", "Waves by state.", counts, "state"),
        one("handrail_wave_members_waiting", "Runs that wait until their wave lets them begin.", waiting),
    ]


def _connectors() -> list[Metric]:
    """Circuit breakers and limits: of connectors that have them, by their names in handrail.toml."""
    settings = registry.passages()
    known, waiting = store.known(sorted(settings)), Counter[str]()
    for (connector, _), count in leases.waiting_for_connectors().items():
        waiting[connector] += count
    circuits = {name: (one.state.circuit, one.at) for name, one in known.items() if settings[name].breaker is not None}
    is_open = {name: int(circuit.stands_open(at)) for name, (circuit, at) in circuits.items()}
    return [
        Metric(
            "handrail_breaker_open",
            "1 where the circuit breaker is open or half-open, or the service asked for a pause.",
            {name: is_open.get(name, 0) for name, one in settings.items() if one.breaker is not None},
            "connector",
        ),
        Metric(
            "handrail_connector_runs_waiting",
            "Runs that wait for a limit or a circuit breaker.",
            {name: waiting[name] for name in settings},
            "connector",
        ),
        Metric(
            "handrail_connector_calls_refused",
            "Calls that were turned away by a limit or a circuit breaker, to be made later.",
            {name: known[name].refused if name in known else 0 for name in settings},
            "connector",
        ),
    ]
