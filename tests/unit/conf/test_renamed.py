"""Keys of handrail.toml that had another name before are refused with the new one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from handrail.conf import config
from handrail.connectors.desk.config import Create, DeskCheck
from handrail.kernel.errors import Misconfigured

CREATE = {"path": "/t", "body": {"subject": "{subject}"}, "reference": "/id"}


def test_old_key_of_the_lease_names_the_new_one() -> None:
    assert config.parse("[worker]\nlease_seconds = 9\n").worker.lease_seconds == 9
    with pytest.raises(Misconfigured, match=r"worker: .*takeover_seconds is called lease_seconds now") as refused:
        config.parse("[worker]\ntakeover_seconds = 9\n")
    assert [fault.where for fault in refused.value.faults] == ["worker"]


@pytest.mark.parametrize(
    ("model", "given", "old", "new"),
    [
        (DeskCheck, {"path": "/me"}, {"otherwise": "No."}, "otherwise is called message now"),
        (DeskCheck, {"path": "/me"}, {"mend": "Ask."}, "mend is called fix now"),
        (Create, CREATE, {"take": {"id": "/id"}}, "take is called extract now"),
    ],
)
def test_old_key_of_the_desk_names_the_new_one(
    model: Any, given: dict[str, Any], old: dict[str, Any], new: str
) -> None:
    model.model_validate(given)
    with pytest.raises(ValidationError, match=new):
        model.model_validate({**given, **old})
