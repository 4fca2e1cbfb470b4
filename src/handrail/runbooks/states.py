"""Runs and exception packets: their states, what follows what, and the vocabulary of the ledger."""

from __future__ import annotations

from enum import StrEnum

from handrail.kernel.statemachine import StateMachine


class RunState(StrEnum):
    RECEIVED = "received"
    CHECKING = "checking"
    INVOKING = "invoking"
    VERIFYING = "verifying"
    COMPLETED = "completed"
    EXCEPTION = "exception"
    CANCELLED = "cancelled"


R = RunState
RUN = StateMachine(
    name="run",
    initial=R.RECEIVED,
    transitions={
        # Claim, check and first intent are one commit, and so is the end where nothing needs doing; earlier versions of
        # Handrail claimed in a commit of its own.
        R.RECEIVED: frozenset({R.CHECKING, R.INVOKING, R.COMPLETED, R.EXCEPTION, R.CANCELLED}),
        R.CHECKING: frozenset({R.INVOKING, R.COMPLETED, R.EXCEPTION, R.CANCELLED}),
        # Straight to its end goes a run whose last step only reads, and has nothing to verify.
        R.INVOKING: frozenset({R.VERIFYING, R.COMPLETED, R.EXCEPTION}),
        R.VERIFYING: frozenset({R.INVOKING, R.COMPLETED, R.EXCEPTION}),
        R.COMPLETED: frozenset(),
        R.EXCEPTION: frozenset(),
        R.CANCELLED: frozenset(),
    },
)

# While a run is in one of these, no other run of the same tenant and subject may be.
EXCLUSIVE = (R.CHECKING, R.INVOKING, R.VERIFYING)


class Handling(StrEnum):
    """What people have done about an exception packet."""

    OPEN = "open"
    TAKEN = "taken"
    RESOLVED = "resolved"


class NoteKind(StrEnum):
    """Why somebody wrote a note on an exception packet: of what they saw, or for the next person."""

    INTERIM = "interim"
    HANDED_BACK = "handed-back"


# From taken to taken: another person takes over, for people leave, or is given it. From taken to open: handed back.
HANDLING = StateMachine(
    name="exception-packet",
    initial=Handling.OPEN,
    transitions={
        Handling.OPEN: frozenset({Handling.TAKEN}),
        Handling.TAKEN: frozenset({Handling.TAKEN, Handling.OPEN, Handling.RESOLVED}),
        Handling.RESOLVED: frozenset(),
    },
)


class EventKind(StrEnum):
    """Kinds of checkpoint-ledger rows."""

    RECEIVED = "received"
    CLAIMED = "claimed"
    CHECKED = "checked"
    INTENT = "intent"
    RESULT = "result"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"
    VERIFIED = "verified"
    COMPLETED = "completed"
    EXCEPTION = "exception"
    CANCELLED = "cancelled"


class ExceptionCause(StrEnum):
    """Why a run stopped, in the words of the domain."""

    PREREQUISITE = "prerequisite"
    BOUNDARY = "boundary"
    AMBIGUOUS = "ambiguous-result"
    TERMINAL = "terminal-result"
    RETRIES_EXHAUSTED = "retries-exhausted"
    VERIFICATION = "verification-failed"
    UNKNOWN_OUTCOME = "outcome-unknown"
    SOURCE = "source-unreadable"
    DEFINITION = "definition-error"
    STOPPED = "stopped-by-person"


class ReviewVerdict(StrEnum):
    """What a second look at a completed run has found."""

    RIGHT = "right"
    WRONG = "wrong"


class BrakeKind(StrEnum):
    """What a brake holds: everything of the workspace, its intake, or what concerns one tenant, connector or runbook
    version."""

    EVERYTHING = "everything"
    INTAKE = "intake"
    TENANT = "tenant"
    CONNECTOR = "connector"
    RUNBOOK = "runbook"


class WaveState(StrEnum):
    """``stopped``: by itself, by one of its rules. ``completed``: every member has ended, and no more are expected."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    ABANDONED = "abandoned"
    COMPLETED = "completed"


W = WaveState
# Only a person lets a wave go on, or gives it up; only the wave itself stops or completes.
WAVE = StateMachine(
    name="wave",
    initial=W.RUNNING,
    transitions={
        W.RUNNING: frozenset({W.PAUSED, W.STOPPED, W.ABANDONED, W.COMPLETED}),
        W.PAUSED: frozenset({W.RUNNING, W.ABANDONED}),
        W.STOPPED: frozenset({W.RUNNING, W.ABANDONED}),
        W.ABANDONED: frozenset(),
        W.COMPLETED: frozenset(),
    },
)


class WaveOrigin(StrEnum):
    """What a wave is of: tasks that came in with the same event, or a list of tenants that a person gave."""

    TASKS = "tasks"
    PERSON = "person"
