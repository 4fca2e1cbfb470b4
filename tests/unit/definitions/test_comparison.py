"""Comparing two texts."""

from __future__ import annotations

from handrail.definitions.source.diff import MAX_COMPARED_LINES, DiffLine, compare


def test_compare_equal_texts_gives_nothing() -> None:
    assert compare("a\nb\n", "a\nb") == ()


def test_compare_numbers_the_lines_of_both() -> None:
    assert compare("a\nb\nc\n", "a\nx\nc\n") == (
        DiffLine("same", 1, 1, "a"),
        DiffLine("removed", 2, None, "b"),
        DiffLine("added", None, 2, "x"),
        DiffLine("same", 3, 3, "c"),
    )


def test_compare_leaves_out_what_is_far_from_changes() -> None:
    before = [str(number) for number in range(100)]
    after = [*before[:50], "new", *before[50:]]
    lines = compare("\n".join(before), "\n".join(after))
    assert [line.change for line in lines] == ["gap", "same", "same", "same", "added", "same", "same", "same"]


def test_compare_long_texts_shows_both_whole() -> None:
    lines = compare("a\n" * (MAX_COMPARED_LINES + 1), "b")
    assert [line.change for line in lines] == ["removed"] * (MAX_COMPARED_LINES + 1) + ["added"]
