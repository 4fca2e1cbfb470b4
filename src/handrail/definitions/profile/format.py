"""The format ``packet/v1`` as closed models. The cross-checks that models can't make are in ``compiler``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from handrail.definitions.inputs.format import Rules, TaskField
from handrail.definitions.language.valuetypes import Base
from handrail.definitions.profile.sources import SourceSpec
from handrail.definitions.requests.forms import Extracts
from handrail.definitions.source.scalars import (
    Closed,
    Dotted,
    Duration,
    Expression,
    Formerly,
    Identifier,
    Kebab,
    Kept,
    Line,
    OptionalIdentifier,
    Prose,
)
from handrail.kernel.assertions import ApprovalProof
from handrail.kernel.hostnames import normal_host

TlpLabel = Literal["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
# From the widest audience to the narrowest. https://www.first.org/tlp/
TLP_ORDER: tuple[TlpLabel, ...] = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
MAX_FIELDS = 200
NOBODY = "nobody"
# Built-in holds that nobody may clear, unless the profile says who.
CLEARED_BY_NOBODY = frozenset({"secret-in-text"})
MAX_PHRASE, MAX_PHRASE_WORDS = 100, 8
_PHRASE_WORD = re.compile(r"\w+(?:['’-]\w+)*|\w{3,}\*")  # noqa: RUF001 - an apostrophe as it is printed

_CREDENTIAL = re.compile(r"(?i)auth|cookie|token|secret|pass|pwd|credential|api-?key|session|assertion|signature")
_FIELD_PATH = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){0,3}!?\??")


def _field_path(text: str) -> str:
    if len(text) > 200 or not _FIELD_PATH.fullmatch(text):  # noqa: PLR2004
        raise PydanticCustomError(
            "field_path", "expected one to four identifiers joined by dots, then ! if consequential, then ? if optional"
        )
    return text


def _short_field(given: Any) -> Any:
    return {"from": given} if isinstance(given, str) else given


def _many(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


def _phrase(text: str) -> str:
    words = text.split()
    if not words or len(words) > MAX_PHRASE_WORDS or len(text) > MAX_PHRASE:
        raise PydanticCustomError(
            "phrase",
            "expected one to {words} words of {limit} characters in all",
            {"words": MAX_PHRASE_WORDS, "limit": MAX_PHRASE},
        )
    if not all(_PHRASE_WORD.fullmatch(word) for word in words):
        raise PydanticCustomError(
            "phrase", "expected words of letters and digits; * only at the end of one, after three characters"
        )
    return text


def _host(text: str) -> str:
    found = normal_host(text)
    if found is None or "." not in found or found.rpartition(".")[2].isdigit():
        raise PydanticCustomError("host", "expected a host name of two labels or more, such as example.com")
    return found


def _no_credential(name: str) -> str:
    if _CREDENTIAL.search(name):
        raise PydanticCustomError("header", "a header of this name may let somebody in; expected one like x-request-id")
    return name


Phrase = Annotated[str, AfterValidator(_phrase)]
FieldPath = Annotated[str, AfterValidator(_field_path)]
# What ``packets.findings`` has kinds of; a test holds the two together.
Carried = Literal["email", "telephone", "name", "address", "host", "identifier"]
Names = Annotated[list[Dotted], BeforeValidator(_many), Field(max_length=10)]
Roles = Annotated[list[Kebab], BeforeValidator(_many), Field(min_length=1, max_length=20)]
Hosts = Annotated[list[Annotated[str, AfterValidator(_host)]], Field(max_length=50)]
HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,60}$", to_lower=True), AfterValidator(_no_credential)
]
Classes = Annotated[list[Kebab], Field(max_length=100)]


class ShownSpec(Rules):
    """One value in the packet: where it comes from and what it must be like. A bare name is short for ``from``.

    ``carries``: personal data or internal hosts that it has on purpose, and may show.
    """

    from_: Annotated[Dotted, Field(alias="from")]
    via: Kebab | None = None
    type: Base | None = None
    agrees: Names = []
    among: Dotted | None = None
    class_: Annotated[Kebab | None, Field(alias="class")] = None
    multiline: bool = False
    carries: Annotated[list[Carried], BeforeValidator(_many), Field(max_length=6)] = []
    message: Annotated[Line | None, Formerly("says")] = None

    def rules(self) -> dict[str, Any]:
        """Its JSON Schema keywords beside ``type``."""
        return self.model_dump(by_alias=True, exclude_none=True, include=set(Rules.model_fields))


class MatchSpec(Closed):
    """The one record of another source's list that belongs to an entry: where each value of ``by`` is the entry's.

    ``unmatched``: the hold of an entry to which none belongs, or several.
    """

    among: Dotted
    by: Annotated[dict[Identifier, Dotted], Field(min_length=1, max_length=4)]
    extract: Extracts
    unmatched: Literal["missing-lineage", "not-in-inventory", "source-conflict"] = "missing-lineage"


class EachSpec(Closed):
    """A list in the packet: one entry for each record of a source's list that ``where`` lets in.

    ``match``: what other sources say of the same thing. ``apart``: each entry has holds of its own.
    """

    each: Dotted
    extract: Annotated[Extracts, Formerly("take")]
    match: Annotated[dict[Identifier, MatchSpec], Field(max_length=6)] = {}
    apart: bool = False
    where: Expression | None = None
    class_: Annotated[Dotted | Kebab | None, Field(alias="class")] = None
    at_most: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    show: Annotated[
        dict[FieldPath, Annotated[ShownSpec, BeforeValidator(_short_field)]], Field(min_length=1, max_length=50)
    ]
    message: Annotated[Line | None, Formerly("says")] = None


class RedactSpec(Closed):
    """Who may cover parts of a picture, and who may attest the result: two people in any case."""

    by: Roles
    attest: Roles


class AnnexTypeSpec(Closed):
    """One type of artifact, and the sanitiser that must clear it before it may leave."""

    where: Expression | None = None
    clear: Annotated[str, StringConstraints(pattern=r"^(never|[a-z][a-z0-9]*/v[0-9]+)$")]
    archive: Literal["open"] | None = None
    redact: RedactSpec | None = None
    class_: Annotated[Kebab | None, Field(alias="class")] = None
    at_most: Annotated[int, Field(ge=1, le=1000)] = 100
    message: Annotated[Line | None, Formerly("says")] = None


class AnnexesSpec(Closed):
    """The artifacts of the case: the list that names them, the store that has their bytes, what clears each type.

    ``describe``: the packet says what each annex is.
    """

    each: Dotted
    extract: Annotated[Extracts, Formerly("take")]
    id: Dotted
    digest: Dotted
    media_type: Dotted | None = None
    store: Kebab
    describe: bool = False
    types: Annotated[dict[Kebab, AnnexTypeSpec], Field(min_length=1, max_length=20), Formerly("sorts")]


class TextsSpec(Closed):
    """Texts that leave: the claims that nobody may make in them, as words by the name of the claim; and the roles that
    may mask what is found. A word ending in ``*`` stands for all that begin with it."""

    forbidden: Annotated[
        dict[Kebab, Annotated[list[Phrase], BeforeValidator(_many), Field(min_length=1, max_length=200)]],
        Field(max_length=50),
    ] = {}
    masks: Roles = [NOBODY]


class HostsSpec(Closed):
    """Hosts that captures show by name, and all below them: the vendor's own, and identity providers.

    ``identity_providers_from``: values of sources, URLs whose hosts the audience sees anyway.
    """

    vendor: Hosts = []
    identity_providers: Hosts = []
    identity_providers_from: Names = []

    @model_validator(mode="after")
    def _one_class(self) -> Self:
        if both := sorted({*self.vendor} & {*self.identity_providers}):
            raise PydanticCustomError(
                "hosts", "{host} is among vendor and identity_providers; keep one", {"host": both[0]}
            )
        return self


class HoldRuleSpec(Closed):
    """When something may not leave, which role it waits for, what releases it. Without ``when``: a built-in hold."""

    when: Expression | None = None
    scope: Literal["revision", "field", "annex"] | None = None
    on: Annotated[list[str], Field(max_length=50)] = []
    owner: Kebab
    clears: Roles | None = None
    masks: Roles | None = None
    blocking: bool | None = None
    message: Annotated[Prose | None, Formerly("says")] = None
    released_by: Prose | None = None


class LaneSpec(Closed):
    """The one queue that this packet may go to. ``confirmed_by``: a source's value that must say the same."""

    name: Kebab
    confirmed_by: Dotted | None = None


class AudienceSpec(Closed):
    """Who may read it, how far it may be passed on (TLP 2.0), and which classes of value they may see."""

    tlp: TlpLabel
    recipients: Annotated[list[Kebab], Field(min_length=1, max_length=100)]
    confirmed_by: Dotted | None = None
    shows: Annotated[Classes, Field(min_length=1)]
    never: Classes = []


class SignersSpec(Closed):
    """Who approves: ``threshold`` different people, and at least so many from each role or group.

    ``proof``: how the people of a role show that an approval is theirs; where it says nothing, by a click.
    """

    threshold: Annotated[int, Field(ge=1, le=20)]
    from_: Annotated[dict[Kebab, Annotated[int, Field(ge=0, le=20)]], Field(alias="from", min_length=1, max_length=20)]
    never: Annotated[list[Literal["assembler", "hold-editor"]], Field(min_length=1, max_length=2)]
    proof: Annotated[dict[Kebab, Literal["click", "second-factor", "passkey"]], Field(max_length=20)] = {}

    @property
    def proofs(self) -> dict[str, ApprovalProof]:
        """What is asked of the people of each role that asks for something."""
        return {role: ApprovalProof(proof) for role, proof in sorted(self.proof.items())}


def _kind_of_field(given: Any) -> str:
    return "<each>" if isinstance(given, EachSpec) or (isinstance(given, dict) and "each" in given) else "<value>"


FieldSpec = Annotated[
    Annotated[EachSpec, Tag("<each>")] | Annotated[ShownSpec, Tag("<value>")], Discriminator(_kind_of_field)
]


def _lane(given: Any) -> Any:
    return {"name": given} if isinstance(given, str) else given


class WatchSpec(Closed):
    """How often sources are read again until the vendor has opened it, and which changes make another revision: of any
    value of these sources, or of what feeds these fields. ``unread_for``: after so long without a reading people are
    notified."""

    every: Duration
    sources: Annotated[list[Identifier], Field(max_length=40)] = []
    fields: Annotated[list[FieldPath], Field(max_length=MAX_FIELDS)] = []
    unread_for: Duration = 3600.0


class RecallSpec(Closed):
    """What may leave with a recall. ``words``: what the person who recalls it wrote."""

    words: bool = False


class KeepSpec(Closed):
    """How long after a packet has ended something of it is kept; without a key it is kept for ever."""

    annexes: Kept | None = None
    values: Kept | None = None


class ProfileSpec(Closed):
    """A packet profile as it is written."""

    handrail: Literal["packet/v1"]
    name: Kebab
    version: Annotated[int, Field(ge=1, le=1_000_000)]
    title: Line
    summary: Prose
    owner: Line
    lane: Annotated[LaneSpec, BeforeValidator(_lane)]
    audience: AudienceSpec
    signers: SignersSpec
    expires_after: Duration
    inputs: Annotated[dict[OptionalIdentifier, TaskField], Field(min_length=1, max_length=50), Formerly("given")]
    tenant: Dotted
    tenant_confirmed_by: Names = []
    sources: Annotated[dict[Identifier, SourceSpec], Field(min_length=1, max_length=40)]
    fields: Annotated[
        dict[FieldPath, Annotated[FieldSpec, BeforeValidator(_short_field)]],
        Field(min_length=1, max_length=MAX_FIELDS),
    ]
    annexes: AnnexesSpec | None = None
    texts: TextsSpec | None = None
    hosts: HostsSpec | None = None
    request_ids: Annotated[list[HeaderName], Field(max_length=20)] = []
    key_ids_from: Names = []
    hold_owner: Kebab
    holds: Annotated[dict[Kebab, HoldRuleSpec], Field(max_length=50)] = {}
    watch: WatchSpec | None = None
    recall: RecallSpec = RecallSpec()
    keep: KeepSpec | None = None
