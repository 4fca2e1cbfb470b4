"""The ways in which a definition asks something of a connector. The key that is present says which form it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, StringConstraints, Tag

from handrail.definitions.language.valuetypes import ValueType
from handrail.definitions.source.scalars import (
    Closed,
    Formerly,
    Interval,
    Kebab,
    Line,
    OptionalIdentifier,
    Template,
    value_type,
)

Query = Annotated[dict[str, Template | int | float | bool], Field(max_length=50)]
Resource = Literal["Users", "Groups"]
Attribute = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.:$-]{0,199}$")]
Attributes = Annotated[list[Attribute], Field(max_length=50)]
Method = Literal["post", "put", "patch", "delete"]
METHODS: tuple[Method, ...] = ("post", "put", "patch", "delete")


def _long_form(given: Any) -> Any:
    return given if isinstance(given, dict) else {"type": given}


class Extract(Closed):
    """One value out of an answer: where it is and of which type. Without ``at``, the member of its own name."""

    type: Annotated[ValueType, BeforeValidator(value_type)]
    at: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None


Extracts = Annotated[
    dict[OptionalIdentifier, Annotated[Extract, BeforeValidator(_long_form)]], Field(min_length=1, max_length=100)
]


class RequestForm(Closed):
    connector: Kebab


class GetForm(RequestForm):
    """``GET`` a JSON resource."""

    get: Template
    query: Query = {}


class ScimQueryForm(RequestForm):
    """All SCIM resources that match, as a list."""

    scim: Resource
    filter: Template | None = None
    attributes: Attributes = []


class ScimReadForm(RequestForm):
    """One SCIM resource by id."""

    scim: Resource
    id: Template
    attributes: Attributes = []


class MembersOfForm(RequestForm):
    """The members of a SCIM group, as a list."""

    members_of: Template


class HoldersOfForm(RequestForm):
    """The SCIM users that hold a role, as a list."""

    holders_of: Template


class GetExtracted(GetForm):
    extract: Annotated[Extracts, Formerly("take")]


class ScimQueryExtracted(ScimQueryForm):
    extract: Annotated[Extracts, Formerly("take")]


class ScimReadExtracted(ScimReadForm):
    extract: Annotated[Extracts, Formerly("take")]


class MembersOfExtracted(MembersOfForm):
    extract: Annotated[Extracts, Formerly("take")]


class HoldersOfExtracted(HoldersOfForm):
    extract: Annotated[Extracts, Formerly("take")]


class StartForm(RequestForm):
    """Start a job."""

    start: Line
    with_: Annotated[dict[str, JsonValue], Field(alias="with", max_length=100)] = {}


class SendForm(RequestForm):
    """Exactly one of post, put, patch, delete, with a JSON body where given."""

    post: Template | None = None
    put: Template | None = None
    patch: Template | None = None
    delete: Template | None = None
    query: Query = {}
    json_: Annotated[JsonValue, Field(alias="json")] = None

    @property
    def methods(self) -> list[Method]:
        return [method for method in METHODS if getattr(self, method) is not None]

    @property
    def has_body(self) -> bool:
        return "json_" in self.model_fields_set


class AttributeChange(Closed):
    op: Literal["add", "remove", "replace"]
    path: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    value: JsonValue = None


class ScimChangeForm(RequestForm):
    """Change one SCIM resource (RFC 7644 §3.5.2)."""

    scim: Resource
    id: Template
    change: Annotated[list[AttributeChange], Field(min_length=1, max_length=100)]


class MembershipSpec(Closed):
    group: Template
    member: Template


class GrantSpec(Closed):
    user: Template
    role: Template


class AddMemberForm(RequestForm):
    add_member: MembershipSpec


class RemoveMemberForm(RequestForm):
    remove_member: MembershipSpec


class AddRoleForm(RequestForm):
    add_role: GrantSpec


class RemoveRoleForm(RequestForm):
    remove_role: GrantSpec


class PollSpec(Closed):
    """Ask again while the row ``pending`` matches. ``get``: the path to ask; without it, the job by ``answer.id``."""

    get: Template | None = None
    query: Query = {}
    every: Interval
    within: Interval


def _form(forms: Mapping[str, tuple[str, ...]]) -> Callable[[Any], str | None]:
    """A discriminator: the first form, all of whose keys are there."""

    def choose(given: Any) -> str | None:
        keys = given if isinstance(given, dict) else ()
        return next((f"<{tag}>" for tag, needed in forms.items() if all(key in keys for key in needed)), None)

    return choose


_READS: dict[str, tuple[str, ...]] = {
    "get": ("get",),
    "read": ("scim", "id"),
    "query": ("scim",),
    "members_of": ("members_of",),
    "holders_of": ("holders_of",),
}
_CALLS: dict[str, tuple[str, ...]] = {
    "start": ("start",),
    "post": ("post",),
    "put": ("put",),
    "patch": ("patch",),
    "delete": ("delete",),
    "get": ("get",),
    "change": ("scim",),
    "add_member": ("add_member",),
    "remove_member": ("remove_member",),
    "add_role": ("add_role",),
    "remove_role": ("remove_role",),
}

ReadForm = Annotated[
    Annotated[GetExtracted, Tag("<get>")]
    | Annotated[ScimReadExtracted, Tag("<read>")]
    | Annotated[ScimQueryExtracted, Tag("<query>")]
    | Annotated[MembersOfExtracted, Tag("<members_of>")]
    | Annotated[HoldersOfExtracted, Tag("<holders_of>")],
    Discriminator(
        _form(_READS),
        custom_error_type="form",
        custom_error_message="expected a connector and one of: get, scim, members_of, holders_of",
    ),
]
CallForm = Annotated[
    Annotated[StartForm, Tag("<start>")]
    | Annotated[SendForm, Tag("<post>")]
    | Annotated[SendForm, Tag("<put>")]
    | Annotated[SendForm, Tag("<patch>")]
    | Annotated[SendForm, Tag("<delete>")]
    | Annotated[GetForm, Tag("<get>")]
    | Annotated[ScimChangeForm, Tag("<change>")]
    | Annotated[AddMemberForm, Tag("<add_member>")]
    | Annotated[RemoveMemberForm, Tag("<remove_member>")]
    | Annotated[AddRoleForm, Tag("<add_role>")]
    | Annotated[RemoveRoleForm, Tag("<remove_role>")],
    Discriminator(
        _form(_CALLS),
        custom_error_type="form",
        custom_error_message="expected a connector and one of: start, post, put, patch, delete, get, scim, add_member, "
        "remove_member, add_role, remove_role",
    ),
]
AnyRead = GetForm | ScimQueryForm | ScimReadForm | MembersOfForm | HoldersOfForm
AnyCall = (
    StartForm | SendForm | GetForm | ScimChangeForm | AddMemberForm | RemoveMemberForm | AddRoleForm | RemoveRoleForm
)
