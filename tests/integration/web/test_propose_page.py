"""Proposing a definition in the browser: findings beside the lines, the difference, then exactly what was checked."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from handrail.access.capabilities import Role
from handrail.access.models import User, Workspace
from handrail.definitions.models import Definition
from tests.factories import rows

pytestmark = pytest.mark.django_db
PROPOSE = "/admin/definitions/propose"
RUNBOOK = rows.runbook_text()
NEXT = rows.runbook_text(2).replace("attempts: 3", "attempts: 4")


@dataclass(frozen=True, slots=True)
class Scene:
    workspace: Workspace
    definition: Definition


@pytest.fixture
def scene(db: None) -> Scene:
    workspace = rows.workspace()
    return Scene(workspace, rows.definition(workspace, text=RUNBOOK))


@pytest.fixture
def author(scene: Scene, enter: Callable[[User], Client]) -> Client:
    return enter(rows.member(scene.workspace, Role.GOVERNANCE_OWNER, email="author@example.com"))


def checked_text(page: str) -> str:
    """What the form that proposes carries, as a browser sends it."""
    carried = page[page.index('<textarea name="text" hidden') :]
    text = html.unescape(carried[carried.index(">") + 1 : carried.index("</textarea>")])
    return text.removeprefix("\n").replace("\n", "\r\n")


def test_checked_text_shows_what_it_changes_and_is_proposed_as_it_was_checked(author: Client, scene: Scene) -> None:
    page = author.post(PROPOSE, {"text": NEXT.replace("\n", "\r\n"), "act": "check"}).content.decode()
    assert "The checks find no fault" in page
    assert "1 line added, 1 removed" not in page
    assert "2 lines added, 2 removed" in page
    assert Definition.objects.count() == 1
    form = {"text": checked_text(page), "act": "propose"}
    first, second = author.post(PROPOSE, form), author.post(PROPOSE, form)
    proposal = Definition.objects.get(version=2)
    assert first.url == second.url == f"/admin/definitions/{proposal.pk}"
    assert (proposal.text, proposal.state, proposal.proposed_by) == (NEXT, "proposed", "author@example.com")


def test_file_takes_the_place_of_the_text(author: Client) -> None:
    file = SimpleUploadedFile("next.yaml", b"\xef\xbb\xbf" + NEXT.encode())
    page = author.post(PROPOSE, {"text": "handrail: no", "file": file, "act": "check"}).content.decode()
    assert "runbook/entitlement-resync/2" in page
    assert checked_text(page).replace("\r\n", "\n") == NEXT


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"name: \xff\xfe", "not text in UTF-8"), (b"a: \x00", "not text in UTF-8"), (b"a" * (512 * 1024 + 1), "512 KiB")],
)
def test_file_that_holds_no_text_is_refused_in_words(author: Client, data: bytes, message: str) -> None:
    page = author.post(PROPOSE, {"file": SimpleUploadedFile("x.yaml", data), "act": "check"})
    assert page.status_code == 422
    assert message in page.content.decode()


def test_faults_stand_beside_their_lines_and_nothing_can_be_proposed(author: Client) -> None:
    wrong = NEXT.replace("effect: mutating", "effect: magic").replace("title: ", "titel: <b>")
    page = author.post(PROPOSE, {"text": wrong, "act": "check"})
    text = page.content.decode()
    line = next(n for n, one in enumerate(wrong.splitlines(), start=1) if "magic" in one)
    assert page.status_code == 422
    row = text[text.index(f'<tr id="L{line}" class="del">') :]
    assert "steps[0].effect" in row[: row.index("</tr>")]
    assert "<b>" not in text
    assert "Propose this text" not in text
    refused = author.post(PROPOSE, {"text": wrong, "act": "propose"})
    assert (refused.status_code, Definition.objects.count()) == (422, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RUNBOOK + "# new\n", "Version 1 of entitlement-resync was used already (active)"),
        ("  \r\n ", "Paste a text or choose a file"),
        ("a: [", "fault"),
    ],
)
def test_text_that_can_not_be_proposed_says_why_and_is_kept(author: Client, text: str, message: str) -> None:
    page = author.post(PROPOSE, {"text": text, "act": "propose"})
    assert page.status_code in {409, 422}
    assert message in page.content.decode()
    assert text.strip() in html.unescape(page.content.decode())
    assert Definition.objects.count() == 1


def test_another_text_of_the_version_that_came_first_is_told_apart(author: Client, scene: Scene) -> None:
    page = author.post(PROPOSE, {"text": NEXT, "act": "check"}).content.decode()
    rows.definition(scene.workspace, text=NEXT + "# theirs\n", version=2, name="entitlement-resync", state="proposed")  # type: ignore[arg-type]
    refused = author.post(PROPOSE, {"text": checked_text(page), "act": "propose"})
    assert refused.status_code == 409
    assert "was used already (proposed)" in refused.content.decode()


def test_new_version_begins_with_the_text_of_the_one_that_is_shown(author: Client, scene: Scene) -> None:
    shown = author.get(f"/admin/definitions/{scene.definition.pk}").content.decode()
    address = f"{PROPOSE}?from={scene.definition.pk}"
    assert address in shown
    assert "name: entitlement-resync" in author.get(address).content.decode()


@pytest.mark.parametrize("named", ["0", "987654321", "-1", "1" * 30, "\u0661"])
def test_unknown_version_to_begin_with_is_missing_or_nothing(author: Client, named: str) -> None:
    assert author.get(PROPOSE, {"from": named}).status_code in {200, 404}


def test_definition_of_another_workspace_is_missing(author: Client) -> None:
    other = rows.definition(rows.workspace("Elsewhere"), text=RUNBOOK)
    assert author.get(f"{PROPOSE}?from={other.pk}").status_code == 404


def test_who_may_not_propose_gets_neither_form_nor_button(scene: Scene, enter: Callable[[User], Client]) -> None:
    someone = enter(rows.member(scene.workspace, Role.OPERATOR))
    assert someone.get(PROPOSE).status_code == 403
    assert someone.post(PROPOSE, {"text": NEXT, "act": "propose"}).status_code == 403
    assert PROPOSE not in someone.get("/admin/definitions").content.decode()
    some_tenants = enter(rows.member(scene.workspace, Role.GOVERNANCE_OWNER, tenants=[rows.tenant(scene.workspace)]))
    assert some_tenants.post(PROPOSE, {"text": NEXT, "act": "propose"}).status_code == 403
    assert Definition.objects.count() == 1
