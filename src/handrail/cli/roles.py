"""What ``handrail check`` says of the database role that serves: it should own nothing, and be under row security."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from handrail.cli import installation
from handrail.connectors.finding import Finding

NAME = "database role"
GUIDE = "See the section Two roles in docs/guides/run-in-production.md."


@dataclass(frozen=True, slots=True)
class ServingRole:
    """``owns``: a table of Handrail, or, through a role that it is a member of, what that role owns."""

    name: str
    is_superuser: bool
    bypasses: bool
    owns: bool
    may_make_roles: bool
    may_create: bool


def findings() -> list[Finding]:
    """The serving role, and whether its rights are those of this version."""
    role = _serving()
    if role.is_superuser or role.bypasses:
        kind = "a superuser" if role.is_superuser else "a role with BYPASSRLS"
        message = f"{role.name} is {kind}: neither grants nor row security bind it."
        return [Finding(NAME, ok=True, message=message, fix=f"Serve as a role without such rights. {GUIDE}")]
    if role.owns:
        message = f"{role.name} serves and owns the tables: it can disable their triggers and row security."
        return [Finding(NAME, ok=True, message=message, fix=f"Let another role own them. {GUIDE}")]
    if not installation.rights_are_applied():
        message = f"The rights of {role.name} are not those of this version."
        return [Finding(NAME, ok=False, message=message, fix="Run: handrail migrate")]
    if strays := installation.rights_strays(role.name):
        more = f" And {len(strays) - 1} more like it." if len(strays) > 1 else ""
        fix = "Find out who changed it and undo it. What migrations grant is restored by: handrail migrate"
        return [Finding(NAME, ok=False, message=f"{strays[0]}{more}", fix=fix)]
    if role.may_make_roles:
        message = f"{role.name} may make roles, and give itself others' rights."
        return [Finding(NAME, ok=False, message=message, fix=f"As a superuser: ALTER ROLE {role.name} NOCREATEROLE")]
    if role.may_create:
        message = f"{role.name} owns no table, but may create some, also temporary ones that hide others."
        fix = "As the database's owner, or a superuser: REVOKE CREATE ON SCHEMA public FROM PUBLIC; "
        fix += "REVOKE CREATE, TEMPORARY ON DATABASE … FROM PUBLIC"
        return [Finding(NAME, ok=True, message=message, fix=fix)]
    return [Finding(NAME, ok=True, message=f"{role.name} serves, and owns nothing.")]


def _serving() -> ServingRole:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.rolname, r.rolsuper, r.rolbypassrls,"
            " EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
            "         AND c.relkind = 'r' AND pg_has_role(r.oid, c.relowner, 'MEMBER')),"
            " r.rolcreaterole,"
            " has_schema_privilege(r.oid, 'public', 'CREATE')"
            "   OR has_database_privilege(r.oid, current_database(), 'CREATE, TEMPORARY')"
            " FROM pg_roles r WHERE r.rolname = current_user"
        )
        return ServingRole(*cursor.fetchone())
