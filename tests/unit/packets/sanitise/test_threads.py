"""Thread dumps: states and frames of public libraries stay, locks can be followed, everything else has stand-ins."""

from __future__ import annotations

import json
from typing import Any

import pytest

from handrail.packets.sanitise import sanitise
from tests.canaries.finding import Haystack
from tests.canaries.kinds import KINDS, made

JVM = """Full thread dump OpenJDK 64-Bit Server VM (21.0.1+12 mixed mode):

"http-nio-8443-exec-12" #42 daemon prio=5 cpu=12.50ms elapsed=300.12s tid=0x7f1234567890 nid=0x1a2b waiting [0x7f09]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat com.{}.portal.Cache.lookup(Cache.java:42)
\t- waiting to lock <0x000000071a2b3c40> (a com.{}.portal.Cache)
\t- locked <0x000000071a2b3c50> (a java.lang.Object)
\tat org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:162)

"{}" #43 prio=5 tid=0x1 nid=0x2 waiting for monitor entry
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat java.util.concurrent.ThreadPoolExecutor.runWorker(ThreadPoolExecutor.java:1136)
\t- waiting to lock <0x000000071a2b3c50> (a java.lang.Object)
\t- locked <0x000000071a2b3c40> (a com.{}.portal.Cache)

Found one Java-level deadlock:
=============================
"{}":
  waiting to lock monitor 0x7f11 (object 0x000000071a2b3c50, a java.lang.Object),
  which is held by "http-nio-8443-exec-12"
"""
GO = """goroutine 17 [chan receive, 5 minutes]:
net/http.(*conn).serve(0xc000123456, {{0x1, 0x2}})
\t/usr/local/go/src/net/http/server.go:1995 +0x5f4
github.com/{}/portal.Login(0xc000)
\t/home/{}/portal/login.go:12 +0x11
"""
PYTHON = """Current thread 0x00007f8a1c0b7740 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/srv/{}/login.py", line 12 in check
"""
DOTNET = """OS Thread Id: 0x1a2b (12)
000000F3A2B7E5C8 00007ffb12345678 System.Threading.Monitor.Wait(System.Object, Int32)
000000F3A2B7E5C8 00007ffb12345678 {}.Portal.Login.Check(System.String)
"""
DUMPS = {"jvm": JVM, "go": GO, "python": PYTHON, "dotnet": DOTNET}


def dumped(text: str, name: str = "acmecorp") -> list[dict[str, Any]]:
    result = sanitise("threads/v1", text.format(*[name] * text.count("{}")).encode())
    assert result.cleared, result.reasons
    return [json.loads(line) for line in (result.data or b"").splitlines()]


def test_state_facts_and_public_frames_of_a_jvm_stay() -> None:
    first = dumped(JVM)[1]
    assert (first["name"], first["state"]) == ("http-nio-8443-exec-12", "BLOCKED (on object monitor)")
    assert (first["cpu"], first["elapsed"]) == ("12.50ms", "300.12s")
    frame = "org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:162)"
    assert first["frames"][-1] == frame
    assert "portal.Cache.lookup(Cache.java:42)" in first["frames"][0]


def test_who_waits_for_whom_can_be_followed() -> None:
    _, first, second, said, circle = dumped(JVM)
    assert (first["waits"], second["waits"]) == (second["holds"], first["holds"])
    assert first["waits"] != first["holds"]
    assert circle == {"circle": [1, 2]}
    assert said["deadlock"][-1] == "which is held by 'http-nio-8443-exec-12'"


@pytest.mark.parametrize(
    ("kind", "state", "frame"),
    [
        ("go", "chan receive, 5 minutes", "/usr/local/go/src/net/http/server.go:1995 +0x5f4"),
        ("python", None, "File '/usr/lib/python3.11/threading.py', line 320 in wait"),
        ("dotnet", None, "System.Threading.Monitor.Wait(System.Object, Int32)"),
    ],
)
def test_other_runtimes_keep_states_and_public_frames(kind: str, state: str | None, frame: str) -> None:
    thread = dumped(DUMPS[kind])[1]
    assert thread.get("state") == state
    assert any(one.endswith(frame) for one in thread["frames"])


@pytest.mark.parametrize("kind", DUMPS)
def test_dump_leaves_no_canary_of_any_kind(kind: str) -> None:
    planted = [made(name, kind, "threads") for name in KINDS]
    text = "\n".join(
        DUMPS[kind].format(*[one.written.replace('"', "'").replace("\n", " ")] * DUMPS[kind].count("{}"))
        for one in planted
    )
    result = sanitise("threads/v1", text.encode())
    assert Haystack({"threads": result.data or b""}).found(planted) == []
    assert result.cleared


def test_text_without_threads_is_held() -> None:
    result = sanitise("threads/v1", b"connection refused\n")
    assert [reason.code for reason in result.reasons] == ["not-this-kind"]
