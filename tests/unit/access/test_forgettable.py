"""Columns that can be forgotten: what is stored, what is read, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import DataError, connection, models
from django.test.utils import isolate_apps
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.access import subjects
from handrail.access.fields import (
    ForgettableBinaryField,
    ForgettableJSONField,
    ForgettableTextField,
    Record,
    Sealed,
    is_forgotten,
    sealed_value,
)
from handrail.access.keystore import FolderKeys, SubjectKeyDamaged
from handrail.access.subjects import ForgetReason

AT = datetime(2026, 11, 27, tzinfo=UTC)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

with isolate_apps("tests"):

    class Note(models.Model):
        tenant_id = models.BigIntegerField()
        case = models.CharField(max_length=24)
        text = ForgettableTextField(max_length=500, default="")
        facts = ForgettableJSONField(default=dict)
        data = ForgettableBinaryField(null=True)
        steps = ForgettableJSONField(default=list, empty=list)
        sealed_by: ClassVar = ("case",)

        class Meta:
            app_label = "tests"
            db_table = "tests_note"

        def subject_of(self) -> Record:
            return Record(self.tenant_id, "PKT-7K3M9QX2ZA")


@pytest.fixture(autouse=True)
def notes(db: None, tmp_path: Path) -> Iterator[None]:
    with connection.schema_editor() as editor:
        editor.create_model(Note)
    with subjects.use(FolderKeys(tmp_path, make=True)):
        yield
    subjects.forget_cached()


def new(**values: Any) -> Note:
    return Note.objects.create(**{"tenant_id": 7, "case": "A", **values})


def again(note: Note) -> Note:
    return Note.objects.get(pk=note.pk)


def stored(note: Note) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(n)::text FROM tests_note n WHERE id = %s", [note.pk])
        return str(cursor.fetchone()[0])


def forget() -> None:
    subjects.destroy(7, reason=ForgetReason.RETENTION, at=AT)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(facts=st.dictionaries(st.text(), JSON), text=st.text(max_size=500))
def test_what_is_written_is_read_and_stands_nowhere(facts: dict[str, Any], text: str) -> None:
    note = again(new(text=text, facts=facts, data=text.encode()))
    assert (note.text, note.facts, note.data) == (text, facts, text.encode())
    assert "$sealed" not in stored(again(new()))


def test_database_holds_nothing_of_the_value() -> None:
    note = new(text="plain words", facts={"case": "plain words"}, steps=["plain words"])
    assert "plain" not in stored(note)
    assert "words" not in stored(note)


def test_bulk_create_seals() -> None:
    [note] = Note.objects.bulk_create([Note(tenant_id=7, case="A", text="plain words")])
    assert "plain" not in stored(note)
    assert again(note).text == "plain words"


def test_values_from_before_read_as_they_are() -> None:
    note = new()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_note SET text = 'old', facts = '{\"a\": 1}', steps = '[1]'")
    assert (again(note).text, again(note).facts, again(note).steps) == ("old", {"a": 1}, [1])


def test_forgotten_values_have_the_shape_of_the_column() -> None:
    note = new(text="plain words", facts={"a": 1}, steps=[1], data=b"plain words")
    forget()
    found = again(note)
    assert found.text == "erased on 2026-11-27"
    assert (found.facts, found.steps, found.data) == ({}, [], b"")
    assert all(map(is_forgotten, (found.text, found.facts, found.steps, found.data)))


def test_row_of_a_forgotten_value_can_be_saved() -> None:
    note = new(text="plain words")
    forget()
    found = again(note)
    assert is_forgotten(found.text)
    found.save()
    assert is_forgotten(again(note).text)


def test_what_was_changed_inside_is_saved() -> None:
    note = again(new(facts={"a": 1}))
    note.facts["a"] = 2
    note.save()
    assert again(note).facts == {"a": 2}


def test_what_was_not_changed_is_stored_as_it_was() -> None:
    note = again(new(facts={"a": 1}, text="plain words"))
    before = stored(note)
    assert note.facts
    assert note.text
    note.save()
    assert stored(note) == before


@pytest.mark.parametrize(
    "act",
    [
        lambda: Note.objects.filter(text="plain words"),
        lambda: Note.objects.filter(facts={"a": 1}),
    ],
)
def test_comparing_with_a_value_is_refused(act: Any) -> None:
    with pytest.raises(TypeError, match="encrypted"):
        list(act())


@pytest.mark.parametrize(
    "lookup",
    [{"text__startswith": "p"}, {"text__in": ["p"]}, {"facts__a": 1}, {"facts__contains": {}}, {"text__gt": "p"}],
)
def test_looking_into_it_is_refused(lookup: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        list(Note.objects.filter(**lookup))


def test_emptiness_can_be_asked_for() -> None:
    new(text="plain words")
    empty = new()
    assert list(Note.objects.filter(text="")) == [empty]


def test_what_is_stored_can_be_asked_for() -> None:
    new(text="plain words")
    assert Note.objects.filter(text__stored__startswith="$sealed:").count() == 1


def test_update_refuses_what_nobody_sealed() -> None:
    note = new()
    with pytest.raises(TypeError, match="sealed_value"):
        Note.objects.filter(pk=note.pk).update(text="plain words")


def test_update_takes_what_was_sealed() -> None:
    note = new()
    Note.objects.filter(pk=note.pk).update(text=sealed_value(note, "text", "plain words"))
    assert again(note).text == "plain words"
    assert "plain" not in stored(note)


def test_values_give_nothing_away() -> None:
    new(text="plain words")
    [found] = Note.objects.values_list("text", flat=True)
    assert isinstance(found, Sealed)
    assert "plain" not in repr(found)


@pytest.mark.parametrize("other", [{"tenant_id": 8}, {"case": "B"}], ids=["tenant", "row"])
def test_ciphertext_of_another_row_is_not_taken(other: dict[str, Any]) -> None:
    mine, another = new(text="plain words"), new(text="others", **other)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_note SET text = (SELECT text FROM tests_note WHERE id = %s)", [mine.pk])
    with pytest.raises(SubjectKeyDamaged):
        _ = again(another).text


def test_text_over_the_length_is_refused() -> None:
    with pytest.raises(DataError):
        new(text="x" * 501)


def test_key_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store, read = subjects.store(), []
    ask = store.read
    monkeypatch.setattr(store, "read", lambda name: read.append(name) or ask(name))
    for note in [new(text=str(n), facts={"n": n}) for n in range(5)]:
        assert again(note).facts
    assert len(read) == 1  # before it was made


def test_writing_and_reading_take_no_more_statements(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        note = new(text="plain words")
    with django_assert_num_queries(1):
        assert again(note).text


def test_field_without_its_row_is_a_fault() -> None:
    with isolate_apps("tests"):

        class Bare(models.Model):
            text = ForgettableTextField()

            class Meta:
                app_label = "tests"

        assert [one.id for one in Bare.check() if one.id.startswith("handrail")] == ["handrail.E1"]
    assert not [one for one in Note.check() if one.id.startswith("handrail")]
