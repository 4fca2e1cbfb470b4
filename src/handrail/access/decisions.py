"""Which acts are a person's decision, and what shows that a person made it: the one rule for pages, API, command line
and workers. ``Actor.require`` asks it, so an action that names its capability can't forget it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

from handrail.access import proofs
from handrail.access.capabilities import Capability
from handrail.kernel.configured import Configured
from handrail.kernel.errors import Denied

if TYPE_CHECKING:
    from handrail.access.actor import Actor

# Refusals for want of a person's own word are recorded under this, as they were before the rule was in one place.
BY_NAME = "cli:act_as"


class Proof(StrEnum):
    """How the person that an actor stands for has shown who they are. ``NAME``: not at all, somebody at the command
    line named them with ``--as``. ``NONE``: there is no person, only a process."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a word, not a secret
    NAME = "name"
    NONE = "none"


# Approve, reject, deprecate; clear, sign, reject, withdraw, recall, release, hand out; take over, resolve; cancel,
# stop, pause, resume, review; start a wave; hold and erase a tenant.
# What is not here, processes do as well: workers start runs and assemble; the operator of the installation adds the
# first members, proposes, seals and exports the log. Expiry, supersession and delivery are not decisions: the rule for
# each is in the profile that people approved.
DECISIONS = frozenset(
    {
        Capability.DEFINITION_DECIDE,
        Capability.PACKET_CLEAR_HOLD,
        Capability.PACKET_APPROVE,
        Capability.PACKET_WITHDRAW,
        Capability.PACKET_RELEASE,
        Capability.EXCEPTION_TAKE,
        Capability.EXCEPTION_RESOLVE,
        Capability.RUN_CANCEL,
        Capability.RUN_STOP,
        Capability.RUN_PAUSE,
        Capability.RUN_REVIEW,
        Capability.WAVE_START,
        Capability.TENANT_HOLD,
        Capability.TENANT_ERASE,
    }
)

# Acts that ask a session for a proof that is not old. Stopping things is not among them: it is done in a hurry, and
# undone by a person. Lifting a brake and making tokens share their capability with other acts, and ask by themselves.
SENSITIVE = frozenset(
    {
        Capability.DEFINITION_DECIDE,
        Capability.PACKET_CLEAR_HOLD,
        Capability.PACKET_APPROVE,
        Capability.PACKET_WITHDRAW,
        Capability.PACKET_RELEASE,
        Capability.MEMBER_MANAGE,
        Capability.TENANT_ERASE,
    }
)

# The first half of a decision that needs two: who proposes or assembles can't approve. Where names don't decide, the
# operator at the command line can't do it nameless, or one person could be both.
AUTHORED = frozenset({Capability.DEFINITION_PROPOSE, Capability.PACKET_ASSEMBLE})

_names_decide: Configured[Callable[[], bool]] = Configured()


def configure(names_decide: Callable[[], bool]) -> None:
    """``names_decide``: whether this installation takes ``--as EMAIL`` for that member's own word ([cli] act_as)."""
    _names_decide.set(names_decide)


def require_person(actor: Actor, capability: Capability, *, tenant_id: int | None = None, recent: bool = True) -> None:
    """Raises Denied when ``capability`` is for decisions, and no person has shown that this one is theirs; likewise
    for what another person is to approve, at the command line. Raises ProofNeeded when it is for sensitive acts, and
    the session has not proven lately who its person is; not for what only reads (``recent`` False)."""
    nameless = capability in AUTHORED and actor.kind == "command" and not _by_name()
    if capability in DECISIONS or nameless or (capability in AUTHORED and actor.proof is Proof.NAME):
        require_own_word(actor, capability, tenant_id=tenant_id)
    if recent and capability in SENSITIVE:
        proofs.require_recent(actor)


def require_own_word(actor: Actor, capability: str, *, tenant_id: int | None = None) -> None:
    """The same for an act whose capability is not for decisions alone."""
    if actor.user_id is None or actor.proof is Proof.NONE:
        raise Denied(
            "Only a person can do this, on the pages or with their own token: a process can't decide. "
            "At the command line, set HANDRAIL_TOKEN.",
            code="not-a-person",
            capability=capability,
            tenant_id=tenant_id,
        )
    if actor.proof is Proof.NAME and not _by_name():
        raise Denied(
            f"A decision of {actor.name} needs their own token in HANDRAIL_TOKEN. They can also decide on the pages.",
            capability=BY_NAME,
            tenant_id=tenant_id,
        )


def _by_name() -> bool:
    asked = _names_decide.find()
    return asked is not None and asked()
