"""The shared cache holds JSON: reading it runs nothing, whatever somebody has put there."""

from __future__ import annotations

import base64
import pickle

import pytest
from django.core.cache import cache
from django.db import connection

pytestmark = pytest.mark.django_db


class Bomb:
    """Unpickling it ends the process."""

    def __reduce__(self) -> tuple[object, tuple[int]]:
        import os

        return os._exit, (3,)


@pytest.mark.parametrize("value", [0, 1.5, "text", True, None, [1, 2.5], {"a": [None]}])
def test_value_comes_back(value: object) -> None:
    cache.set("key", value)
    assert cache.get("key", "nothing") == value


def test_what_json_can_not_say_is_refused() -> None:
    with pytest.raises(TypeError):
        cache.set("key", b"bytes")


def test_pickle_in_the_table_is_not_read() -> None:
    cache.set("key", 1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE handrail_cache SET value = %s", [base64.b64encode(pickle.dumps(Bomb())).decode()])
    assert cache.get("key", "nothing") == "nothing"
    assert cache.add("other", 1)


def test_value_of_a_version_before_is_not_looked_up() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO handrail_cache VALUES (':1:key', %s, now() + interval '1 hour')",
            [base64.b64encode(pickle.dumps([1.0])).decode()],
        )
    assert cache.get("key") is None
    assert cache.get_or_set("key", 0) == 0


def test_counts_go_on() -> None:
    assert cache.add("count", 1)
    assert not cache.add("count", 2)
    assert (cache.incr("count"), cache.delete("count"), cache.get("count")) == (2, True, None)
