"""The project's own lints find what they are for, and nothing in its place."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


def program(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prose, laws, requirements = program("prose"), program("laws"), program("requirements")


@cache
def files_with_prose() -> frozenset[Path]:
    return frozenset(path for path, _ in prose.texts())


def words_in(path: Path, lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [(number, word) for number, word, _ in prose.look(path, lines)]


def test_pattern_inside_a_function_is_found() -> None:
    path = next(path for path in sorted(laws.SOURCE.rglob("*.py")) if path.name == "clock.py")
    inside = ast.parse("import re\ndef clean(text):\n    return re.sub('a', re.escape(text), text)")
    outside = ast.parse("import re\n_A = re.compile('a')\ndef clean(text):\n    return _A.sub('', text)")
    assert [line for _, line, _ in laws.patterns({path: inside})] == [3]
    assert list(laws.patterns({path: outside})) == []


def test_prose_is_found_in_comments_docstrings_and_texts_of_source(tmp_path: Path) -> None:
    text = '"""It is\nin force."""\n# Mend it\nx = "whoever asks"\ny = "whoever"\nmend = f"is told {x}"\n'
    path = tmp_path / "a.py"
    path.write_text(text)
    found = words_in(path, list(prose.of_python(text)))
    assert found == [(2, "in force"), (3, "Mend"), (4, "whoever"), (6, "is told")]


def test_prose_is_found_across_lines_with_the_line_where_it_begins(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("What is in\nforce is here.\n```\nmend\n```\n`mend` is code.\n")
    assert words_in(path, list(prose.of_markdown(path.read_text()))) == [(1, "in force")]


def test_prose_of_templates_is_read_without_variables(tmp_path: Path) -> None:
    text = '{{ anew }}<p title="whom">x</p>{% include "a.html" with message="Mend it." %}'
    path = tmp_path / "a.html"
    path.write_text(text)
    assert [word for _, word in words_in(path, list(prose.of_template(text)))] == ["whom", "Mend"]


def test_prose_that_quotes_is_let_through_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("Do not write anew. <!-- prose: quoted -->\n")
    assert words_in(path, list(prose.of_markdown(path.read_text()))) == []


@pytest.mark.parametrize("text", ["There is no run.", "This is no longer so.", "in forceful words", "the amendment"])
def test_prose_lets_good_words_through(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.md"
    path.write_text(text)
    assert words_in(path, list(prose.of_markdown(text))) == []


@pytest.mark.parametrize(
    "name", ["says", "_told", "untold", "told_at", "Fate", "_lacking_votes", "moved_at", "VoteBallot", "ToldView"]
)
def test_replaced_names_are_found(name: str) -> None:
    assert laws.replaced(name)


@pytest.mark.parametrize(
    "name", ["message", "takeover_seconds", "__slots__", "Handling", "handoff", "mending", "token"]
)
def test_other_names_may_stay(name: str) -> None:
    assert laws.replaced(name) is None


def test_class_name_may_stand_twice_only_by_inheritance() -> None:
    paths = [laws.SOURCE / name for name in ("a.py", "b.py", "c.py")]
    texts = ("class A: ...", "from handrail import a\nclass A(a.A): ...", "class B: ...\nclass C: ...")
    modules = dict(zip(paths, map(ast.parse, texts), strict=True))
    assert list(laws.classes(modules)) == []
    modules[paths[2]] = ast.parse("from handrail.a import A as Other\nclass A(Other): ...")
    assert list(laws.classes(modules)) == []
    modules[paths[2]] = ast.parse("import elsewhere\nclass A(elsewhere.A): ...")
    assert {path.name for path, _, _ in laws.classes(modules)} == {"a.py", "c.py"}
    modules[paths[2]] = ast.parse("class A: ...")
    assert {path.name for path, _, _ in laws.classes(modules)} == {"a.py", "c.py"}


def test_requirement_with_neither_test_nor_open_sentence_is_named() -> None:
    wanted = {"H-01": {"text": "a"}, "H-02": {"text": "b", "open": "Not yet."}, "H-03": {"text": "c"}}
    shown = {"H-01": [("tests/test_a.py", "test_a")], "H-09": [("tests/test_b.py", "test_b")]}
    assert list(requirements.faults_of(wanted, shown)) == [
        "tests/test_b.py::test_b names H-09, which docs/requirements.toml does not have",
        "H-03 has neither a test nor an open sentence",
    ]


def test_every_requirement_is_shown_or_open() -> None:
    assert "# Requirements" in requirements.page("")


@pytest.mark.parametrize(
    "source",
    [
        "import gauges",
        "from a import b as told",
        "try: ...\nexcept ValueError as says: ...",
        "match x:\n    case {'a': told}: ...",
        "def f(*, classed): ...",
        "f(ballot=1)",
        "x.moved_at = 1",
        "def g():\n    global says",
    ],
)
def test_replaced_names_are_found_wherever_python_has_names(source: str) -> None:
    assert [name for _, name in laws._identifiers(ast.parse(source)) if laws.replaced(name)]


def test_replaced_names_are_found_in_templates() -> None:
    assert [n for n in laws.of_template('<p>told {{ run.says }} {% if "told" %}') if laws.replaced(n)] == ["says"]


def test_sizes_are_held() -> None:
    long = "def f():\n" + "    x = 1\n" * 50
    tree = ast.parse(long)
    path = next(path for path in sorted(laws.SOURCE.rglob("*.py")) if path.name == "clock.py")
    assert [text for _, _, text in laws.sizes({path: tree})] == ["f has 51 lines; 50 are the most"]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ('x = "what is in "\n"force now"', "in force"),
        ('label = "Mend"', "Mend"),
        ("# It was never\n# told.", "was never told"),
        ('f(message=f"{x} is not told")', "is not told"),
    ],
)
def test_prose_of_source_is_found_where_it_is_divided_or_short(tmp_path: Path, source: str, word: str) -> None:
    path = tmp_path / "a.py"
    path.write_text(source)
    found = [
        " ".join(re.sub(r"[#\"']", " ", said).split()) for _, said in words_in(path, list(prose.of_python(source)))
    ]
    assert found == [word]


@pytest.mark.parametrize(
    "name",
    ["Makefile", "pyproject.toml", "docs/laws.py", "docs/requirements.toml", "docs/adr/0046-three-lanes-of-tests.md"],
)
def test_prose_is_looked_for_in_every_kind_of_file(name: str) -> None:
    assert DOCS.parent / name in files_with_prose()
