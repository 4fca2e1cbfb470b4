"""What an answer means, by channel: taken, later, refused or unknown; and what is sent, against real receivers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from handrail.connectors import channels
from handrail.connectors.channels import ChannelMessage, SentVerdict
from handrail.connectors.channels.config import NotificationsSection, ResponderSection
from handrail.connectors.channels.message import MessageChannel
from handrail.kernel.errors import Misconfigured
from handrail.kernel.secrets import Secrets
from tests.factories.receivers import HookServer, hook_server

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
MESSAGE = ChannelMessage(
    key="NTF-7K3M9QX2ZA",
    title="A run stopped: EXC-1 (flip-switch: owner <mismatch> *&*)",
    lines=("Nobody has it. @channel <!here> [x](https://evil.example)",),
    link="https://handrail.example.com/admin/exceptions/EXC-1",
    urgent=True,
    thread="NTF-FIRST",
    values={"owner": "ten_two"},
    kind="run.stopped",
    workspace="acme",
    events=({"event": "run.stopped", "subject": "EXC-1"},),
)
D, L, R, U = SentVerdict.DELIVERED, SentVerdict.LATER, SentVerdict.REFUSED, SentVerdict.UNKNOWN
CHANNELS: dict[str, dict[str, Any]] = {
    "webhook": {"kind": "webhook", "url": "{url}/hook", "secret": "env:SECRET"},
    "slack": {"kind": "chat", "shape": "slack", "url": "env:ROOM"},
    "mattermost": {"kind": "chat", "shape": "mattermost", "url": "env:ROOM"},
    "teams": {"kind": "chat", "shape": "teams", "url": "env:ROOM"},
    "pagerduty": {"kind": "pager", "shape": "pagerduty", "url": "{url}/v2/enqueue", "key": "env:KEY"},
    "opsgenie": {"kind": "pager", "shape": "opsgenie", "url": "{url}/v2/alerts", "key": "env:KEY"},
    "goalert": {"kind": "pager", "shape": "goalert", "url": "{url}", "key": "env:KEY"},
}
SUCCESS = {"pagerduty": (202, b'{"status":"success"}'), "opsgenie": (202, b"{}"), "teams": (202, b"")}


@pytest.fixture
def hooks() -> Iterator[HookServer]:
    with hook_server() as server:
        yield server


def opened(name: str, url: str) -> MessageChannel:
    given = {key: value.format(url=url) for key, value in CHANNELS[name].items()}
    section = ResponderSection.model_validate({"channels": [{**given, "deadline_seconds": 2}]})
    secrets = Secrets({"SECRET": SECRET, "ROOM": f"{url}/rooms/T0/B0?sig=canary-room", "KEY": "canary-key"})
    found = channels.build(
        {"on-call": section}, mail=None, settings=NotificationsSection(), open_desk=lambda _: None, secrets=secrets
    )
    return found.by_key["on-call"].channels[0].channel


def sent_to(hooks: HookServer, name: str, message: ChannelMessage = MESSAGE) -> Any:
    status, body = SUCCESS.get(name, (200, b"ok"))
    hooks.usual = (status, {}, body)
    return opened(name, hooks.url).send(message)


@pytest.mark.parametrize("name", CHANNELS)
def test_each_takes_one_message_with_the_link(hooks: HookServer, name: str) -> None:
    assert sent_to(hooks, name).verdict is D
    (heard,) = hooks.heard
    assert "EXC-1" in heard.body.decode()
    assert MESSAGE.link in heard.body.decode().replace("%3A", ":").replace("%2F", "/")


@pytest.mark.parametrize(
    ("name", "status", "headers", "body", "verdict"),
    [
        ("webhook", 204, {}, b"", D),
        ("webhook", 429, {"retry-after": "90"}, b"", L),
        ("webhook", 500, {}, b"", L),
        ("webhook", 401, {}, b"", L),
        ("webhook", 410, {}, b"", R),
        ("webhook", 301, {"location": "https://elsewhere.example"}, b"", R),
        ("webhook", 0, {}, b"", L),
        ("slack", 200, {}, b"invalid_payload", R),
        ("slack", 200, {}, b'{"ok": false, "error": "channel_not_found"}', R),
        ("slack", 200, {}, b'{"ok": true}', D),
        ("slack", 403, {}, b"action_prohibited", L),
        ("slack", 404, {}, b"channel_not_found", R),
        ("slack", 429, {"retry-after": "30"}, b"", L),
        ("slack", 502, {}, b"", U),
        ("slack", 503, {}, b"", L),
        ("slack", 0, {}, b"", U),
        ("teams", 200, {}, b"1", D),
        ("teams", 200, {}, b"Webhook message delivery failed with error: HTTP error 429", R),
        ("pagerduty", 202, {}, b'{"status":"invalid event"}', R),
        ("pagerduty", 400, {}, b'{"status":"invalid event"}', R),
        ("pagerduty", 429, {}, b"", L),
        ("pagerduty", 0, {}, b"", L),
        ("opsgenie", 422, {}, b"{}", R),
        ("goalert", 204, {}, b"", D),
        ("goalert", 401, {}, b"", L),
    ],
)
def test_an_answer_means_what_it_can_mean(  # noqa: PLR0917 - a table
    hooks: HookServer,
    name: str,
    status: int,
    headers: dict[str, str],
    body: bytes,
    verdict: SentVerdict,
) -> None:
    hooks.answers = [(status, headers, body)]
    sent = opened(name, hooks.url).send(MESSAGE)
    assert sent.verdict is verdict, sent
    assert sent.retry_after_seconds == (float(headers["retry-after"]) if "retry-after" in headers else None)
    assert (sent.words == "") == (verdict is D)
    assert "canary" not in sent.words


def test_webhook_is_signed_so_that_the_library_of_the_standard_verifies_it(hooks: HookServer) -> None:
    sent_to(hooks, "webhook")
    sent_to(hooks, "webhook")
    first, again = hooks.heard
    found = Webhook(SECRET).verify(first.body, first.headers)
    assert found["type"] == "notification.run.stopped"
    assert found["data"]["link"] == MESSAGE.link
    assert first.headers["webhook-id"] == again.headers["webhook-id"] == MESSAGE.key


@pytest.mark.parametrize("name", ["slack", "mattermost", "teams"])
def test_a_room_sees_no_value_and_nothing_that_calls_people_or_leads_elsewhere(hooks: HookServer, name: str) -> None:
    sent_to(hooks, name)
    text = hooks.heard[0].body.decode()
    assert "ten_two" not in text
    assert "<!here>" not in text
    if name != "slack":  # whose markup has neither
        assert "[x](https://evil.example)" not in text
        assert "@channel" not in text


def test_a_pager_folds_and_closes_by_the_first_message(hooks: HookServer) -> None:
    over = ChannelMessage(**{**{f: getattr(MESSAGE, f) for f in MESSAGE.__slots__}, "resolved": True, "closes": True})
    for name in ("pagerduty", "opsgenie", "goalert"):
        sent_to(hooks, name)
        sent_to(hooks, name, over)
    opened_, closed, alert, close, *_ = hooks.heard
    assert [heard.json()["event_action"] for heard in (opened_, closed)] == ["trigger", "resolve"]
    assert {heard.json()["dedup_key"] for heard in (opened_, closed)} == {"NTF-FIRST"}
    assert alert.json()["alias"] == "NTF-FIRST"
    assert close.path == "/v2/alerts/NTF-FIRST/close?identifierType=alias"
    assert b"action=close" in hooks.heard[-1].body
    assert not any("canary-key" in heard.path for heard in hooks.heard)


def test_a_pager_is_left_alone_while_others_of_the_incident_are_open(hooks: HookServer) -> None:
    some = ChannelMessage(**{**{f: getattr(MESSAGE, f) for f in MESSAGE.__slots__}, "resolved": True})
    assert sent_to(hooks, "pagerduty", some).verdict is D
    assert hooks.heard == []


def test_nothing_is_sent_to_look_whether_it_can_be_reached(hooks: HookServer) -> None:
    for name in CHANNELS:
        (finding,) = opened(name, hooks.url).check()
        assert finding.ok, name
    assert hooks.heard == []
    assert not opened("webhook", "http://127.0.0.1:1").check()[0].ok


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"kind": "webhook", "url": "http://hooks.example.com/canary", "secret": "env:SECRET"}, "not encrypted"),
        ({"kind": "webhook", "url": "ftp://canary", "secret": "env:SECRET"}, "absolute https"),
        ({"kind": "webhook", "url": "https://u:canary@x.example", "secret": "env:SECRET"}, "can't be used"),
        ({"kind": "webhook", "url": "https://x.example", "secret": "env:SHORT"}, "whsec_"),
        ({"kind": "chat", "shape": "slack", "url": "env:NOTHING"}, "missing or empty"),
        ({"kind": "email", "to": ["a@example.com"]}, "add [mail]"),
        ({"kind": "desk"}, "add [desk]"),
    ],
)
def test_what_can_not_work_is_refused_by_section_without_the_secret(own: dict[str, Any], said: str) -> None:
    section = ResponderSection.model_validate({"channels": [own]})
    with pytest.raises(Misconfigured) as caught:
        channels.build(
            {"on-call": section},
            mail=None,
            settings=NotificationsSection(),
            open_desk=lambda _: None,
            secrets=Secrets({"SECRET": SECRET, "SHORT": "whsec_YQ=="}),
        )
    assert said in caught.value.message
    assert caught.value.message.startswith("responders.on-call.channels.0: ")
    assert "canary" not in caught.value.message


def test_names_that_lead_nowhere_or_mean_two_things_are_refused() -> None:
    channel = {"kind": "webhook", "url": "https://x.example", "secret": "env:SECRET"}
    sections = {
        "a": ResponderSection.model_validate({"channels": [channel], "next": "nobody"}),
        "b": ResponderSection.model_validate({"channels": [channel], "name": "a"}),
    }
    with pytest.raises(Misconfigured) as caught:
        channels.build(
            sections,
            mail=None,
            settings=NotificationsSection(responder="x"),
            open_desk=lambda _: None,
            secrets=Secrets({"SECRET": SECRET}),
        )
    assert [fault.where for fault in caught.value.faults] == [
        "responders.a.next",
        "notifications.responder",
        "responders.b.name",
    ]


def test_json_of_every_shape_is_json(hooks: HookServer) -> None:
    for name in ("slack", "mattermost", "teams", "pagerduty", "opsgenie"):
        sent_to(hooks, name)
    assert [type(json.loads(heard.body)) for heard in hooks.heard] == [dict] * 5
