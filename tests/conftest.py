"""What every test stands on: a real PostgreSQL, and databases that are really committed to."""

from __future__ import annotations

import gc
import importlib
import itertools
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import order

# Processes that tests start, and the next run, read what this one compiled, whatever the shell says about bytecode.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nothing that collecting makes is garbage before the end. Counted here: it is half of the time that collecting takes.
gc.disable()

_numbers = itertools.count()

# How long a machine takes to make an example says nothing about what is tested.
settings.register_profile("handrail", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("handrail")


def pytest_configure(config: pytest.Config) -> None:
    """Imports the practice estate where tests run. Its models look through every imported module for each of their own,
    and there are fewest now."""
    if hasattr(config, "workerinput") or config.getoption("dist", "no") == "no":
        importlib.import_module("handrail.sandbox.estate")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a passed test printed goes to nobody, unless it was asked for."""
    report = yield
    if report.passed and not set(item.config.getoption("reportchars")) & set("PA"):
        report.sections.clear()
    return report


def _prove(request: Any, user: Any, **_: Any) -> None:
    """A test that logs somebody in by force means somebody who has just shown who they are: by whatever counts."""
    if request.method is not None:  # a real log-in says itself what was shown
        return
    from handrail.access import proofs

    for method in proofs.ProofMethod:
        proofs.note(request.session, method)


@pytest.fixture(scope="session", autouse=True)
def _forced_logins_are_proven() -> None:
    from django.contrib.auth.signals import user_logged_in

    user_logged_in.connect(_prove)


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line for the end of the run: how many cases of something the test tried."""
    return lambda line: record_property("counted", line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints what tests counted. Their own output goes nowhere when they pass, and tests run in several processes."""
    lines = {
        str(line)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, ())
        for name, line in getattr(report, "user_properties", ())
        if name == "counted"
    }
    if lines:
        terminalreporter.section("counted")
        for line in sorted(lines):
            terminalreporter.write_line(line)


def pytest_collection_finish() -> None:
    """From here on only what tests make is looked through for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """``make test-fast`` leaves out what is marked here. What is left is put in order."""
    for item in items:
        if "committed_db" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.committed)
    yield
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes > 1:
        items[:] = order.dealt(items, processes)


@pytest.fixture(autouse=True)
def own_mark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A high-water mark of the audit log, and a kept list of erasures, of this test's own: many databases share the
    tests' state directory."""
    from handrail.access import kept_erasures
    from handrail.audit import mark

    own = tmp_path_factory.getbasetemp() / "marks" / str(next(_numbers))
    with mark.use(mark.MarkStore(own)), kept_erasures.configured.use(own.with_suffix(".erasures")):
        yield


@pytest.fixture(scope="session")
def migrated_template(django_test_environment: None, django_db_blocker: Any) -> str:
    """The name of the migrated database that all others are cloned from."""
    from tests import databases

    with django_db_blocker.unblock():
        return databases.template()


@pytest.fixture(scope="session")
def django_db_setup(migrated_template: str, django_db_blocker: Any) -> Iterator[None]:
    """A migrated database of this session's own, so that sessions can run beside each other."""
    from tests import databases

    stack = ExitStack()
    with django_db_blocker.unblock():
        stack.enter_context(databases.connected(stack.enter_context(databases.clone(migrated_template))))
    yield  # blocked again: what a test writes that has not asked for a database would stay for all behind it
    with django_db_blocker.unblock():
        stack.close()


@pytest.fixture
def committed_db(django_db_setup: None, migrated_template: str, django_db_blocker: Any) -> Iterator[str]:
    """A database of this test's own in which transactions really commit. Gives its URL, for processes it starts.

    Append-only tables refuse the TRUNCATE by which Django would clean up; a clone is dropped whole instead.
    """
    from tests import databases

    with django_db_blocker.unblock(), databases.clone(migrated_template) as name, databases.connected(name):
        yield databases.url(name)


@pytest.fixture(scope="module")
def module_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A transaction around all tests of a module: what a module-scoped fixture writes in it is there for each of them,
    and what a test writes is undone behind it. Not for modules that use ``committed_db``: it reconnects."""
    from django.db import transaction

    with django_db_blocker.unblock():
        around = transaction.atomic()
        around._from_testcase = True  # as Django's own test cases have it, so that durable blocks are let in
        around.__enter__()
        yield
        transaction.set_rollback(True)
        around.__exit__(None, None, None)
