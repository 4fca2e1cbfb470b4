"""What people do about messages: send again, and choose what reaches them."""

from __future__ import annotations

import pytest
from django.db import DatabaseError

from handrail.access import queries as access
from handrail.access.actor import Actor
from handrail.access.capabilities import Role
from handrail.access.decisions import Proof
from handrail.access.models import TenantEntitlement
from handrail.audit.events import EventName
from handrail.audit.models import AuditEvent
from handrail.connectors.channels.smtp import Smtp
from handrail.kernel.errors import Conflict, Denied, Invalid, NotFound
from handrail.notifications import queries
from handrail.notifications.actions import redelivering
from handrail.notifications.models import ChannelDelivery, NotificationChoice, NotifiedEvent
from handrail.notifications.queries import MessageFilter
from handrail.notifications.rules import NoticeKind
from tests.factories import rows
from tests.factories.log import run as sql
from tests.factories.notified import REFUSED, UNKNOWN, Room, due_now, notified, responder, work
from tests.factories.receivers import Mailbox, mail_server, smtp
from tests.factories.runs import Runs
from tests.factories.switches import SwitchBoard
from tests.unit.notifications.conftest import stop


def person(estate: Runs, *roles: Role) -> Actor:
    return access.actor_for(rows.member(estate.workspace, *roles), estate.workspace.slug, proof=Proof.SESSION)


def test_a_message_that_failed_is_sent_again_and_the_log_says_by_whom(estate: Runs, board: SwitchBoard) -> None:
    room = Room(script=[REFUSED])
    with notified(responder("on-call", {"pager": room})):
        ref = stop(estate, board)
        work()
        by = person(estate, Role.OPERATOR)
        (shown,) = queries.messages_about(by, ref)
        assert (shown.outcome, shown.failure, shown.why_not_redeliver) == (
            "failed",
            "it answered with status 400",
            None,
        )
        redelivering.redeliver(ref=shown.ref, by=by)
        work()
        (shown,) = queries.messages_about(by, ref)
        assert (shown.outcome, shown.recipient, shown.channel) == ("delivered", "on-call", "pager")
        with pytest.raises(Conflict, match="not sent twice"):
            redelivering.redeliver(ref=shown.ref, by=by)
    assert len(room.taken) == 1
    assert AuditEvent.objects.get(event=EventName.NOTIFICATION_REPEATED).actor == by.name


def test_what_may_be_there_is_sent_again_only_if_it_may_come_twice(estate: Runs, board: SwitchBoard) -> None:
    room = Room(script=[UNKNOWN])
    with notified(responder("on-call", {"mail": room})):
        stop(estate, board)
        work()
        by, ref = person(estate, Role.OPERATOR), ChannelDelivery.objects.get().ref
        with pytest.raises(Conflict, match="may come twice"):
            redelivering.redeliver(ref=ref, by=by)
        redelivering.redeliver(ref=ref, by=by, may_repeat=True)
        work()
    assert room.calls == 2
    assert ChannelDelivery.objects.get().outcome == "delivered"


def test_once_the_responder_is_configured_it_is_told_of_what_it_missed(estate: Runs, board: SwitchBoard) -> None:
    by = person(estate, Role.OPERATOR)
    with notified(responder("somebody-else", {"pager": Room()})):
        stop(estate, board)
        work()
        ref = ChannelDelivery.objects.get().ref
        with pytest.raises(Conflict, match="still no responder"):
            redelivering.redeliver(ref=ref, by=by)
    pager, mail = Room(), Room()
    with notified(responder("on-call", {"pager": pager, "mail": mail})):
        redelivering.redeliver(ref=ref, by=by)
        work()
    assert [len(room.taken) for room in (pager, mail)] == [1, 1]


def test_what_is_outside_ones_scope_is_not_there(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("on-call", {"pager": Room(script=[REFUSED])})):
        exception = stop(estate, board)
        work()
        other = rows.tenant(estate.workspace, key="ten_two")
        user = rows.member(estate.workspace, Role.OPERATOR, tenants=[other])
        by = access.actor_for(user, estate.workspace.slug)
        ref = ChannelDelivery.objects.get().ref
        with pytest.raises(NotFound):
            redelivering.redeliver(ref=ref, by=by)
        assert queries.messages_about(by, exception) == []
        assert queries.list_messages(by) == []
        assert queries.count_undelivered(by) == 0
        assert queries.count_undelivered(person(estate, Role.OPERATOR)) == 1
        with pytest.raises(Denied):
            redelivering.redeliver(ref=ref, by=person(estate, Role.AUDITOR))


def test_nothing_is_sent_again_that_the_log_does_not_tell(estate: Runs, board: SwitchBoard) -> None:
    with notified(responder("on-call", {"pager": Room(script=[REFUSED])})):
        stop(estate, board)
        work()
        sql(
            "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the audit insert is broken'; END $$"
        )
        sql(
            "CREATE TRIGGER refuse_audit BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION refuse_audit()"
        )
        with pytest.raises(DatabaseError, match="audit insert is broken"):
            redelivering.redeliver(ref=ChannelDelivery.objects.get().ref, by=person(estate, Role.OPERATOR))
    assert ChannelDelivery.objects.get().outcome == "failed"


def test_people_hear_what_is_theirs_and_what_they_choose(estate: Runs, board: SwitchBoard) -> None:
    quiet, keen = person(estate, Role.SENIOR_SUPPORT), person(estate, Role.SENIOR_SUPPORT)
    assert [one.email for one in queries.list_choices(quiet) if one.kind is NoticeKind.EXCEPTIONS] == [False]
    redelivering.choose(choices={"exceptions": True}, by=keen)
    mailbox = Mailbox()
    with mail_server(mailbox) as port, notified(mail=plain(port)):
        stop(estate, board)
        work()
        redelivering.choose(choices={"exceptions": None}, by=keen)
        stop(estate, board, switch="s2")
        due_now()
        work()
    assert [mail["To"] for mail in mailbox.messages] == [keen.name]
    assert AuditEvent.objects.filter(event=EventName.NOTIFICATION_CHOSEN, actor=keen.name).count() == 2
    assert not NotificationChoice.objects.exists()


def test_somebody_who_has_left_meanwhile_is_not_told(estate: Runs, board: SwitchBoard) -> None:
    keen = person(estate, Role.SENIOR_SUPPORT)
    redelivering.choose(choices={"exceptions": True}, by=keen)
    mailbox = Mailbox()
    with mail_server(mailbox) as port, notified(mail=plain(port), gather=60):
        stop(estate, board)
        work()
        estate.workspace.membership_set.update(is_active=False)
        due_now()
        work()
    assert mailbox.messages == []
    assert ChannelDelivery.objects.get().failure == "this person has no access any more"


def test_choices_are_a_persons_own(estate: Runs) -> None:
    with pytest.raises(Denied):
        redelivering.choose(choices={"exceptions": True}, by=estate.worker)
    with pytest.raises(Invalid):
        redelivering.choose(choices={"everything": True}, by=person(estate, Role.OPERATOR))


def test_a_test_message_says_that_it_is_one(estate: Runs) -> None:
    good, bad = Room(), Room(script=[REFUSED])
    by = person(estate, Role.SENIOR_SUPPORT)
    with notified(responder("on-call", {"pager": good, "mail": bad})):
        trials = redelivering.try_responder(name="on-call", by=by)
        with pytest.raises(NotFound):
            redelivering.try_responder(name="nobody", by=by)
    assert [(one.channel, one.ok) for one in trials] == [("pager", True), ("mail", False)]
    assert "This is a test message" in good.taken[0].lines[0]
    assert AuditEvent.objects.filter(event=EventName.RESPONDER_TESTED).count() == 2
    assert not ChannelDelivery.objects.exists()


def test_a_list_goes_on_where_it_ended_and_refuses_what_it_does_not_know(estate: Runs, board: SwitchBoard) -> None:
    by = person(estate, Role.OPERATOR)
    with notified(responder("on-call", {f"room-{number}": Room() for number in range(5)})):
        stop(estate, board)
        work()
    first = queries.list_messages(by, MessageFilter(limit=3))
    rest = queries.list_messages(by, MessageFilter(limit=3, after=first[-1].ref))
    assert len({one.ref for one in (*first, *rest)}) == 5
    with pytest.raises(Invalid):
        queries.list_messages(by, MessageFilter(outcome="lost"))
    assert set(queries.first_notified(by, first[0].about)) == set(first[0].about)


def plain(port: int) -> Smtp:
    return smtp(port, None, tls="none", username=None, password=None)


def test_of_a_digest_each_reader_sees_what_is_in_their_scope(estate: Runs, board: SwitchBoard) -> None:
    other = rows.tenant(estate.workspace, key="ten_other")
    narrow = access.actor_for(rows.member(estate.workspace, Role.OPERATOR, tenants=[estate.tenant]))
    foreign = access.actor_for(rows.member(estate.workspace, Role.OPERATOR, tenants=[other]))
    with notified(responder("on-call", {"pager": Room()}), gather=60):
        stop(estate, board, switch="s1")
        work()
        message = NotifiedEvent.objects.get()
        NotifiedEvent.objects.create(
            notification_id=message.notification_id,
            workspace_id=message.workspace_id,
            tenant_id=other.pk,
            event_id=message.event_id + 1,
            event="exception.handed_back",
            at=message.at,
            subject_kind="exception",
            subject="EXC-ELSEWHERE",
        )
        (mine,), (theirs,) = queries.list_messages(narrow), queries.list_messages(foreign)
    assert (mine.tells, theirs.tells) == ("run.stopped", "exception.handed_back")
    assert theirs.about == ("EXC-ELSEWHERE",)


def test_a_list_goes_on_only_behind_a_message_of_ones_scope(estate: Runs, board: SwitchBoard) -> None:
    other = rows.tenant(estate.workspace, key="ten_other")
    foreign = access.actor_for(rows.member(estate.workspace, Role.OPERATOR, tenants=[other]))
    with notified(responder("on-call", {"pager": Room()})):
        stop(estate, board)
        work()
        with pytest.raises(Invalid):
            queries.list_messages(foreign, MessageFilter(after=ChannelDelivery.objects.get().ref))


def test_who_loses_a_tenant_is_notified_of_the_others_alone(estate: Runs, board: SwitchBoard) -> None:
    other, mailbox = rows.tenant(estate.workspace, key="ten_other"), Mailbox()
    user = rows.member(estate.workspace, Role.SENIOR_SUPPORT, tenants=[estate.tenant, other])
    by = access.actor_for(user, estate.workspace.slug, proof=Proof.SESSION)
    redelivering.choose(choices={"exceptions": True}, by=by)
    with (
        mail_server(mailbox) as port,
        notified(mail=smtp(port, None, tls="none", username=None, password=None), gather=60),
    ):
        kept = stop(estate, board)
        work()
        event = NotifiedEvent.objects.get()
        NotifiedEvent.objects.create(
            notification_id=event.notification_id,
            workspace_id=event.workspace_id,
            tenant_id=other.pk,
            event_id=event.event_id + 1,
            event=event.event,
            at=event.at,
            subject_kind="exception",
            subject="EXC-ELSEWHERE",
        )
        TenantEntitlement.objects.filter(tenant=other).delete()
        due_now()
        work()
    (mail,) = mailbox.messages
    assert kept in str(mail)
    assert "ELSEWHERE" not in str(mail)
    assert NotifiedEvent.objects.get(subject="EXC-ELSEWHERE").notified_at is None
    assert NotifiedEvent.objects.get(subject=kept).notified_at is not None
