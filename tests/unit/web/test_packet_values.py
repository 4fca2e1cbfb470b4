"""Values as reviewers read them."""

from __future__ import annotations

import pytest

from handrail.packets.assembly.compare import Comparison, RevisionDifference
from handrail.packets.review import AnnexView, FieldView
from handrail.web.packets import values as packet_values
from handrail.web.packets.seen_view import SeenWay
from handrail.web.shell import words

DIGEST = "sha256:" + "a" * 64


def listed(entries: int) -> FieldView:
    value = [{"at": number, "who": {"name": "x"}} for number in range(entries)]
    return FieldView("timeline", value, (), "case", "CASE-7", "/timeline", "1", DIGEST, "each", "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("two\nlines", "two\nlines"),
        ("עברית", "עברית"),
    ],
)
def test_what_shows_nothing_is_written_out(text: str, shown: str) -> None:
    assert words.visible(text) == shown


def test_long_list_is_cut_and_says_so() -> None:
    [row] = packet_values.field_rows([listed(250)], None, whole=False)
    assert (len(row.entries), row.more, row.text) == (packet_values.ENTRIES_SHOWN, 150, "250 entries")


def test_long_list_is_whole_when_asked() -> None:
    [row] = packet_values.field_rows([listed(250)], None, whole=True)
    assert (len(row.entries), row.more) == (250, 0)


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (None, "—"),
        ({"held": ["source-conflict"]}, "held: source-conflict"),
        ({"cleared": False, "blocking": True, "digest": DIGEST}, "blocks, sha256:aaaaaaaaaaaa"),
        ({"cleared": True, "digest": DIGEST}, "cleared, sha256:aaaaaaaaaaaa"),
        ("moved", "moved"),
    ],
)
def test_difference_reads_as_words(after: object, shown: str) -> None:
    moved = RevisionDifference("plan", "changed", "before", after)  # type: ignore[arg-type]
    [group] = packet_values.diff_groups(Comparison((moved,), (), (), (), ()))
    assert (group.name, group.rows[0].after) == ("Fields", shown)


def test_no_earlier_revision_gives_no_groups() -> None:
    assert packet_values.diff_groups(None) == []


def field(path: str, *held: str) -> FieldView:
    return FieldView(path, "x", held, "case", "CASE-7", "/x", "1", DIGEST, "from case.x", "")


@pytest.mark.parametrize("where", ["impact.count", "impact.count[0]", "impact.count.of"])
def test_what_is_held_comes_first_then_what_changed(where: str) -> None:
    moved = Comparison((RevisionDifference(where, "changed", 1, 2),), (), (), (), ())
    found = [field("case.id"), field("impact.counted"), field("impact.count"), field("tenant.id", "missing-row")]
    rows = packet_values.field_rows(found, moved, whole=False)
    assert [row.field.path for row in rows] == ["tenant.id", "impact.count", "case.id", "impact.counted"]
    assert [row.changed for row in rows] == [False, True, False, False]


@pytest.mark.parametrize(
    ("members", "stacked"),
    [
        ({"at": "2026-11-20T07:58:00Z", "kind": "IMPACT_START", "text": "Federated log-in began to fail."}, False),
        ({f"column_{number}": "SAML-IDP-1" for number in range(8)}, True),
        ({"digest": DIGEST, "of": "word"}, False),
    ],
)
def test_columns_without_room_are_stacked(members: dict[str, str], stacked: bool) -> None:
    found = FieldView("list", [members], (), "case", "CASE-7", "/list", "1", DIGEST, "each", "")  # type: ignore[arg-type]
    [row] = packet_values.field_rows([found], None, whole=False)
    assert row.stacked is stacked


def annex(name: str) -> AnnexView:
    return AnnexView(
        **dict.fromkeys(AnnexView.__dataclass_fields__, "") | {"name": name, "report": {}, "cleared": True}
    )  # type: ignore[arg-type]


def test_annexes_stand_by_their_type_and_number() -> None:
    rows = packet_values.annex_rows(map(annex, ("trace-10", "har-2", "trace-2", "other")), SeenWay((), 0, 0))
    assert [row.annex.name for row in rows] == ["other", "har-2", "trace-2", "trace-10"]
