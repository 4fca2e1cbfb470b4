"""The practice estate's service desk as the demo's ``[desk]``. No preset fits it, so the section is written in full."""

from __future__ import annotations

import json
import tomllib
from typing import Any

_SECTION = """\
[desk]
name = "Practice Desk"
base_url = "@ESTATE"
auth = { kind = "bearer", secret = "@TOKEN" }
reference_pattern = "T-[0-9]{1,9}"
reference_example = "T-1001"

[desk.create]
path = "/desk/api/tickets"
reference = "/id"
url = "/url"

[desk.create.body]
subject = "{subject}"
correlation = "{reference}"
severity = "{severity}"
description = "{body}"

[desk.web]
url = "{base_url}/desk/tickets/{reference}"

[desk.link]
urls = ["{base_url}/desk/tickets/{reference}"]

[[desk.check]]
path = "/desk/api/whoami"
expect = "/name"

[desk.lookup]
path = "/desk/api/tickets"
query = { correlation = "{reference}" }
references = "items[].id"
"""


def text(estate: str, *, token: str) -> str:
    """The section as it stands in handrail.toml. ``token`` is a reference to the secret."""
    return _SECTION.replace("@ESTATE", estate).replace('"@TOKEN"', json.dumps(token, ensure_ascii=False))


def section(estate: str, *, token: str) -> dict[str, Any]:
    """The section as plain data."""
    found: dict[str, Any] = tomllib.loads(text(estate, token=token))["desk"]
    return found
