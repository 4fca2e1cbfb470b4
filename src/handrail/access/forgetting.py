"""What forgetting a tenant means, table by table: which rows can be, which can't and why, and the certificate of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import connection

from handrail.access import inventory, names, subjects
from handrail.access.fields import MARK
from handrail.access.inventory import KeptColumn
from handrail.access.keystore import KeyName
from handrail.access.models import Erasure, Tenant, Visit
from handrail.access.subjects import ForgetReason
from handrail.audit import signing
from handrail.kernel.canonical import canonical_bytes

FORM = "handrail-erasure/v1"
ERASED = "erased"
DELIVERED = "What was delivered to vendors is theirs: Handrail can recall it, and can't delete it there."
BACKUPS = (
    "Backups of the database from before hold the same ciphertexts, which nobody can read without the keys, and in"
    " clear what is listed here as overwritten. Copies of the keys from before can read them: delete those, or let them"
    " age out. The database server's own files keep rows that were overwritten until it has vacuumed them. A restore"
    " applies the kept list of erasures before it serves."
)
NAMED = (
    "its text names the tenant, and is sealed and signed as a whole: it stays, also once people have approved a version"
    " without it, which keeps the name out of later ones"
)
CLEAR_BEFORE = "written before values were sealed, and kept by the log"


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """``sealed``: rows that are forgotten with their keys; ``clear``: rows from before, which stay."""

    table: str
    column: str
    sealed: int
    clear: int


@dataclass(frozen=True, slots=True)
class Stays:
    """Something that is not forgotten, and why."""

    what: str
    why: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """``overwritten``: columns in clear, by table, that are overwritten or deleted. ``in_the_way``: what keeps an
    erasure from being confirmed now."""

    tenant: str
    name: str
    keys: int
    forgotten: tuple[ColumnCount, ...]
    overwritten: tuple[str, ...]
    stays: tuple[Stays, ...]
    in_the_way: tuple[str, ...] = field(default=())


def look(tenant: Tenant, *, in_the_way: Sequence[str] = ()) -> ErasurePreview:
    """Counts what there is of the tenant. It changes nothing."""
    counted = tuple(one for one in (_count(c, tenant) for c in inventory.sealed()) if one is not None)
    return ErasurePreview(
        tenant=tenant.key,
        name=tenant.name,
        keys=sum(subjects.destroyed(name) is None for name in subjects.keys(tenant.pk)),
        forgotten=tuple(one for one in counted if one.sealed),
        overwritten=tuple(f"{one.table}.{one.column}" for one in inventory.overwritten()),
        stays=tuple(_stays(tenant, counted)),
        in_the_way=tuple(in_the_way),
    )


def destroy_keys(tenant_id: int, *, at: datetime) -> list[KeyName]:
    """Destroys every key of the tenant. Gives all that are destroyed by now."""
    subjects.destroy(tenant_id, reason=ForgetReason.ERASURE, at=at)
    return sorted(subjects.keys(tenant_id), key=str)


def overwrite(tenant: Tenant, *, ref: str) -> None:
    """Overwrites or deletes what is in clear and may be, in the caller's transaction: again it changes nothing."""
    Visit.objects.filter(workspace_id=tenant.workspace_id, kind="tenant", ref=tenant.key).delete()
    for statement in _OVERWRITE:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"tenant": tenant.pk, "erased": ERASED})
    rows = Tenant.objects.filter(pk=tenant.pk)
    rows.update(key=f"erased-{ref}", name=ERASED)
    rows.exclude(closed_at=None).update(closed_reason=ERASED)


# A run has ended by now, and no other of its subject begins. What vendors would still reply is not heard.
_OVERWRITE = (
    "UPDATE runbooks_operationrun SET subject = %(erased)s || ' ' || ref"
    " WHERE tenant_id = %(tenant)s AND subject <> %(erased)s || ' ' || ref",
    "UPDATE packets_revision SET due_at = NULL, watch_at = NULL"
    " WHERE tenant_id = %(tenant)s AND (due_at IS NOT NULL OR watch_at IS NOT NULL)",
    "UPDATE packets_packet SET terms = '{}' WHERE tenant_id = %(tenant)s AND terms <> '{}'",
)


def certificate(
    row: Erasure, before: ErasurePreview, *, keys: Sequence[KeyName], blobs: int, at: datetime
) -> dict[str, Any]:
    """What was done, as it is signed: nothing in it names the tenant."""
    assert row.confirmed_at is not None
    named = "\n".join(map(str, keys)).encode()
    return {
        "form": FORM,
        "erasure": row.ref,
        "workspace": row.workspace.slug,
        "tenant": names.tenant_ref(row.tenant_id),
        "asked": {"at": row.at.isoformat(), "by": row.by, "reason": row.reason},
        "confirmed": {"at": row.confirmed_at.isoformat(), "by": row.confirmed_by},
        "finished_at": at.isoformat(),
        "keys": {"destroyed": len(keys), "names": f"sha256:{sha256(named).hexdigest()}"},
        "blobs_removed": blobs,
        "forgotten": [{"column": f"{one.table}.{one.column}", "rows": one.sealed} for one in before.forgotten],
        "overwritten": list(before.overwritten),
        "stays": [
            {"what": one.what, "why": one.why} | ({} if one.rows is None else {"rows": one.rows})
            for one in before.stays
        ],
    }


def signed(stated: dict[str, Any]) -> str:
    """The certificate as one line of canonical JSON, signed with the audit key."""
    return signing.sign_text(canonical_bytes(stated).decode(), signing.get())


def _stays(tenant: Tenant, counted: Sequence[ColumnCount]) -> list[Stays]:
    found = [Stays(f"{one.table}.{one.column}", CLEAR_BEFORE, one.clear) for one in counted if one.clear]
    for column in inventory.clear():
        if rows := _rows_of(column, tenant):
            found.append(Stays(f"{column.table}.{column.column}", column.why, rows))
    for title in _naming(tenant):
        found.append(Stays(title, NAMED))
    return [*found, Stays("packages at vendors", DELIVERED), Stays("backups", BACKUPS)]


def _naming(tenant: Tenant) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind || ' ' || name || ' v' || version FROM definitions_definition WHERE workspace_id = %s"
            " AND (position(lower(%s) in lower(text)) > 0 OR position(lower(%s) in lower(text)) > 0) ORDER BY id",
            [tenant.workspace_id, tenant.key, tenant.name],
        )
        return [title for (title,) in cursor.fetchall()]


def _count(column: KeptColumn, tenant: Tenant) -> ColumnCount | None:
    """Names of tables and columns are ours."""
    if not _has_tenant(column.table):
        return None
    text = f'"{column.column}"::text'
    empty = f"{text} IN ('', '{{}}', '[]', 'null', '\\x')"
    sealed = f"(position(%s in {text}) > 0 OR starts_with({text}, %s))"  # bytes as text are hexadecimal digits
    marks = [MARK, "\\x" + MARK.encode().hex()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FILTER (WHERE {sealed}),"  # noqa: S608
            f" count(*) FILTER (WHERE NOT {sealed} AND NOT {empty})"
            f' FROM "{column.table}" WHERE tenant_id = %s',
            [*marks, *marks, tenant.pk],
        )
        forgotten, clear = cursor.fetchone()
    return ColumnCount(column.table, column.column, forgotten, clear)


def _rows_of(column: KeptColumn, tenant: Tenant) -> int:
    if not _has_tenant(column.table):
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f'SELECT count(*) FROM "{column.table}" WHERE tenant_id = %s'  # noqa: S608 - names are ours
            f" AND coalesce(\"{column.column}\"::text, '') NOT IN ('', '{{}}', '[]', 'null')",
            [tenant.pk],
        )
        return int(cursor.fetchone()[0])


def _has_tenant(table: str) -> bool:
    return "tenant_id" in inventory.columns()[table]
