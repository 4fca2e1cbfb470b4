"""Plants canaries into captures and traces: each place of them gets one, of the next kind."""

from __future__ import annotations

import base64
import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from tests.canaries.finding import Haystack
from tests.canaries.kinds import Canary, made, turns
from tests.factories.captures import TOOLS, Plants


class Canaries(Plants):
    """Hands out a canary for each place. ``all`` lists them."""

    def __init__(self, seed: str) -> None:
        super().__init__(seed)
        self.all: list[Canary] = []
        self._turns: Iterator[str] = turns(seed)

    def __call__(self, place: str) -> str:
        return self.of(next(self._turns), place)

    def of(self, kind: str, place: str) -> str:
        """A canary of just this kind."""
        canary = made(kind, place, self.seed)
        self.all.append(canary)
        return canary.written

    def _plant(self, place: str, secret: str) -> str:
        """Passwords and host labels of the captures' own making, spelled of words that paths are made of."""
        self.all.append(Canary("password or host of common words", place, secret, secret))
        return secret

    def present(self, data: bytes) -> list[Canary]:
        """Those that really are in ``data``: not every tool has every place."""
        hay = Haystack({"data": data})
        return [canary for canary in self.all if hay.found([canary])]


def capture(tool: str, seed: str) -> tuple[bytes, list[Canary]]:
    """A capture as ``tool`` writes it, a canary in each of its places."""
    canaries = Canaries(f"{seed}/{tool}")
    data = json.dumps(TOOLS[tool](canaries)).encode()
    return data, canaries.present(data)


def value(text: str) -> dict[str, Any]:
    return {"stringValue": text}


def attribute(key: str, inner: dict[str, Any]) -> dict[str, Any]:
    return {"key": key, "value": inner}


# Keys of the semantic conventions, with what may stay of each; a canary stands where something may.
KNOWN = (
    "service.name", "service.version", "service.instance.id", "host.name", "host.id", "k8s.pod.name",
    "k8s.namespace.name", "container.id", "process.command_line", "process.owner", "telemetry.sdk.name",
    "deployment.environment.name",
    "cloud.account.id", "cloud.region", "http.request.method", "http.route", "url.full", "url.path", "url.query",
    "url.fragment", "url.scheme", "user_agent.original", "server.address", "client.address", "network.peer.address",
    "network.protocol.version", "http.request.header.authorization", "http.request.header.cookie",
    "http.response.header.set-cookie", "http.request.header.x-request-id", "error.type", "exception.type", "db.system",
    "db.statement", "db.query.text", "db.connection_string", "rpc.system", "rpc.method", "messaging.message.id",
    "enduser.id", "enduser.role", "session.id", "user.id", "user.email", "user.name", "tls.client.subject",
    "tls.cipher", "tls.protocol.version", "thread.name", "code.function.name", "code.file.path", "peer.service",
    "graphql.document", "faas.trigger", "feature_flag.key", "gen_ai.prompt", "log.file.path", "saml.status_code",
)  # fmt: skip


def span(p: Canaries, number: int) -> dict[str, Any]:
    message = p(f"span {number} status message")
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number + 16:016x}",
        "traceState": p(f"span {number} trace state"),
        "name": f"GET /users/{p(f'span {number} name')}",
        "kind": 2,
        "startTimeUnixNano": "1795342502846000000",
        "endTimeUnixNano": "1795342503846000000",
        "attributes": [
            *(attribute(key, value(p(f"span {number} attribute {key}"))) for key in KNOWN),
            attribute(p(f"span {number} attribute name"), value("x")),
            attribute(f"app.{number}", value(p(f"span {number} custom attribute"))),
            attribute("http.method", {"arrayValue": {"values": [value(p(f"span {number} list"))]}}),
            attribute("service.name", {"kvlistValue": {"values": [attribute("k", value(p(f"span {number} member")))]}}),
            attribute("error.type", {"bytesValue": base64.b64encode(p(f"span {number} bytes").encode()).decode()}),
        ],
        "events": [
            {
                "timeUnixNano": "1795342502946000000",
                "name": f"exception {p(f'span {number} event name')}",
                "attributes": [
                    attribute("exception.message", value(p(f"span {number} exception message"))),
                    attribute("exception.stacktrace", value(f"at app.Main({p(f'span {number} stack')})")),
                    attribute("exception.type", value(p(f"span {number} exception type"))),
                ],
            }
        ],
        "links": [
            {
                "traceId": f"{number + 1:032x}",
                "spanId": f"{number + 17:016x}",
                "attributes": [attribute("reason", value(p(f"span {number} link")))],
            }
        ],
        "status": {"code": 2, "message": message},
        p(f"span {number} key"): 1,
    }


def resource(p: Canaries) -> dict[str, Any]:
    return {"attributes": [attribute(key, value(p(f"resource {key}"))) for key in KNOWN[:14]]}


def spans(p: Canaries) -> dict[str, Any]:
    scope = {"name": p("scope name"), "version": p("scope version"), "attributes": [attribute("k", value(p("scope")))]}
    group = {"scope": scope, "spans": [span(p, 1), span(p, 2)], "schemaUrl": p("schema")}
    return {"resourceSpans": [{"resource": resource(p), "scopeSpans": [group]}], p("document key"): p("document value")}


def logs(p: Canaries) -> dict[str, Any]:
    record = {
        "timeUnixNano": "1795342502846000000",
        "severityNumber": 17,
        "severityText": p("severity"),
        "body": value(f"log-in failed: {p('log body')}"),
        "attributes": [
            attribute("exception.message", value(p("log attribute"))),
            attribute("x", value(p("log custom"))),
        ],
        "traceId": f"{1:032x}",
        "spanId": f"{17:016x}",
    }
    listed = {"body": {"kvlistValue": {"values": [attribute("m", value(p("log member")))]}}, **record}
    return {"resourceLogs": [{"resource": resource(p), "scopeLogs": [{"logRecords": [record, listed]}]}]}


TRACES = ("trace", "trace of an older SDK", "trace of Tempo", "logs", "lines of a Collector", "trace in gzip")


def traced(form: str, seed: str) -> tuple[bytes, list[Canary]]:
    """A trace or logs in one of their forms, a canary in each of its places."""
    p = Canaries(f"{seed}/{form}")
    document = logs(p) if form == "logs" else spans(p)
    if form == "trace of an older SDK":
        for group in document["resourceSpans"]:
            group["instrumentationLibrarySpans"] = group.pop("scopeSpans")
    elif form == "trace of Tempo":
        document["batches"] = document.pop("resourceSpans")
    data = json.dumps(document).encode()
    if form == "lines of a Collector":
        lines = [json.dumps({"resourceSpans": [group]}) for group in document["resourceSpans"] * 2]
        data = "\n".join(lines).encode() + b"\n"
    found = p.present(data)
    return (gzip.compress(data), found) if form == "trace in gzip" else (data, found)


# Lines as servers, gateways and runtimes write them; a canary stands at each mark.
LINES = (
    "2026-11-20T08:02:01.250Z ERROR sso-gateway [exec-7] log-in failed: {}",
    '198.51.100.7 - {} [20/Nov/2026:08:02:01 +0000] "POST /saml/acs?{} HTTP/1.1" 500 512 "https://app.example.com/{}"',
    '"GET /" 200 12 "-" "{}"',
    "Nov 20 08:02:01 {} sshd[411]: Failed password for {} from {} port 50122 ssh2",
    "2026-11-20 08:02:01,250 WARN  [main] o.s.Verifier - user={} token={} status=denied",
    '{{"level":"error","msg":"{}","user":"{}","request_id":"{}"}}',
    "Caused by: java.lang.IllegalStateException: {}",
    "\tat com.example.Service.call(Service.java:88) // {}",
    "time=2026-11-20T08:02:01Z level=info msg=\"signed in\" session={} remote={}",
    "Authorization: {}",
    "Cookie: {}",
    "Set-Cookie: {}; Path=/; HttpOnly",
    "GET https://{}@idp.example.com/realms/{}/auth?code={}#access_token={}",
    "export API_KEY={}",
    "{}",
    "Connecting to {} failed after 3 tries",
    "E1120 08:02:01.250000       1 handler.go:88] {}",
    "[2026-11-20 08:02:01] production.ERROR: {} {{\"exception\":\"{}\"}}",
    '"exec-7" #41 daemon prio=5 os_prio=0 tid=0x00007f1c nid=0x2a waiting for {}',
    "   - locked <0x000000076b2a> (a {})",
    "Grüße an {}, das Kennwort ist {}",
    "Handing over to {} now, call {} if it fails",
)  # fmt: skip


def logged(seed: str) -> tuple[bytes, list[Canary]]:
    """A text log, a canary at each of its marks. One of several lines stands on several."""
    p = Canaries(f"{seed}/log")
    lines = []
    for turn in range(4):
        for number, line in enumerate(LINES):
            lines.append(
                line.format(*(p(f"line {number}, {at}, {turn}") for at in range(line.replace("{{", "").count("{"))))
            )
    data = "\n".join(lines).encode() + b"\n"
    return data, p.present(data)


DUMP = """Full thread dump OpenJDK 64-Bit Server VM (21.0.1+12 mixed mode):

"{}" #42 daemon prio=5 cpu=12.50ms tid=0x7f1234567890 nid=0x1a2b waiting on condition [0x7f09]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat com.{}.Portal.login(Portal.java:42)
\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)
\t- waiting to lock <0x000000071a2b3c40> (a com.{})
\t- locked <0x000000071a2b3c50> (a {})

"pool-1 {}" #43 prio=5 tid=0x1 nid=0x2 runnable
   java.lang.Thread.State: RUNNABLE
\tat app//{}.run({})

{}

Found one Java-level deadlock:
"{}":
  waiting to lock monitor 0x7f11 (object 0x000000071a2b3c50, a {}),
  which is held by "{}"
"""


def dumped(seed: str) -> tuple[bytes, list[Canary]]:
    """A thread dump, several times over, a canary at each of its marks."""
    p = Canaries(f"{seed}/dump")
    marks = DUMP.count("{}")
    data = "\n".join(DUMP.format(*(p(f"mark {at}, {turn}") for at in range(marks))) for turn in range(6)).encode()
    return data, p.present(data)


def archived(seed: str) -> tuple[bytes, list[Canary]]:
    """A ZIP archive of a capture, a trace, a log and a dump, with canaries in its members' names and its comments."""
    members = {
        "har": capture("chrome", f"{seed}/archive"),
        "json": traced("trace", f"{seed}/archive"),
        "log": logged(f"{seed}/archive"),
        "txt": dumped(f"{seed}/archive"),
    }
    p, out, found = Canaries(f"{seed}/archive"), io.BytesIO(), list[Canary]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for extension, (data, canaries) in members.items():
            name = "".join(letter if letter.isalnum() else "-" for letter in p.of("refresh token", f"{extension} name"))
            found += [*canaries, Canary("name of a file", f"{extension} name", name, name)]
            member = zipfile.ZipInfo(f"{name}.{extension}", (2026, 11, 20, 8, 2, 0))
            member.comment = p.of("bearer", f"{extension} comment").encode()
            found.append(p.all[-1])
            archive.writestr(member, data)
        archive.comment = p.of("JWT", "comment").encode()
        found.append(p.all[-1])
    return out.getvalue(), found
