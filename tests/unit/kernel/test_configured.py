"""The holder of what a process was configured with."""

from __future__ import annotations

import threading

import pytest

from handrail.kernel.configured import Configured
from handrail.kernel.errors import Misconfigured


def held() -> Configured[str]:
    return Configured[str](missing="No thing: add [thing].", code="no-thing")


def test_get_before_set_says_what_to_add() -> None:
    holder = held()
    with pytest.raises(Misconfigured, match=r"No thing: add \[thing\]\.") as refused:
        holder.get()
    assert refused.value.code == "no-thing"
    assert holder.find() is None


def test_get_after_set_gives_it_to_every_thread() -> None:
    holder, seen = held(), []
    holder.set("one")
    thread = threading.Thread(target=lambda: seen.append(holder.get()))
    thread.start()
    thread.join()
    assert seen == ["one"]


def test_default_needs_no_set() -> None:
    assert Configured("default").get() == "default"


def test_use_is_undone_also_after_an_error() -> None:
    holder = held()
    holder.set("one")
    with holder.use("two"):
        assert holder.get() == "two"
    assert holder.get() == "one"
    with pytest.raises(ZeroDivisionError), holder.use("two"):
        raise ZeroDivisionError
    assert holder.get() == "one"


def test_use_of_nothing_hides_what_is_configured() -> None:
    holder = held()
    holder.set("one")
    with holder.use(None):
        assert holder.find() is None
    assert holder.get() == "one"


def test_uses_of_several_threads_may_end_in_any_order() -> None:
    holder = held()
    holder.set("one")
    first, second = holder.use("first"), holder.use("second")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert holder.get() == "second"
    second.__exit__(None, None, None)
    assert holder.get() == "one"


def test_what_is_set_in_a_use_ends_with_it() -> None:
    holder = held()
    with holder.use(None):
        holder.set("in it")
        assert holder.get() == "in it"
    assert holder.find() is None
