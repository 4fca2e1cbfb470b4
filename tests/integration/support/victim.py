"""A process of its own that submits one request: ``victim.py TENANT KEY``. It is killed while the desk is asked."""

from __future__ import annotations

import sys

from handrail.conf.start import start


def main(tenant: str, key: str) -> None:
    start()
    from handrail.access import queries as access
    from handrail.kernel import scope
    from handrail.support.actions import support_requests
    from handrail.support.input import SupportRequestInput
    from handrail.support.states import HandoffMode

    by = access.command_line()
    scope.change(by.scope)  # as the command line does
    support_requests.submit(
        by=by,
        tenant=tenant,
        submission_key=key,
        given=SupportRequestInput(
            summary="Roles are missing",
            mode=HandoffMode.CREATE,
            contact_name="Ana",
            contact_email="ana@example.com",
        ),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
