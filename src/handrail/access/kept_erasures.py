"""The kept list of erasures: a signed file outside the database, which a restore can't undo.

Each line is a signed statement that a tenant was to be forgotten. Whatever serves compares the list with keys and rows
first (``apply``): a key that came back with an old copy of the store is destroyed again, and a tenant that an old
backup brought back is overwritten again, before anybody can ask for it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from handrail.access import directory, forgetting, subjects
from handrail.access.models import Erasure, Tenant
from handrail.access.subjects import ForgetReason
from handrail.audit import signing
from handrail.audit.actions import By, record
from handrail.audit.events import EventName
from handrail.kernel.canonical import canonical_bytes
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Invalid, Misconfigured
from handrail.kernel.scope import RowScope, entered

FORM = "handrail-kept-erasure/v1"
DAMAGED = "is damaged: line {line} was not signed by this installation. Bring back the file as it was kept."

configured = Configured[Path](missing="The kept list of erasures is not configured in this process.")


@dataclass(frozen=True, slots=True)
class KeptErasure:
    """``made_at``: when the tenant was created, which tells it from one of another database with the same number."""

    ref: str
    workspace_id: int
    tenant_id: int
    made_at: datetime
    confirmed_at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """``keys``: that had come back and were destroyed. ``tenants``: references of erasures whose rows had come back."""

    keys: int
    tenants: tuple[str, ...]


def add(row: Erasure) -> None:
    """Puts a confirmed erasure on the list, once, for good before it returns. Raises Misconfigured."""
    assert row.confirmed_at is not None
    with _alone() as path:
        if any(one.ref == row.ref for one in _read(path)):
            return
        stated = {
            "form": FORM,
            "erasure": row.ref,
            "workspace": row.workspace_id,
            "tenant": row.tenant_id,
            "made_at": row.tenant.created_at.isoformat(),
            "confirmed_at": row.confirmed_at.isoformat(),
        }
        line = json.dumps(signing.sign_text(canonical_bytes(stated).decode(), signing.get())) + "\n"
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(file, "wb") as stream:
                stream.write(line.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise Misconfigured(f"{path} can't be written: {error.strerror}.", code="erasures") from None


def entries() -> list[KeptErasure]:
    """Every erasure on the list. Raises Misconfigured where it can't be read or was changed."""
    path = configured.get()
    return _read(path)


def apply(*, by: By) -> Applied:
    """Forgets again what a restore brought back. Run before anything is served; again it changes nothing.

    Raises Misconfigured for a list that was changed, SubjectKeysUnavailable where the keys can't be reached.
    """
    keys, tenants, listed = 0, [], entries()
    if not listed:  # no question to a database that may not be there
        return Applied(0, ())
    known = {pk for pk, _ in directory.workspaces()}
    for kept in listed:
        if kept.workspace_id not in known:
            continue
        with entered(RowScope(kept.workspace_id, None)):
            rows = Tenant.objects.filter(pk=kept.tenant_id, workspace_id=kept.workspace_id)
            tenant = rows.filter(created_at=kept.made_at).first()
            if tenant is None:
                continue
            destroyed = subjects.destroy(tenant.pk, reason=ForgetReason.ERASURE, at=kept.confirmed_at)
            keys += len(destroyed)
            came_back = tenant.name != forgetting.ERASED or not tenant.key.startswith("erased-")
            if came_back and not _goes_on(kept):
                tenants.append(kept.ref)
                _again(tenant, kept, by)
    return Applied(keys, tuple(tenants))


def _goes_on(kept: KeptErasure) -> bool:
    """Whether the erasure itself is in this database and goes on by itself."""
    return Erasure.objects.filter(ref=kept.ref, confirmed_at__isnull=False, finished_at=None).exists()


@transaction.atomic
def _again(tenant: Tenant, kept: KeptErasure, by: By) -> None:
    if tenant.closed_at is None:
        tenant.closed_at, tenant.closed_by, tenant.closed_reason = kept.confirmed_at, by.name, forgetting.ERASED
        tenant.save(update_fields=["closed_at", "closed_by", "closed_reason"])
    forgetting.overwrite(tenant, ref=kept.ref)
    record(
        EventName.ERASURE_APPLIED,
        by=by,
        workspace_id=tenant.workspace_id,
        tenant_id=tenant.pk,
        subject_kind="erasure",
        subject=kept.ref,
    )


def _read(path: Path) -> list[KeptErasure]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{path} can't be read.", code="erasures") from None
    return [_parsed(line, number, path) for number, line in enumerate(lines, start=1)]


def _parsed(line: str, number: int, path: Path) -> KeptErasure:
    try:
        stated: dict[str, Any] = json.loads(signing.open_text(json.loads(line), signing.get().accepted()))
        if stated["form"] != FORM:
            raise ValueError
        return KeptErasure(
            ref=stated["erasure"],
            workspace_id=stated["workspace"],
            tenant_id=stated["tenant"],
            made_at=datetime.fromisoformat(stated["made_at"]),
            confirmed_at=datetime.fromisoformat(stated["confirmed_at"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, Invalid):
        raise Misconfigured(f"{path} {DAMAGED.format(line=number)}", code="erasures") from None


@contextmanager
def _alone() -> Iterator[Path]:
    """The file, for this process alone."""
    path = configured.get()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path
    except OSError as error:
        raise Misconfigured(f"{path} can't be used: {error.strerror}.", code="erasures") from None
