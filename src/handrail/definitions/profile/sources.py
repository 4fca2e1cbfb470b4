"""The sources of a packet profile: the read forms of runbooks and two more, each saying what proves its freshness."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from handrail.definitions.requests import forms
from handrail.definitions.source.scalars import Closed, Duration, Formerly, Identifier, Kebab, Template

WholeVersion = Literal["etag", "digest", "taken"]


class VersionAt(Closed):
    """A version that the record itself carries, by JSON pointer or JMESPath."""

    at: Annotated[str, StringConstraints(min_length=1, max_length=500)]


def _version(given: Any) -> Any:
    if isinstance(given, str) and given not in ("etag", "digest", "taken"):
        raise PydanticCustomError(
            "version", "expected etag, digest, taken, or a place in the answer such as {{at: /revision}}"
        )
    return given


class SourceTerms(Closed):
    """What every source says beside what it asks.

    ``version``: the token that proves that the record is the same. ``fresh_for``: how old a reading, or the record's
    own time ``as_of``, may be. ``class``: which audiences may see its values. ``entitles``: it decides what may be done
    at all.
    ``internal``: values that never leave, and are looked for in everything that does.
    """

    version: Annotated[WholeVersion | VersionAt, BeforeValidator(_version)]
    fresh_for: Duration
    class_: Annotated[Kebab, Field(alias="class")]
    record: Identifier | None = None
    as_of: Identifier | None = None
    tlp: Identifier | None = None
    entitles: bool = False
    internal: Annotated[list[Identifier], Field(max_length=50), Formerly("inside")] = []


class EntitySpec(Closed):
    """One SAML entity: by name, or the only one in the document at ``path``. ``every``: all that are in it."""

    entity: Template | None = None
    path: Template | None = None
    every: bool = False


class SamlForm(forms.RequestForm):
    """SAML metadata, parsed with entities and DTDs refused."""

    saml: EntitySpec


class GetSource(forms.GetExtracted, SourceTerms):
    pass


class ScimQuerySource(forms.ScimQueryExtracted, SourceTerms):
    pass


class ScimReadSource(forms.ScimReadExtracted, SourceTerms):
    pass


class MembersOfSource(forms.MembersOfExtracted, SourceTerms):
    pass


class HoldersOfSource(forms.HoldersOfExtracted, SourceTerms):
    pass


class SamlSource(SamlForm, SourceTerms):
    extract: Annotated[forms.Extracts, Formerly("take")]


_FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("<get>", ("get",)),
    ("<read>", ("scim", "id")),
    ("<query>", ("scim",)),
    ("<members_of>", ("members_of",)),
    ("<holders_of>", ("holders_of",)),
    ("<saml>", ("saml",)),
)


def _form(given: Any) -> str | None:
    keys = given if isinstance(given, dict) else ()
    return next((tag for tag, needed in _FORMS if all(key in keys for key in needed)), None)


SourceSpec = Annotated[
    Annotated[GetSource, Tag("<get>")]
    | Annotated[ScimReadSource, Tag("<read>")]
    | Annotated[ScimQuerySource, Tag("<query>")]
    | Annotated[MembersOfSource, Tag("<members_of>")]
    | Annotated[HoldersOfSource, Tag("<holders_of>")]
    | Annotated[SamlSource, Tag("<saml>")],
    Discriminator(
        _form,
        custom_error_type="form",
        custom_error_message="expected a connector and one of: get, scim, members_of, holders_of, saml",
    ),
]
AnySource = GetSource | ScimQuerySource | ScimReadSource | MembersOfSource | HoldersOfSource | SamlSource
