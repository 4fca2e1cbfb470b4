"""When the audit event can't be written, nothing else is. The database itself refuses the insert: no mock stands in."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db import DatabaseError, connection
from django.test import Client

import handrail.access
import handrail.definitions
import handrail.runbooks.actions
from handrail.access import actions as access_actions
from handrail.access import enrolment, erasures, evidence, factors, holds, sessions, tokens
from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.ceremonies import NewPasskey
from handrail.access.models import AccessToken, Tenant, User
from handrail.audit import mark
from handrail.audit.mark import SealingStop
from handrail.audit.signing import Signing
from handrail.audit.watch import SealRefused
from handrail.connectors import registry
from handrail.connectors.config import BreakerSettings, CallLimits, PassageSettings
from handrail.connectors.outcome import Answer
from handrail.connectors.tasksystem import WriteCall
from handrail.connectors.tasksystem.config import AnswerRow
from handrail.definitions import actions as definitions
from handrail.definitions.active import compiled_runbook
from handrail.definitions.models import Definition
from handrail.kernel.clock import now
from handrail.kernel.errors import Denied
from handrail.runbooks import sampling, task_system
from handrail.runbooks.actions import (
    brakes,
    breakers,
    claims,
    corrections,
    exceptions,
    follow_ups,
    forgetting,
    handover,
    messages,
    overdue,
    previews,
    pulling,
    reports,
    rereading,
    reviews,
    runs,
    tasks,
    together,
    updates,
    waves,
    wavestart,
)
from handrail.runbooks.limits import gate
from handrail.runbooks.limits.circuit import CallVerdict
from handrail.runbooks.limits.gate import TurnWait
from handrail.runbooks.limits.verdicts import Heard
from handrail.runbooks.models import ExceptionPacket, OperationRun, Report, TaskUpdate
from handrail.runbooks.states import BrakeKind, WaveOrigin
from handrail.runbooks.task_system import TaskSystem
from handrail.runbooks.waves import joining
from handrail.runbooks.waves.rules import WaveRules
from handrail.work.lease import Claim
from tests.factories import rows
from tests.factories.installation import Installation
from tests.factories.log import event, run, superuser
from tests.factories.people import as_person
from tests.factories.runs import Runs, born
from tests.factories.switches import ODD, RUNBOOK, SwitchBoard, Turn, connected
from tests.lanes import portion

# Where these slices' actions live. Those of packets and of support are held likewise beside their own tests.
PACKAGES = (handrail.access, handrail.definitions, handrail.runbooks.actions)
MAIL = "a@example.com"
ISSUER = "https://login.example.com"


@dataclass(frozen=True)
class World:
    estate: Runs
    board: SwitchBoard

    @property
    def by(self) -> Actor:
        return access.command_line("acme")

    @property
    def person(self) -> Actor:
        return as_person(self.by)

    def stopped(self) -> str:
        """A run that stopped, and its packet's reference."""
        self.board.add("bad", owner="ten_other")
        return str(self.estate.advance(self.estate.start("TASK-9", "bad")).exception_packet.ref)

    def completed(self) -> OperationRun:
        return self.estate.advance(self.estate.start("TASK-8", "s1"))

    def proposed(self) -> int:
        text = RUNBOOK.replace("version: 1", "version: 2")
        definitions.propose(text=text, by=access.worker("author", self.estate.workspace.pk))
        return Definition.objects.get(version=2).pk


Act = Callable[[], Any]


def item(world: World, **changes: object) -> dict[str, Any]:
    task = world.estate.task("TASK-5")
    told = {"id": task.key, "runbook": task.runbook, "runbook_version": 1, "payload": dict(task.payload)}
    return told | changes


def member(w: World) -> None:
    access_actions.add_member(email=MAIL, roles=["auditor"], tenants=None, by=w.by, password=None)


def a_wave(w: World) -> wavestart.NewWave:
    key = w.estate.tenant.key
    return wavestart.NewWave("flip-switch", "drift", [key], {"switch_id": "s1"}, "The drift.")


def empty_wave(w: World) -> str:
    """A wave that a person began, of which no member is left."""
    definition, person = w.estate.definition, WaveOrigin.PERSON
    runbook = compiled_runbook(definition)
    rules = WaveRules.of(runbook.spec.waves)
    return joining.open_wave(definition.pk, runbook, "drift", origin=person, rules=rules, by=w.person)


def paused_wave(w: World) -> str:
    ref = empty_wave(w)
    waves.pause(ref=ref, reason="Look.", by=w.person)
    return ref


def taken(w: World) -> str:
    ref = w.stopped()
    exceptions.take(ref=ref, by=w.person)
    return ref


def assignable(w: World) -> str:
    """An open packet, and a member who may take it over."""
    access_actions.add_member(email=MAIL, roles=["senior-support"], tenants=None, by=w.by, password=None)
    return w.stopped()


def late(w: World) -> dict[str, Any]:
    """A packet whose due time is over."""
    packet = ExceptionPacket.objects.get(ref=w.stopped())
    with superuser("runbooks_exceptionpacket"):
        ExceptionPacket.objects.filter(pk=packet.pk).update(due_at=packet.at)
    return {"packet_id": packet.pk}


def over(w: World) -> int:
    """A completed run whose runbook keeps nothing of it any more."""
    text = RUNBOOK.replace("version: 1", "version: 2").replace("tenant: task", "keep: 1d\ntenant: task")
    proposed = definitions.propose(text=text, by=access.worker("author", w.estate.workspace.pk))
    definitions.approve(definition_id=proposed.id, by=w.person)
    w.board.add("kept", owner=w.estate.tenant.key)
    started = runs.start(task=w.estate.task("TASK-12", "kept", version=2), by=w.by)
    ended = w.estate.advance(OperationRun.objects.get(ref=started.ref))
    Report.objects.filter(run=ended).update(due_at=None)
    with superuser("runbooks_operationrun"):
        OperationRun.objects.filter(pk=ended.pk).update(finished_at=now() - timedelta(days=2))
    return int(ended.pk)


def drawn(w: World) -> OperationRun:
    """A completed run that waits for a second look."""
    with sampling.use(sampling.Sampling(b"key", 1.0)):
        return w.completed()


def followed(w: World) -> dict[str, Any]:
    """A taken packet of a runbook that names itself, and the person who may start a run from it."""
    named = "switch.marker], follow_up: [{runbook: flip-switch, by: [senior-support]}]}"
    text = RUNBOOK.replace("version: 1", "version: 2").replace("switch.marker]}", named)
    proposed = definitions.propose(text=text, by=access.worker("author", w.estate.workspace.pk))
    definitions.approve(definition_id=proposed.id, by=w.person)
    w.board.add("bad", owner="ten_other")
    run = runs.start(task=w.estate.task("TASK-9", "bad", version=2), by=w.by)
    packet = w.estate.advance(OperationRun.objects.get(ref=run.ref)).exception_packet
    exceptions.take(ref=packet.ref, by=w.person)
    return {"ref": packet.ref, "runbook": "flip-switch", "by": replace(w.person, roles=frozenset({"senior-support"}))}


def fencing(w: World) -> str:
    """A taken packet for whose resolution another run waits."""
    w.board.script = [ODD]
    ref = str(w.estate.advance(w.estate.start("TASK-9", "s1")).exception_packet.ref)
    exceptions.take(ref=ref, by=w.person)
    assert w.estate.advance(w.estate.start("TASK-10", "s1")).state == "received"
    return ref


SECOND = "second@example.com"
MADE = NewPasskey(b"id", b"key", -7, "", "none", user_verified=True, counter=0, origin="", credential={})


def logged_in(w: World) -> Actor:
    member(w)
    user = User.objects.get(email=MAIL)
    user.set_password(rows.PASSWORD)
    user.save()
    return access.actor_for(user, "acme")


def with_passkey(w: World) -> Actor:
    who = logged_in(w)
    rows.passkey(User.objects.get(email=MAIL))
    rows.member(w.estate.workspace, Role.WORKSPACE_ADMINISTRATOR, email=SECOND)
    return who


def as_second() -> Actor:
    return access.actor_for(User.objects.get(email=SECOND), "acme")


def add_app(who: Actor) -> object:
    session: dict[str, object] = {}
    secret = factors.begin_app(session)
    step = int(now().timestamp()) // factors.STEP_SECONDS
    return factors.add_app(session, code=format_hotp_value(hotp_value(secret, step)), by=who)


def with_app(w: World) -> Actor:
    who = logged_in(w)
    add_app(who)
    return who


def a_token(w: World) -> str:
    member(w)
    return tokens.issue(name="t", by=access.person(MAIL)).ref


def a_session(w: World) -> User:
    """Of a member who is logged in."""
    member(w)
    user = User.objects.get(email=MAIL)
    Client().force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return user


def joined(w: World) -> None:
    member(w)
    access_actions.admit(issuer=ISSUER, subject="s", email=MAIL, email_verified=True)


def listed(w: World) -> None:
    w.board.add("open", owner="nobody", items=[item(w)], next=None)


def reported(w: World) -> Claim:
    run = w.completed()
    w.board.script = [Turn(effect=False, answer=Answer(status=200, body={"run": run.ref}))] * 2
    return born(run)


def written(w: World) -> TaskUpdate:
    """A message that somebody has taken a packet over, which comes after the outcome of its run."""
    taken(w)
    Report.objects.update(due_at=None, delivered_at=now())
    return TaskUpdate.objects.get()


def to_write(w: World) -> Claim:
    message = written(w)
    w.board.script = [Turn(effect=False, answer=Answer(status=200, body={"key": message.ref}))] * 2
    claim = claims.claim_update(message.pk)
    assert claim is not None
    return claim


def refused(w: World) -> Claim:
    claim = born(w.completed())
    w.board.script = [Turn(effect=False, answer=Answer(status=409))] * 2
    return claim


def done(prepare: Callable[[World], Any], act: Callable[[World, Any], Any]) -> Callable[[World], Act]:
    def build(world: World) -> Act:
        prepared = prepare(world)
        return lambda: act(world, prepared)

    return build


def quiet(w: World) -> Tenant:
    """A tenant for which nothing is under way."""
    return Tenant.objects.create(workspace_id=w.by.workspace_id, key="quiet", name="Quiet", created_at=now())


def lift_asked(w: World) -> str:
    ref = rows.hold(quiet(w)).ref
    holds.ask_to_lift(ref=ref, reason="over", by=access.worker("author", w.estate.workspace.pk))
    return ref


def opened_breaker(w: World) -> None:
    guarded = PassageSettings(CallLimits(), BreakerSettings(failures=1))
    registry.configure(replace(registry.current(), passages={"board": guarded}))
    slot = gate.enter("board", seconds=1, turn_wait=TurnWait(0, 0))
    assert slot is not None
    gate.leave(slot, Heard(CallVerdict.FAILS, why="status 503"))


def nothing(world: World) -> None:
    """An action that needs no more than the estate."""


def stopped_log(w: World) -> None:
    event()
    mark.get().stop(SealingStop("2026-11-26T20:00:00+00:00", "mark", "The log was cut."))


def deprecated(w: World) -> dict[str, Any]:
    definitions.deprecate(definition_id=w.estate.definition.pk, reason="old", by=w.person)
    return {"definition_id": w.estate.definition.pk, "reason": "It was right."}


def return_requested(w: World) -> int:
    asked = deprecated(w)
    definitions.request_return(**asked, by=access.worker("author", w.estate.workspace.pk))
    return int(asked["definition_id"])


DENIED = Denied("no", capability="run:start")
# Every action: what must be there before, and the action itself.
ACTIONS: dict[str, Callable[[World], Act]] = {
    "actions.create_workspace": done(
        nothing, lambda w, _: access_actions.create_workspace(slug="new", name="New", by=access.operator())
    ),
    "actions.create_tenant": done(nothing, lambda w, _: access_actions.create_tenant(key="t2", name="T", by=w.by)),
    "closing.rename_tenant": done(
        quiet, lambda w, tenant: access_actions.rename_tenant(key=tenant.key, name="Calm", by=w.by)
    ),
    "closing.close_tenant": done(
        quiet, lambda w, tenant: access_actions.close_tenant(key=tenant.key, reason="left", by=w.by)
    ),
    "closing.reopen_tenant": done(
        lambda w: access_actions.close_tenant(key=quiet(w).key, reason="left", by=w.by),
        lambda w, tenant: access_actions.reopen_tenant(key=tenant.key, by=w.by),
    ),
    "holds.set_hold": done(quiet, lambda w, tenant: holds.set_hold(key=tenant.key, reason="court", by=w.person)),
    "holds.ask_to_lift": done(
        lambda w: rows.hold(quiet(w)), lambda w, hold: holds.ask_to_lift(ref=hold.ref, reason="over", by=w.person)
    ),
    "holds.lift": done(lift_asked, lambda w, ref: holds.lift(ref=ref, by=w.person)),
    "erasures.ask": done(quiet, lambda w, tenant: erasures.ask(key=tenant.key, reason="left", by=w.person)),
    "erasures.withdraw": done(
        lambda w: rows.erasure(quiet(w)), lambda w, one: erasures.withdraw(ref=one.ref, by=w.person)
    ),
    "erasures.confirm": done(
        lambda w: rows.erasure(quiet(w)), lambda w, one: erasures.confirm(ref=one.ref, by=w.person)
    ),
    "actions.add_member": done(nothing, lambda w, _: member(w)),
    "actions.change_member": done(
        member, lambda w, _: access_actions.change_member(email=MAIL, by=w.by, roles=["operator"])
    ),
    "actions.set_password": done(
        member, lambda w, _: access_actions.set_password(email=MAIL, password="correct horse battery", by=w.by)
    ),
    "identities.remove_identity": done(joined, lambda w, _: access_actions.remove_identity(email=MAIL, by=w.by)),
    "identities.move_identities": done(
        joined, lambda w, _: access_actions.move_identities(old=ISSUER, new=f"{ISSUER}/new", by=access.operator())
    ),
    "actions.record_denial": done(nothing, lambda w, _: access_actions.record_denial(DENIED, by=w.by, where="/x")),
    "tokens.issue": done(member, lambda w, _: tokens.issue(name="t", by=access.person(MAIL))),
    "tokens.revoke_all": done(
        a_token,
        lambda w, ref: tokens.revoke_all(AccessToken.objects.get(ref=ref).membership_id, by=w.by, why="member removed"),
    ),
    "enrolment.enrol": done(logged_in, lambda w, who: enrolment.enrol(MADE, name="n", by=who)),
    "enrolment.rename": done(
        with_passkey, lambda w, who: enrolment.rename(ref=enrolment.list_own(who)[0].ref, name="new", by=who)
    ),
    "enrolment.end_own": done(
        with_passkey, lambda w, who: enrolment.end_own(ref=enrolment.list_own(who)[0].ref, by=who)
    ),
    "enrolment.confirm": done(
        with_passkey,
        lambda w, who: enrolment.confirm(ref=enrolment.list_own(who)[0].ref, by=as_second()),
    ),
    "enrolment.remove": done(
        with_passkey, lambda w, who: enrolment.remove(ref=enrolment.list_own(who)[0].ref, reason="lost", by=w.by)
    ),
    "enrolment.record_refused": done(logged_in, lambda w, who: enrolment.record_refused(who, "malformed")),
    "factors.add_app": done(logged_in, lambda w, who: add_app(who)),
    "factors.remove_app": done(with_app, lambda w, who: factors.remove_app(by=who)),
    "factors.new_codes": done(with_app, lambda w, who: factors.new_codes(by=who)),
    "factors.require_second_factor": done(nothing, lambda w, _: factors.require_second_factor(required=True, by=w.by)),
    "factors.reset": done(with_passkey, lambda w, who: factors.reset(email=who.name, by=access.operator())),
    "sessions.end_own": done(a_session, lambda w, user: sessions.end_own(user, by=w.person)),
    "sessions.end_of_member": done(a_session, lambda w, user: sessions.end_of_member(user.email, by=w.by)),
    "tokens.revoke": done(a_token, lambda w, ref: tokens.revoke(ref=ref, by=w.by)),
    "evidence.seal": done(lambda _: event(), lambda w, _: evidence.seal(by=w.by)),
    "evidence.accept_log": done(stopped_log, lambda w, _: evidence.accept_log(reason="Restored.", by=w.by)),
    "evidence.export": done(nothing, lambda w, _: evidence.export(by=w.by)),
    "definitions.propose": done(nothing, lambda w, _: w.proposed()),
    "definitions.approve": done(World.proposed, lambda w, pk: definitions.approve(definition_id=pk, by=w.person)),
    "definitions.reject": done(
        World.proposed, lambda w, pk: definitions.reject(definition_id=pk, reason="no", by=w.person)
    ),
    "definitions.deprecate": done(
        nothing,
        lambda w, _: definitions.deprecate(definition_id=w.estate.definition.pk, reason="old", by=w.person),
    ),
    "definitions.request_return": done(deprecated, lambda w, pk: definitions.request_return(**pk, by=w.person)),
    "definitions.bring_back": done(
        return_requested,
        lambda w, pk: definitions.bring_back(definition_id=pk, digest=w.estate.definition.digest, by=w.person),
    ),
    "brakes.pause": done(nothing, lambda w, _: brakes.pause(kind=BrakeKind.INTAKE, reason="Too many.", by=w.person)),
    "brakes.resume": done(
        lambda w: brakes.pause(kind=BrakeKind.INTAKE, reason="Too many.", by=w.person),
        lambda w, ref: brakes.resume(ref=ref, reason="Fewer.", by=w.person),
    ),
    "waves.settle": done(empty_wave, lambda w, ref: waves.settle(wave=ref, by=w.estate.worker)),
    "waves.pause": done(empty_wave, lambda w, ref: waves.pause(ref=ref, reason="Look.", by=w.person)),
    "waves.resume": done(paused_wave, lambda w, ref: waves.resume(ref=ref, reason="Fine.", by=w.person)),
    "waves.abandon": done(empty_wave, lambda w, ref: waves.abandon(ref=ref, reason="No.", by=w.person)),
    "wavestart.start": done(nothing, lambda w, _: wavestart.start(wanted=a_wave(w), by=w.person)),
    "corrections.mark_wrong": done(
        World.completed, lambda w, run: corrections.mark_wrong(ref=run.ref, reason="Wrong.", by=w.person)
    ),
    "reviews.review": done(
        drawn, lambda w, run: reviews.review(ref=run.ref, verdict="wrong", reason="Wrong.", by=w.person)
    ),
    "corrections.write_wrong": done(
        World.completed, lambda w, run: corrections.write_wrong(run, w.person, reason="Wrong.", found_in="")
    ),
    "breakers.close": done(opened_breaker, lambda w, _: breakers.close(target="board", reason="Fine.", by=w.person)),
    "exceptions.take": done(World.stopped, lambda w, ref: exceptions.take(ref=ref, by=w.person)),
    "exceptions.resolve": done(
        taken, lambda w, ref: exceptions.resolve(ref=ref, outcome="fixed-by-hand", note="Done by hand.", by=w.person)
    ),
    "rereading.read_again": done(World.stopped, lambda w, ref: rereading.read_again(ref=ref, by=w.person)),
    "follow_ups.start": done(followed, lambda w, given: follow_ups.start(**given)),
    "follow_ups.preview": done(followed, lambda w, given: follow_ups.preview(**given)),
    "forgetting.forget": done(over, lambda w, run_id: forgetting.forget(run_id=run_id, by=w.by)),
    "overdue.note": done(late, lambda w, packet: overdue.note(**packet, by=w.by)),
    "together.take_together": done(World.stopped, lambda w, ref: together.take_together(refs=[ref], by=w.person)),
    "together.resolve_together": done(
        taken, lambda w, ref: together.resolve_together(refs=[ref], outcome="other", note="Done by hand.", by=w.person)
    ),
    "handover.add_note": done(World.stopped, lambda w, ref: handover.add_note(ref=ref, note="Looked.", by=w.person)),
    "handover.hand_back": done(taken, lambda w, ref: handover.hand_back(ref=ref, note="Not mine.", by=w.person)),
    "handover.assign": done(assignable, lambda w, ref: handover.assign(ref=ref, to=MAIL, by=w.person)),
    "messages.deliver": done(nothing, lambda w, _: messages.deliver(message_id="msg_1", item=item(w), by=w.by)),
    "previews.preview": done(nothing, lambda w, _: previews.preview(task=w.estate.task(), by=w.by)),
    "reports.deliver": done(reported, lambda w, claim: reports.deliver(claim=claim, by=w.by)),
    "reports.deliver refused": done(refused, lambda w, claim: reports.deliver(claim=claim, by=w.by)),
    "reports.repeat": done(World.completed, lambda w, run: reports.repeat(ref=run.ref, by=w.by)),
    "exceptions.resolve refusing": done(
        fencing,
        lambda w, ref: exceptions.resolve(
            ref=ref, outcome="fixed-by-hand", note="Done by hand.", waiting="refuse", by=w.person
        ),
    ),
    "runs.start": done(nothing, lambda w, _: runs.start(task=w.estate.task(), by=w.by)),
    "runs.stop": done(lambda w: w.estate.start().ref, lambda w, ref: runs.stop(ref=ref, reason="Wrong.", by=w.person)),
    "runs.cancel": done(lambda w: w.estate.start().ref, lambda w, ref: runs.cancel(ref=ref, by=w.person)),
    "tasks.receive": done(nothing, lambda w, _: tasks.receive(item=item(w), by=w.by)),
    "tasks.receive refused": done(nothing, lambda w, _: tasks.receive(item=item(w, payload={}), by=w.by)),
    "updates.deliver": done(to_write, lambda w, claim: updates.deliver(claim=claim, by=w.by)),
    "updates.repeat": done(written, lambda w, message: updates.repeat(ref=message.ref, by=w.by)),
    "pulling.pull": done(listed, lambda w, _: pulling.pull(by=w.by)),
}
# A run is carried forward in several transactions, each with an event of its own: see the last test.
CARRIED = {"advancing.advance", "runs.write_cancelled", "waves.member_ended"}
ASKS = {"enrolment.own", "enrolment.require_own", "runs.require_intake", "definitions.begin"}  # and decides nothing
# Parts of other actions, which record their events.
PARTS = {
    "enrolment.end_every",
    "erasures.proceed",
    "kept_erasures.apply",
    "erasures.apply_kept",
    "updates.about_packet",
    "updates.about_run",
    "updates.about_refusal",
}


@pytest.fixture
def world(committed_db: str, signer: Signing) -> Iterator[World]:
    """On a database where every transaction is really committed: what an action leaves behind stays behind."""
    board = SwitchBoard()
    system = TaskSystem(
        connector="board",
        workspace="acme",
        list_path="/tasks/open",
        items_at="/items",
        next_at="/next",
        key_at="/id",
        runbook_at="/runbook",
        version_at="/runbook_version",
        payload_at="/payload",
        outcome_path="/tasks/{task}",
        messages=WriteCall(
            path="/tasks/{task}/messages", idempotent=True, answers=(AnswerRow(at="key", holds="{key}", means="kept"),)
        ),
    )
    estate = Installation().runs
    board.add("s1", owner=estate.tenant.key)
    with connected(board), task_system.use(system):
        yield World(estate, board)


# An attempt is counted before its call, so that one whose worker dies in it counts too.
COUNTED = ("runbooks_report", "runbooks_taskupdate")
BEFORE_THE_CALL = ("attempts", "due_at", "tried_until")


def contents() -> dict[str, str]:
    """Every table with a digest of its rows, without what stands there before a call begins."""
    found = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            row = f"to_jsonb(t) - '{{{','.join(BEFORE_THE_CALL)}}}'::text[]" if table in COUNTED else "t"
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(({row})::text, '|' ORDER BY ({row})::text), '')) FROM {table} t"
            )
            found[table] = cursor.fetchone()[0]
    return found


def break_audit(only: str = "") -> None:
    """From now on the database refuses audit events whose tag starts with ``only``."""
    run(
        "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'the audit insert is broken'; END $$"
    )
    run(
        "CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_auditevent FOR EACH ROW"
        f" WHEN (starts_with(NEW.event, '{only}')) EXECUTE FUNCTION refuse_audit()"
    )


def names(module: ModuleType) -> set[str]:
    """The module's public functions with a ``by``."""
    short = "definitions" if module is definitions else module.__name__.rpartition(".")[2]
    found = inspect.getmembers(module, inspect.isfunction)
    own = [(n, f) for n, f in found if f.__module__ == module.__name__ and not n.startswith("_")]
    return {f"{short}.{name}" for name, function in own if "by" in inspect.signature(function).parameters}


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        for found in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            if not found.ispkg:
                yield importlib.import_module(found.name)


def test_every_action_is_in_the_table() -> None:
    assert set().union(*map(names, modules())) == {name.split()[0] for name in ACTIONS} | CARRIED | ASKS | PARTS


@pytest.mark.parametrize("name", portion(ACTIONS, 2))
def test_action_changes_nothing_until_its_event_can_be_written(world: World, name: str) -> None:
    act = ACTIONS[name](world)
    break_audit()
    before = contents()
    # The sealer looks at the triggers before it writes anything, and signs nothing where there is one too many.
    with pytest.raises((DatabaseError, SealRefused), match=r"the audit insert is broken|refuse_audit"):
        act()
    assert contents() == before
    run("DROP TRIGGER refuse_audit ON audit_auditevent")
    act()
    assert contents()["audit_auditevent"] != before["audit_auditevent"]


@pytest.mark.requirement("R2-05")
@pytest.mark.parametrize(
    ("broken", "switch", "kinds", "called"),
    [
        ("run.checked", "s1", ["received"], 0),
        ("run.invoked", "s1", ["received"], 0),
        ("run.completed", "s1", ["received", "claimed", "checked", "intent", "result"], 1),
        ("run.stopped", "bad", ["received"], 0),
    ],
)
def test_advance_goes_no_further_than_its_events_can_be_written(
    world: World, broken: str, switch: str, kinds: list[str], called: int
) -> None:
    world.board.add("bad", owner="ten_other")
    started = world.estate.start("TASK-1", switch)
    break_audit(broken)
    world.estate.advance(started)
    assert started.failures == 1  # it is tried again later
    assert list(started.checkpoints.order_by("sequence").values_list("kind", flat=True)) == kinds
    assert len(world.board.calls) == called
    assert started.finished_at is None
    left = ("completion", "exception_packet", "retry_ledger", "report")
    assert [name for name in left if hasattr(started, name)] == []
