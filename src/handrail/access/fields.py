"""Columns whose values can be forgotten: encrypted when a row is written, read when the attribute is asked for.

A model says whose its rows are, and what binds a value to its row::

    class Vote(Model):
        reason = ForgettableTextField(max_length=500, default="")
        sealed_by = ("revision_id", "user_id")   # concrete, known before the row is inserted, never changed

        def subject_of(self) -> Record:
            return Record(self.tenant_id, self.revision.packet.ref)

Empty values hold nothing and stay as they are, and so do rows from before: they are read as they stand. A value whose
key was destroyed reads as ``Forgotten``, of the shape that the column has. The database can't look into such a column:
filters by its content are refused (``stored`` looks at what is really there), and ``update()`` takes what
``sealed_value`` gives. ``values()`` gives ``Sealed``, which ``opened`` opens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar, cast

from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import DataError, models
from django.db.models.lookups import Exact, IsNull
from django.db.models.query_utils import DeferredAttribute

from handrail.access import subjects
from handrail.access.subjects import KeyDestroyed, KeyKind, KeySubject

MARK = "$sealed"
_PREFIX = f"{MARK}:"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Record:
    """Whose a row is: its tenant, and the reference of what it belongs to."""

    tenant_id: int
    ref: str


class ForgettableRow(Protocol):
    """What a model with such columns has."""

    sealed_by: ClassVar[tuple[str, ...]]

    def subject_of(self) -> Record: ...


class Forgotten:
    """What a value reads as whose key was destroyed. It has the shape of the value, and nothing of it."""

    at: datetime
    reason: str

    @property
    def notice(self) -> str:
        return f"erased on {self.at:%Y-%m-%d}"


class ForgottenText(Forgotten, str):
    __slots__ = ("at", "reason")


class ForgottenBytes(Forgotten, bytes):
    pass


class ForgottenObject(Forgotten, dict[str, Any]):
    pass


class ForgottenList(Forgotten, list[Any]):
    pass


def is_forgotten(value: object) -> bool:
    return isinstance(value, Forgotten)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What stands in a column: ``text`` a ciphertext, or ``clear`` a value from before there were any."""

    text: str | None
    clear: Any = None

    def __repr__(self) -> str:
        return "<sealed>"


class _Opening(DeferredAttribute):
    """Opens a value when it is asked for first; a list of rows opens none that it doesn't show."""

    field: _Forgettable

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if not isinstance(value, Sealed):
            return value
        known = instance.__dict__.setdefault("_opened", {})
        name = self.field.attname
        if name not in known:
            known[name] = opened(instance, self.field, value)
        return known[name]

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__.get("_opened", {}).pop(self.field.attname, None)
        instance.__dict__[self.field.attname] = value


class _EmptyExact(Exact):
    """Whether nothing stands there."""

    def get_prep_lookup(self) -> Any:
        if self.rhs not in ("", None):
            raise TypeError(f"{self.lhs.output_field.name} is encrypted: it can't be compared with a value.")
        return super().get_prep_lookup()


class Stored(models.Transform):
    """What really stands in the column: a ciphertext, or a value from before there were any."""

    lookup_name = "stored"

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]  # noqa: ARG002
        return compiler.compile(self.lhs)  # as it stands


class StoredText(Stored):
    output_field = models.TextField()


class StoredObject(Stored):
    output_field = models.JSONField()


class StoredBytes(Stored):
    output_field = models.BinaryField()


class _Forgettable(models.Field):  # type: ignore[type-arg]
    descriptor_class = _Opening
    stored: ClassVar[type[Stored]]

    def __init__(self, *args: Any, kind: KeyKind = KeyKind.VALUES, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, kwargs  # migrations need not know of which kind the key is

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_row()]

    def _check_row(self) -> list[checks.CheckMessage]:
        bound = getattr(self.model, "sealed_by", None)
        if not bound or not callable(getattr(self.model, "subject_of", None)):
            return [checks.Error("a row with such a field needs subject_of and sealed_by", obj=self, id="handrail.E1")]
        try:
            found = [cast("models.Field[Any, Any]", self.model._meta.get_field(name)) for name in bound]
        except FieldDoesNotExist:
            found = []
        if len(found) != len(bound) or any(isinstance(field, _Forgettable) or field.primary_key for field in found):
            return [checks.Error("sealed_by names columns that are known before the row", obj=self, id="handrail.E2")]
        return []

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if not isinstance(value, Sealed):
            return sealed_value(model_instance, self.attname, super().pre_save(model_instance, add))
        known = model_instance.__dict__.get("_opened", {})
        if self.attname in known and not is_forgotten(known[self.attname]):
            now = known[self.attname]  # of an object or list, somebody may have changed what is in it
            return (
                value if now == opened(model_instance, self, value) else sealed_value(model_instance, self.attname, now)
            )
        return value

    def encoded(self, value: Any) -> bytes:
        raise NotImplementedError

    def decoded(self, plain: bytes) -> Any:
        raise NotImplementedError

    def forgotten(self, error: KeyDestroyed) -> Forgotten:
        raise NotImplementedError

    def get_transform(self, lookup_name: str) -> Any:
        return self.stored if lookup_name == Stored.lookup_name else None

    def get_lookup(self, lookup_name: str) -> Any:
        """Raises TypeError for those that would compare content."""
        found = {"isnull": IsNull, "exact": _EmptyExact, Stored.lookup_name: None}
        if lookup_name not in found:
            raise TypeError(f"{self.name} is encrypted: the database can't look into it ({lookup_name}).")
        return found[lookup_name]

    def raw(self, value: Any) -> Any:
        """What a statement writes. Raises TypeError for a value that nobody has sealed."""
        if isinstance(value, Sealed):
            return self.shown(value.text) if value.text is not None else value.clear
        if value is None or is_empty(value):
            return value
        raise TypeError(f"{self.name} is encrypted: write what sealed_value gives.")

    def shown(self, text: str) -> Any:
        raise NotImplementedError


class ForgettableTextField(_Forgettable, models.TextField):  # type: ignore[type-arg]
    """Text. ``max_length`` counts characters of the text, not of what is stored."""

    stored = StoredText

    def encoded(self, value: Any) -> bytes:
        text = str(value)
        if self.max_length is not None and len(text) > self.max_length:
            raise DataError(f"value too long for {self.name} ({self.max_length} characters)")
        return text.encode()

    def decoded(self, plain: bytes) -> str:
        return plain.decode()

    def forgotten(self, error: KeyDestroyed) -> Forgotten:
        text = ForgottenText(f"erased on {error.at:%Y-%m-%d}")
        text.at, text.reason = error.at, error.reason
        return text

    def shown(self, text: str) -> str:
        return _PREFIX + text

    def get_prep_value(self, value: Any) -> Any:
        return self.raw(value)

    def from_db_value(self, value: str | None, *_: Any) -> Any:
        if not value:
            return value
        return Sealed(value.removeprefix(_PREFIX)) if value.startswith(_PREFIX) else Sealed(None, value)


class ForgettableBinaryField(_Forgettable, models.BinaryField):  # type: ignore[type-arg]
    """Bytes."""

    stored = StoredBytes

    def encoded(self, value: Any) -> bytes:
        return bytes(value)

    def decoded(self, plain: bytes) -> bytes:
        return plain

    def forgotten(self, error: KeyDestroyed) -> Forgotten:
        found = ForgottenBytes()
        found.at, found.reason = error.at, error.reason
        return found

    def shown(self, text: str) -> bytes:
        return f"{_PREFIX}{text}".encode()

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(self.raw(value), connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        if value is None or not value:
            return value
        found = bytes(value)
        sealed = found.startswith(_PREFIX.encode())
        return Sealed(found.removeprefix(_PREFIX.encode()).decode()) if sealed else Sealed(None, found)


class ForgettableJSONField(_Forgettable, models.JSONField):
    """An object, or a list where ``empty`` is ``list``: of that shape is what was forgotten."""

    stored = StoredObject

    def __init__(self, *args: Any, empty: type = dict, **kwargs: Any) -> None:
        self.empty = empty
        super().__init__(*args, **kwargs)

    def encoded(self, value: Any) -> bytes:
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()

    def decoded(self, plain: bytes) -> Any:
        return json.loads(plain)

    def forgotten(self, error: KeyDestroyed) -> Forgotten:
        made: ForgottenObject | ForgottenList = ForgottenList() if self.empty is list else ForgottenObject()
        made.at, made.reason = error.at, error.reason
        return made

    def shown(self, text: str) -> dict[str, str]:
        return {MARK: text}

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(self.raw(value), connection, prepared)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        return None if value is None else self.get_db_prep_value(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        read = super().from_db_value(value, expression, connection)
        if read is None or is_empty(read):
            return read
        if isinstance(read, dict) and read.keys() == {MARK} and isinstance(read[MARK], str):
            return Sealed(read[MARK])
        return Sealed(None, read)


def is_empty(value: Any) -> bool:
    """Whether there is nothing in it to be forgotten."""
    return value in ("", b"", [], {})


def sealed_value(row: models.Model, name: str, value: T) -> T:
    """``value`` as the column ``name`` of ``row`` stores it, for ``update()``; empty values as they are.

    Its type is the value's for those who check types; it is a ``Sealed``. Makes the key that it needs.
    """
    field = row._meta.get_field(name)
    assert isinstance(field, _Forgettable)
    if value is None or is_empty(value) or isinstance(value, Sealed):
        return value
    of = cast("ForgettableRow", row).subject_of()
    subject = KeySubject(of.tenant_id, of.ref, field.kind)
    return cast("T", Sealed(subjects.seal(subject, field.encoded(value), bound=_bound(row, field))))


def opened(row: models.Model, field: _Forgettable, value: Sealed) -> Any:
    """The value, or ``Forgotten``. Raises SubjectKeyMissing, SubjectKeyDamaged, SubjectKeysUnavailable."""
    if value.text is None:
        return value.clear
    try:
        plain = subjects.unseal(value.text, tenant_id=getattr(row, "tenant_id", None), bound=_bound(row, field))
    except KeyDestroyed as error:
        return field.forgotten(error)
    return field.decoded(plain)


def _bound(row: models.Model, field: _Forgettable) -> str:
    """The place of a value: another row's, or another column's, is not taken for it."""
    names = cast("ForgettableRow", row).sealed_by
    place = [f"{row._meta.db_table}.{field.column}", *(str(getattr(row, name)) for name in names)]
    return json.dumps(place)


def forgettable_columns() -> list[tuple[type[models.Model], _Forgettable]]:
    """Every such column of every model."""
    from django.apps import apps  # noqa: PLC0415 - not before Django is ready

    return [
        (model, field)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, _Forgettable)
    ]
