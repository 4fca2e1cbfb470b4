"""The example of docs/testing.md: a page, as a member with one role sees it."""

from collections.abc import Callable

import pytest
from django.test import Client

from handrail.access.capabilities import Role
from tests.factories.web import Web

pytestmark = pytest.mark.django_db


def test_operator_finds_the_completed_run_in_the_list(house: Web, as_role: Callable[..., Client]) -> None:
    page = as_role(Role.OPERATOR).get("/admin/operations?state=completed")
    assert page.status_code == 200
    assert house.completed.ref in page.content.decode()
    assert house.invoking.ref not in page.content.decode()
