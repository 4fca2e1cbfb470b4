"""The errors that Handrail raises on purpose.

    HandrailError
    ├── Invalid        422  the caller's input is wrong; names the field and what was expected
    ├── NotFound       404  it does not exist, or the actor may not know that it does
    ├── Denied         403  in the actor's scope, without the capability
    ├── ProofNeeded    403  the person has to show who they are once more, or to enrol what shows it
    ├── Conflict       409  the same key with other content, or a rule of the domain forbids it now
    │   └── Stale      409  somebody else changed it first
    ├── Unavailable    503  an outside system or the database did not answer
    └── Misconfigured  500  handrail.toml or a secret needs fixing by the operator of Handrail

Each carries a stable ``code`` (kebab-case, never reworded), one HTTP ``status`` and one ``exit_code`` for the CLI.
One handler per face turns them into a page, a problem document (RFC 9457) or an exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where it is (``field``, or ``line:column`` of a file) and what would be right."""

    where: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        return f"{place}{self.where}: {self.message}" if self.where else f"{place}{self.message}"


class HandrailError(Exception):
    """The root. ``message`` is one plain sentence about what to do; it never holds secrets or outside text."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1
    code: str = "error"

    def __init__(self, message: str, *, code: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.faults = tuple(faults)


class Invalid(HandrailError):
    status = 422
    exit_code = 2
    code = "invalid"


class NotFound(HandrailError):
    status = 404
    exit_code = 3
    code = "not-found"

    def __init__(self, message: str = "Not found, or you don't have access.") -> None:
        super().__init__(message)


class Denied(HandrailError):
    """In scope, without the capability. Carries what the face needs to audit the refusal after the rollback."""

    status = 403
    exit_code = 4
    code = "denied"

    def __init__(self, message: str, *, capability: str, tenant_id: int | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.capability = capability
        self.tenant_id = tenant_id


class ProofNeeded(HandrailError):
    """``methods``: what counts for this person, by name; none where they must enrol a second factor first."""

    status = 403
    exit_code = 4
    code = "proof-needed"

    def __init__(self, message: str = "", *, methods: Sequence[str] = (), minutes: int = 0) -> None:
        said = "Confirm that it's you: this needs a proof that is not older than {} minutes. Do it on the pages."
        enrol = "Enrol a second factor first, on the page Passkeys and codes: this workspace needs one."
        super().__init__(
            message or (said.format(minutes) if methods else enrol), code="proof-needed" if methods else "factor-needed"
        )
        self.methods = tuple(methods)


class Conflict(HandrailError):
    status = 409
    exit_code = 5
    code = "conflict"


class Stale(Conflict):
    code = "stale"

    def __init__(self, message: str = "Somebody else changed this first. Look again, then decide.") -> None:
        super().__init__(message)


class Unavailable(HandrailError):
    status = 503
    exit_code = 6
    code = "unavailable"


class Misconfigured(HandrailError):
    status = 500
    exit_code = 7
    code = "misconfigured"
