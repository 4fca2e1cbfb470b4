"""A process of its own that submits one request: ``victim.py TENANT KEY``. It is killed while the desk is asked."""

from __future__ import annotations

import sys

from handrail.conf.start import start


def main(tenant: str, key: str) -> None:
    start()
    from handrail.access import queries as access
    from handrail.support.actions import support_requests

    support_requests.submit(
        by=access.command_line(),
        tenant=tenant,
        submission_key=key,
        summary="Roles are missing",
        mode="create_external_ticket",
        contact_name="Ana",
        contact_email="ana@example.com",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
