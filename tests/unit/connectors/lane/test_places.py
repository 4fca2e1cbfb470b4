"""Several senders, withdrawals and a receiver share a folder without locks, in any order, slow or killed anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.connectors.lane import ErrorKind, LaneFailed, LaneState
from handrail.connectors.lane.places import LanePlaces
from handrail.kernel.canonical import digest_bytes
from tests.factories.shared_folder import Folder, Process, Stepped
from tests.lanes import examples, portion

NAME = "ab" * 32
PACKAGE = b"PK package"


@dataclass
class Scene:
    """``withdrawn``: a call has reported so. ``late``: what arrived after that."""

    folder: Folder = field(default_factory=Folder)
    processes: list[Process] = field(default_factory=list)

    def start(self, kind: str) -> None:
        def deliver(pause: object) -> object:
            return LanePlaces(Stepped(self.folder, pause)).deliver(NAME, PACKAGE, "zip")  # type: ignore[arg-type]

        def withdraw(pause: object) -> object:
            return LanePlaces(Stepped(self.folder, pause)).withdraw(NAME, b"{}")  # type: ignore[arg-type]

        self.processes.append(Process(deliver if kind == "deliver" else withdraw))

    def says_withdrawn(self) -> bool:
        return any(done.result is not None and done.result.state is LaneState.WITHDRAWN for done in self.processes)

    def finish(self) -> None:
        for process in self.processes:
            for _ in range(3000):
                process.step()
            assert process.ended
            process.kill()


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("step"), st.integers(0, 3), st.integers(1, 12)),
        st.tuples(st.just("kill"), st.integers(0, 3), st.just(1)),
        st.tuples(st.just("consume"), st.just(0), st.just(1)),
    ),
    max_size=60,
)


@settings(max_examples=examples(120), deadline=None)
@given(st.lists(st.sampled_from(["deliver", "deliver", "withdraw"]), min_size=2, max_size=4), ACTS)
def test_one_package_arrives_at_most_and_none_after_a_withdrawal(
    kinds: list[str], acts: list[tuple[str, int, int]]
) -> None:
    scene = Scene()
    for kind in kinds:
        scene.start(kind)
    before: int | None = None
    for act, number, times in acts:
        process = scene.processes[number % len(scene.processes)]
        for _ in range(times):
            if act == "step":
                process.step()
            if before is None and scene.says_withdrawn():
                before = len(scene.folder.arrived)
        if act == "kill":
            process.kill()
        elif act == "consume":
            scene.folder.consume()
    scene.finish()
    last = LanePlaces(Stepped(scene.folder)).deliver(NAME, PACKAGE, "zip")
    arrived = scene.folder.arrived
    assert len(arrived) <= 1
    assert all(content == PACKAGE for _, content in arrived)
    assert last.state in (LaneState.DELIVERED, LaneState.CONSUMED, LaneState.WITHDRAWN)
    assert (last.state is LaneState.WITHDRAWN) or len(arrived) == 1
    if scene.says_withdrawn():
        assert last.state is LaneState.WITHDRAWN
        assert not any(path.startswith("incoming/") for path in scene.folder.files)
    if before is not None:
        assert len(arrived) == before


def killed_at(step: int, kind: str = "deliver") -> Folder:
    scene = Scene()
    scene.start(kind)
    for _ in range(step):
        scene.processes[0].step()
    scene.processes[0].kill()
    return scene.folder


def test_a_sender_killed_anywhere_leaves_a_package_that_the_next_delivers_once() -> None:
    steps = 0
    while True:
        folder = killed_at(steps)
        done = LanePlaces(Stepped(folder)).find(NAME).state is LaneState.DELIVERED
        assert LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip").state is LaneState.DELIVERED
        assert [content for _, content in folder.arrived] == [PACKAGE]
        if done:
            break
        steps += 1
    assert steps > 10


@pytest.mark.parametrize("step", range(16))
def test_a_withdrawal_killed_anywhere_is_finished_by_the_next(step: int) -> None:
    folder = killed_at(step, "withdraw")
    assert LanePlaces(Stepped(folder)).withdraw(NAME, b"{}").state is LaneState.WITHDRAWN
    assert LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip").state is LaneState.WITHDRAWN
    assert folder.arrived == []


def test_a_slow_writer_of_a_marker_delivers_nothing_after_the_next_round() -> None:
    scene = Scene()
    scene.start("deliver")
    while f"taken/{NAME}.1.json" not in scene.folder.files:
        scene.processes[0].step()
    assert scene.folder.files[f"taken/{NAME}.1.json"] == b""
    assert LanePlaces(Stepped(scene.folder)).deliver(NAME, PACKAGE, "zip").state is LaneState.DELIVERED
    scene.folder.consume()
    scene.finish()
    assert scene.processes[0].result.state is LaneState.CONSUMED
    assert len(scene.folder.arrived) == 1


def test_another_package_under_the_same_manifest_is_refused_before_and_after_it_arrived() -> None:
    folder = Folder()
    LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip")
    with pytest.raises(LaneFailed) as refused:
        LanePlaces(Stepped(folder)).deliver(NAME, b"PK another", "zip")
    assert refused.value.kind is ErrorKind.REFUSED
    assert LanePlaces(Stepped(folder)).find(NAME).package_digest == digest_bytes(PACKAGE)


def test_a_package_that_left_another_way_is_gone() -> None:
    folder = Folder()
    LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip")
    del folder.files[f"incoming/{NAME}.zip"]
    assert LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip").state is LaneState.GONE


def test_an_encrypted_package_keeps_its_name_on_every_shelf() -> None:
    folder = Folder()
    LanePlaces(Stepped(folder)).deliver(NAME, PACKAGE, "zip.age")
    assert f"incoming/{NAME}.zip.age" in folder.files
    folder.consume()
    assert LanePlaces(Stepped(folder)).withdraw(NAME, b"{}").state is LaneState.CONSUMED


@pytest.mark.parametrize("second", ["deliver", "withdraw"])
def test_two_that_stop_once_anywhere_leave_one_decision(second: str) -> None:
    for first_steps in portion(range(5, 22), 2):
        for second_steps in portion(range(1, 30), 2):
            scene = Scene()
            scene.start("deliver")
            scene.start(second)
            one, other = scene.processes
            for process, steps in ((one, first_steps), (other, second_steps), (one, 100)):
                for _ in range(steps):
                    process.step()
            scene.folder.consume()
            scene.finish()
            assert len(scene.folder.arrived) <= 1, (first_steps, second_steps)
            assert one.error is other.error is None
            assert one.result.state in (LaneState.CONSUMED, LaneState.DELIVERED, LaneState.WITHDRAWN)
            last = LanePlaces(Stepped(scene.folder)).find(NAME)
            consumed = last.state is LaneState.CONSUMED
            assert not consumed or len(scene.folder.arrived) == 1, (first_steps, second_steps)
            assert consumed or second == "withdraw", (first_steps, second_steps)
