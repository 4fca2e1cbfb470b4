"""A release whose process is killed just before and just after each durable step still delivers once, by itself."""

from __future__ import annotations

import io
import signal
from pathlib import Path

import pytest

from handrail.connectors.blobs import FolderBlobs
from handrail.kernel.clock import now
from handrail.packets.models import Revision
from handrail.packets.proof import verify
from handrail.packets.proof.keys import KeyRing
from tests.factories import forks
from tests.factories.installation import Installation
from tests.factories.lane_server import Intake, serving
from tests.factories.packets import LANE, connected
from tests.integration.worker import processes
from tests.lanes import portion
from tests.unit.packets.proof.making import KEY


def write_config(directory: Path, intake: Intake) -> Path:
    path = directory / "handrail.toml"
    path.write_text(
        f"""
        [worker]
        lease_seconds = {processes.LEASE_SECONDS}
        {processes.TIMING}
        [cli]
        act_as = true
        [release]
        poll_seconds = 0.5
        settle_seconds = 0.5
        intent_margin_seconds = 0.3
        assembly_lease_seconds = 1.5
        [blobs]
        kind = "blobs"
        folder = "{directory / "blobs"}"
        [lanes.{LANE}]
        kind = "http"
        base_url = "{intake.url}"
        deadline_seconds = 1
        """
    )
    return path


def killed(when: str, kind: str, env: dict[str, str], updated_at: str) -> None:
    victim = forks.start(Path(__file__).with_name("victim.py"), when, kind, updated_at, env=env)
    try:
        assert victim.wait(90) == -signal.SIGKILL
    finally:
        victim.kill()


@pytest.mark.requirement("P-11")
@pytest.mark.parametrize("kind", portion(["intent", "released", "consumed", "receipt"], 2))
def test_release_killed_before_and_after_a_step_delivers_once(kind: str, committed_db: str, tmp_path: Path) -> None:
    desk = Installation(None, tenant="ten_a").packets
    blobs = FolderBlobs("blobs", tmp_path / "blobs", max_bytes=10**8)
    with serving() as intake:
        env = processes.environment(write_config(tmp_path, intake), committed_db)
        with connected(desk, blobs=blobs):
            revision = desk.assemble()
            desk.approve(revision, "ada", "ben")
            if kind != "released":
                desk.release(revision)
        if kind == "consumed":
            with processes.worker(env, concurrency=1):
                processes.wait_until(lambda: bool(intake.packages), seconds=60, what="delivered")
            intake.consume()
        for when in ("before", "after"):
            killed(when, kind, env, desk.sources.case["updated_at"])
        with processes.worker(env, concurrency=1):
            processes.wait_until(lambda: bool(intake.packages), seconds=60, what="delivered")
            intake.consume()
            processes.wait_until(lambda: _state() == "consumed", seconds=60, what="consumption recorded")
        digest = str(revision.assembly.manifest_digest)
        assert dict(intake.puts) == {digest: 1}
        expect = verify.Expectation(keys=KeyRing.of([KEY.public]), lane=LANE, at=now())
        assert verify.verify(io.BytesIO(intake.packages[digest]), expect).accepted


def _state() -> str:
    return Revision.objects.get().state
