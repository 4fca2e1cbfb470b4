"""Pages of notifications: what one chooses, what was sent, and sending it again from the page of the object."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from handrail.notifications.models import ChannelDelivery, NotificationChoice
from tests.factories.notified import Room, notified, responder
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


def test_a_person_chooses_what_reaches_them(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.SENIOR_SUPPORT)
    page = client.get("/admin/notifications").content.decode()
    assert "no mail server" in page
    assert page.count("checked") >= 2
    client.post("/admin/notifications", {"kind": ["exceptions", "exceptions-mine"]})
    chosen = dict(NotificationChoice.objects.values_list("kind", "email"))
    assert chosen["exceptions"] is True
    assert chosen["exceptions-late"] is False
    assert "exceptions-mine" not in chosen  # as usual


def test_what_was_not_delivered_is_shown_on_the_object_and_sent_again_there(
    house: Web, as_role: Callable[..., Client]
) -> None:
    client = as_role(Role.OPERATOR)
    ref = house.notice.ref
    about = f"/admin/exceptions/{house.stopped.ref}"
    page = client.get(about).content.decode()
    assert "Notified" in page
    assert "It answered with status 400" in page
    assert f"/admin/notifications/{ref}/redeliver" in page
    assert ref in client.get("/admin/notifications/sent?outcome=undelivered").content.decode()
    with notified(responder("on-call", {"pager": Room()})):
        done = client.post(f"/admin/notifications/{ref}/redeliver", {"about": house.stopped.ref})
    assert (done.status_code, done.headers["Location"]) == (302, about)
    assert ChannelDelivery.objects.get(ref=ref).outcome == "waiting"


def test_what_may_be_there_is_not_sent_again_without_a_word(house: Web, as_role: Callable[..., Client]) -> None:
    client = as_role(Role.OPERATOR)
    ChannelDelivery.objects.filter(pk=house.notice.pk).update(outcome="unknown")
    page = client.get(f"/admin/exceptions/{house.stopped.ref}").content.decode()
    assert "It may come twice" in page
    client.post(f"/admin/notifications/{house.notice.ref}/redeliver", {"about": "//evil.example"})
    assert ChannelDelivery.objects.get(pk=house.notice.pk).outcome == "unknown"


def test_who_may_only_look_sees_it_and_no_button(house: Web, as_role: Callable[..., Client]) -> None:
    page = as_role(Role.AUDITOR).get(f"/admin/exceptions/{house.stopped.ref}").content.decode()
    assert "Notified" in page
    assert "redeliver" not in page
