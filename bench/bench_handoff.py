"""How long people wait for the answer when the service desk misbehaves, and whether the other pages keep answering.

    python -m bench.bench_handoff [--trials 200] [--at-once 25] [--hanging 20] [--copies 32] [--pages 200]

Prints figures of one session on one machine. It passes and fails on nothing. A trial is one submission through the
action, with its rows, its audit events and one call to the practice desk, which is asked for one fault. The desk is in
a process of its own, and so is the web server whose pages are asked for while submissions hang.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2

from handrail.cli.demo import desk as practice
from handrail.conf import database
from handrail.sandbox.estate import PRACTICE_TOKENS
from handrail.sandbox.services.desk import FAULTS

ROOT = Path(__file__).resolve().parent.parent
EMAIL = "bench@example.com"
START_SECONDS = 120
_number = itertools.count(1)


def main() -> None:
    given = arguments()
    desk_port, web_port = free_port(), free_port()
    desk_url, web_url = f"http://127.0.0.1:{desk_port}", f"http://127.0.0.1:{web_port}"
    with tempfile.TemporaryDirectory(prefix="handrail-bench-") as directory:
        url = os.environ.get("DATABASE_URL") or database.embedded(Path(directory) / "postgres")
        config = Path(directory) / "handrail.toml"
        section = practice.text(desk_url, token="env:BENCH_DESK")
        config.write_text(f"[web]\nport = {web_port}\n\n{section}", encoding="utf-8")
        os.environ |= {
            "DATABASE_URL": url,
            "HANDRAIL_STATE_DIR": directory,
            "HANDRAIL_CONFIG": str(config),
            "BENCH_DESK": PRACTICE_TOKENS["desk"],
        }
        from handrail.conf.start import start

        start()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        tenant = found()
        with process("sandbox", "--port", str(desk_port), url=f"{desk_url}/healthz"):
            measure_faults(desk_url, tenant, given)
            with process("web", url=f"{web_url}/accounts/login/"):
                measure_pages(web_url, tenant, given)


def found() -> str:
    """A workspace with one tenant and one person; the tenant's key."""
    from tests.factories import rows

    from handrail.access.capabilities import Role

    workspace = rows.workspace()
    rows.member(workspace, Role.OPERATOR, email=EMAIL)
    return rows.tenant(workspace).key


def measure_faults(desk_url: str, tenant: str, given: argparse.Namespace) -> None:
    """One line for each fault of the desk: how long submitting took, how often the desk was asked, the most memory that
    was in use until then, what came of it."""

    from handrail.access import queries as access
    from handrail.connectors import desk
    from handrail.support import settings
    from handrail.support.actions import support_requests
    from handrail.support.input import SupportRequestInput
    from handrail.support.states import HandoffMode

    by = access.person(EMAIL)

    def submit(fault: str) -> tuple[float, str]:
        from django.db import connection

        began = time.perf_counter()
        summary = f"[fault:{fault}] bench" if fault else "bench"
        submitted = support_requests.submit(
            by=by,
            tenant=tenant,
            submission_key=f"bench-{next(_number):08}",
            given=SupportRequestInput(summary=summary, mode=HandoffMode.CREATE),
        )
        took = time.perf_counter() - began
        connection.close()
        return took, submitted.handoff.outcome

    assert desk.configured() is not None
    with (
        settings.use(settings.SupportSettings(concurrent_calls=given.at_once)),
        ThreadPoolExecutor(given.at_once) as pool,
    ):
        list(pool.map(submit, [""] * given.at_once))  # opens the connections
        print(f"submissions, {given.trials} for each fault, {given.at_once} at once; seconds")
        for fault in ("", *FAULTS):
            before = creations(desk_url)
            told = list(pool.map(submit, [fault] * given.trials))
            outcomes = ", ".join(f"{count} {name}" for name, count in Counter(name for _, name in told).items())
            calls = creations(desk_url) - before
            times = spread([took for took, _ in told])
            print(f"{fault or 'good answer':20} {times}  calls {calls:4}  max RSS {max_rss():4.0f} MiB  {outcomes}")


def measure_pages(base: str, tenant: str, given: argparse.Namespace) -> None:
    """A page's answer time while nothing else happens, while submissions hang on a dead desk, and while copies of one
    submission do."""
    path = f"/admin/t/{tenant}"
    with closing(client(base)) as reader:
        for _ in range(20):
            reader.get(path)
        print(f"GET of the tenant's page, {given.pages} times; milliseconds")
        print(f"{'idle':20} {page_times(reader, path, given.pages, lambda: True)}")
        with tabs(reader, given.hanging) as people:
            forms = [key_and_token(person, path) for person in people]
            measure_hanging(f"{given.hanging} hang", reader, path, given, list(zip(people, forms, strict=True)))
        with tabs(reader, given.copies) as people:
            form = key_and_token(people[0], path)
            measure_hanging(f"{given.copies} copies hang", reader, path, given, [(person, form) for person in people])


def measure_hanging(
    name: str,
    reader: httpx2.Client,
    path: str,
    given: argparse.Namespace,
    submissions: list[tuple[httpx2.Client, tuple[str, str]]],
) -> None:
    """Two lines: the page's answer time while the submissions wait for the desk, and theirs."""
    with ThreadPoolExecutor(len(submissions)) as pool:
        began = time.perf_counter()
        pending = [pool.submit(hang, person, path, key, csrf) for person, (key, csrf) in submissions]
        time.sleep(0.3)
        line = page_times(reader, path, given.pages, lambda: any(not one.done() for one in pending))
        took = [one.result() for one in pending]
    print(f"{f'while {name}':20} {line}")
    print(f"{'their answers':20} {spread(took)}  all within {time.perf_counter() - began:.2f} s")


def page_times(reader: httpx2.Client, path: str, most: int, going: Callable[[], bool]) -> str:
    times: list[float] = []
    while len(times) < most and going():
        began = time.perf_counter()
        assert reader.get(path).status_code == 200
        times.append((time.perf_counter() - began) * 1000)
    times.sort()
    return f"p50 {statistics.median(times):7.1f}  p95 {at(times, 0.95):7.1f}  max {times[-1]:7.1f}  of {len(times)}"


def client(base: str) -> httpx2.Client:
    """A browser that is logged in."""
    from tests.factories import rows

    one = httpx2.Client(base_url=base, timeout=30, follow_redirects=True, trust_env=False)
    token = one.get("/accounts/login/").text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    given = {"login": EMAIL, "password": rows.PASSWORD, "csrfmiddlewaretoken": token}
    assert one.post("/accounts/login/", data=given).url.path == "/admin"
    return one


@contextmanager
def tabs(of: httpx2.Client, number: int) -> Iterator[list[httpx2.Client]]:
    """Others of the same person, without another log-in: its hash takes longer than all that is measured."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                closing(httpx2.Client(base_url=of.base_url, cookies=of.cookies, timeout=30, trust_env=False))
            )
            for _ in range(number)
        ]


def key_and_token(person: httpx2.Client, path: str) -> tuple[str, str]:
    body = person.get(f"{path}?support=open").text
    key, token = (
        re.search(f'name="{name}" value="([^"]+)"', body) for name in ("submission_key", "csrfmiddlewaretoken")
    )
    assert key
    assert token
    return key[1], token[1]


def hang(person: httpx2.Client, path: str, key: str, token: str) -> float:
    given = {
        "submission_key": key,
        "csrfmiddlewaretoken": token,
        "summary": "[fault:hang] bench",
        "severity": "high",
        "mode": "create_external_ticket",
    }
    began = time.perf_counter()
    assert person.post(path, data=given, follow_redirects=False).status_code == 302
    return time.perf_counter() - began


@contextmanager
def process(command: str, *arguments: str, url: str) -> Iterator[None]:
    """``handrail COMMAND`` in a process of its own, from when it answers at ``url``."""
    started = subprocess.Popen([sys.executable, "-m", "handrail", command, *arguments], cwd=ROOT)
    try:
        until = time.monotonic() + START_SECONDS
        while not answers(url):
            if time.monotonic() > until or started.poll() is not None:
                raise SystemExit(f"handrail {command} did not start.")
            time.sleep(0.1)
        yield
    finally:
        started.terminate()
        started.wait()


def answers(url: str) -> bool:
    try:
        httpx2.get(url, trust_env=False)
    except httpx2.TransportError:
        return False
    return True


def max_rss() -> float:
    """The most memory that this process, which submits, has had until now, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def creations(desk_url: str) -> int:
    """How often the desk was asked for a ticket since it started."""
    headers = {"authorization": f"Bearer {PRACTICE_TOKENS['control']}"}
    return int(httpx2.get(f"{desk_url}/desk/counts", headers=headers, trust_env=False).json()["creations"])


def spread(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"p50 {statistics.median(ordered):6.3f}  p99 {at(ordered, 0.99):6.3f}  max {ordered[-1]:6.3f}"


def at(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=25)
    parser.add_argument("--hanging", type=int, default=20)
    parser.add_argument("--copies", type=int, default=32)
    parser.add_argument("--pages", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
