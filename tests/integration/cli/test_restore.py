"""The backup of the guide, and its drill: dumped, restored beside, and held against checkpoints that were kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection

from handrail.cli.entry import run as handrail
from handrail.conf.postgres import programs
from handrail.runbooks.models import OperationRun
from tests.factories.installation import Installation
from tests.factories.switches import SwitchBoard, connected

EMBEDDED = programs.wheel_directory() / "pginstall" / "bin"


def program(name: str) -> str:
    """The embedded server's own, which is as new as any server here."""
    found = EMBEDDED / name
    return str(found) if found.is_file() else str(shutil.which(name))


@contextmanager
def restored(url: str, dump: Path) -> Iterator[None]:
    """The default connection on a database made of ``dump`` and nothing else."""
    there = connection.settings_dict["NAME"]
    name = f"{there}_restored"
    connection.close()
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        try:
            target = url.replace(f"/{there}?", f"/{name}?")
            subprocess.run(
                [program("pg_restore"), "--dbname", target, "--no-owner", "--exit-on-error", dump], check=True
            )
            connection.settings_dict["NAME"] = name
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = there
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def say(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        assert handrail(arguments) == code
        return capsys.readouterr().out

    return say


def test_backup_is_restored_whole_and_its_age_is_seen(
    committed_db: str, django_db_blocker: Any, tmp_path: Path, said: Callable[..., str]
) -> None:
    dump, kept, later = tmp_path / "handrail.dump", tmp_path / "kept", tmp_path / "later"
    world = SwitchBoard()
    world.add("s1", owner="ten_one")
    with django_db_blocker.unblock(), connected(world):
        estate = Installation().runs
        run = estate.start("TASK-1")
        said("audit", "seal")
        kept.write_text(said("audit", "checkpoint"), encoding="utf-8")
        subprocess.run([program("pg_dump"), "--format=custom", f"--file={dump}", committed_db], check=True)
        estate.start("TASK-2")
        said("audit", "seal")
        later.write_text(said("audit", "checkpoint"), encoding="utf-8")
        with restored(committed_db, dump):
            assert said("migrate").strip() == "The database is up to date."
            found = json.loads(said("audit", "verify", "--kept", str(kept), "--json", code=1))
            assert [fault["kind"] for fault in found["differences"]] == ["cut-off"]  # this machine signed more
            found = json.loads(said("audit", "verify", "--kept", str(later), "--json", code=1))
            assert [fault["kind"] for fault in found["differences"]] == ["cut-off"]
            assert OperationRun.objects.get().ref == run.ref
            with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
                cursor.execute("DELETE FROM audit_auditevent")
            said("audit", "accept-restore", "--reason", "The drill of November.")
            assert json.loads(said("audit", "verify", "--kept", str(kept), "--json"))["whole"] is True
