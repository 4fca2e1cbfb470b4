"""Each way to give the serving role more than the one table says, made for real, is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import Error, connection, transaction

from handrail.access import protection, strays
from handrail.access.rights import scoped_tables
from handrail.audit import queries
from handrail.audit.queries import row_policies
from handrail.conf.roles import OWNER, SERVING

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("R2-23")]

FAULTS = {
    "ALTER TABLE audit_auditevent DISABLE ROW LEVEL SECURITY": "Row security on audit_auditevent is off.",
    "ALTER TABLE runbooks_operationrun NO FORCE ROW LEVEL SECURITY": (
        "Row security on runbooks_operationrun is not forced."
    ),
    "CREATE POLICY wide ON access_membership USING (true)": (
        "The row policy wide on access_membership is not one of Handrail's."
    ),
    "DROP POLICY handrail_scope ON packets_packet": "The row policy handrail_scope on packets_packet is missing.",
    f"GRANT DELETE ON audit_auditevent TO {SERVING}": f"{SERVING} has DELETE on audit_auditevent.",
    f"GRANT TRUNCATE ON audit_auditleaf TO {SERVING}": f"{SERVING} has TRUNCATE on audit_auditleaf.",
    f"GRANT TRIGGER ON packets_vote TO {SERVING}": f"{SERVING} has TRIGGER on packets_vote.",
    "GRANT UPDATE ON runbooks_report TO PUBLIC": f"{SERVING} has UPDATE on runbooks_report.",
    f"GRANT UPDATE (text) ON definitions_definition TO {SERVING}": (
        f"{SERVING} may change text of definitions_definition."
    ),
    f"GRANT INSERT ON django_migrations TO {SERVING}": f"{SERVING} has INSERT on django_migrations.",
    f"GRANT pg_write_all_data TO {SERVING}": f"{SERVING} has UPDATE on audit_auditevent.",
    f"CREATE SCHEMA {SERVING} CREATE VIEW access_membership AS SELECT 1 AS id": (
        f"The schema {SERVING} has a access_membership too, which hides that of public."
    ),
    f"ALTER ROLE {SERVING} SET search_path = pg_temp, public": (
        f"The setting search_path is kept for {SERVING} or its database."
    ),
    f"ALTER ROLE {SERVING} SET handrail.duty = 'audit'": (
        f"The setting handrail.duty is kept for {SERVING} or its database."
    ),
    "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM access_user'": (
        "The function peek runs with its owner's rights."
    ),
}


FAULTS |= {
    "ALTER POLICY handrail_scope ON access_membership USING (true)": (
        "The row policy handrail_scope on access_membership has another condition."
    ),
    f"ALTER POLICY handrail_owner ON packets_vote TO {SERVING}": (
        "The row policy handrail_owner on packets_vote is for other roles than it was made for."
    ),
    "ALTER POLICY handrail_owner ON support_supportrequest TO PUBLIC": (
        "The row policy handrail_owner on support_supportrequest is for other roles than it was made for."
    ),
    f"ALTER POLICY handrail_scope ON access_tenant TO {SERVING}": (
        "The row policy handrail_scope on access_tenant is for other roles than it was made for."
    ),
    "INSERT INTO access_workspace (id, slug, name, created_at) VALUES (99999, 'w', 'w', now())": (
        "The sequence of access_workspace is behind its ids."
    ),
    "ALTER SEQUENCE audit_auditevent_id_seq INCREMENT BY -1": (
        "The sequence of audit_auditevent doesn't count up by one."
    ),
    "ALTER SEQUENCE audit_auditevent_id_seq CYCLE": "The sequence of audit_auditevent doesn't count up by one.",
    "CREATE RULE quiet AS ON UPDATE TO access_accesstoken DO INSTEAD NOTHING": (
        "The trigger or rule quiet on access_accesstoken is not one of Handrail's."
    ),
    "CREATE TRIGGER handrail_quiet BEFORE UPDATE ON access_user FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()": (
        "The trigger or rule handrail_quiet on access_user is not one of Handrail's."
    ),
    "CREATE SUBSCRIPTION quiet CONNECTION 'dbname=x' PUBLICATION x WITH (connect = false, slot_name = NONE)": (
        "The subscription quiet writes rows of another server into this database."
    ),
    "CREATE FUNCTION quiet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
    " CREATE EVENT TRIGGER quiet ON ddl_command_end EXECUTE FUNCTION quiet()": (
        "The event trigger quiet acts whenever tables are changed."
    ),
    f"ALTER ROLE {SERVING} SET synchronous_commit = off": (
        f"The setting synchronous_commit is kept for {SERVING} or its database."
    ),
    f"ALTER ROLE {SERVING} SET local_preload_libraries = 'x'": (
        f"The setting local_preload_libraries is kept for {SERVING} or its database."
    ),
}


WIDER = "The view {} is not the one of this version: it can show more than it should."
DIRECTORY, SLUGS = "handrail_membership_directory", "handrail_workspace_directory"
REPLACE = "CREATE OR REPLACE VIEW"
FAULTS |= {
    f"{REPLACE} {DIRECTORY} AS SELECT id, workspace_id, user_id, is_active, roles FROM access_membership": (
        WIDER.format(DIRECTORY)
    ),
    f"{REPLACE} {DIRECTORY} AS SELECT id, workspace_id, user_id, true AS is_active FROM access_membership": (
        WIDER.format(DIRECTORY)
    ),
    f"CREATE SCHEMA x; CREATE TABLE x.access_workspace AS SELECT * FROM access_workspace; {REPLACE} {SLUGS}"
    " AS SELECT id, slug FROM x.access_workspace": WIDER.format(SLUGS),
    f"ALTER VIEW {SLUGS} SET (security_invoker = true)": WIDER.format(SLUGS),
    f"CREATE RULE quiet AS ON INSERT TO {SLUGS} DO INSTEAD NOTHING": WIDER.format(SLUGS),
    f"DROP VIEW {SLUGS}": f"The view {SLUGS} is missing.",
    f"ALTER VIEW {SLUGS} OWNER TO {SERVING}": f"The view {SLUGS} belongs to {SERVING}.",
    "CREATE OR REPLACE VIEW handrail_run_lease AS SELECT id, workspace_id, state, due_at, subject FROM"
    " runbooks_operationrun": WIDER.format("handrail_run_lease"),
}


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_file_of_policies_is_that_of_a_migrated_database() -> None:
    path = Path(strays.__file__).with_name(strays.FILE)
    made = json.dumps(row_policies(scoped_tables()), indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GUARDS"):
        path.write_text(made, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == made, "run: make guards"


def test_file_of_views_is_that_of_a_migrated_database() -> None:
    path = Path(strays.__file__).with_name(strays.VIEWS_FILE)
    made = json.dumps(strays.view_definitions(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("WRITE_GUARDS"):
        path.write_text(made, encoding="utf-8")
        strays._made.cache_clear()
    assert path.read_text(encoding="utf-8") == made, "run: make guards"
    assert "" not in strays.view_definitions().values()


def test_migrated_database_has_none() -> None:
    assert strays.found(SERVING) == []


@pytest.mark.parametrize("statement", FAULTS)
def test_fault_is_named(statement: str) -> None:
    run(statement)
    assert FAULTS[statement] in strays.found(SERVING)


def test_search_path_that_hides_nothing_is_none() -> None:
    run(f"ALTER ROLE {SERVING} SET search_path = public")
    assert strays.found(SERVING) == []


def test_applying_again_takes_away_what_was_granted(settings: object) -> None:
    """Its text is applied already, and the database has something else by now."""
    settings.HANDRAIL_SERVING_ROLE = SERVING  # type: ignore[attr-defined]
    protection.apply()
    run(f"GRANT DELETE ON audit_auditevent TO {SERVING}", "ALTER TABLE access_tenant DISABLE ROW LEVEL SECURITY")
    assert protection.apply() is True
    assert strays.found(SERVING) == []
    assert protection.apply() is False


def test_serving_role_makes_no_temporary_table(settings: object) -> None:
    """It would stand in for a table of ours for as long as a kept connection lives."""
    settings.HANDRAIL_SERVING_ROLE = SERVING  # type: ignore[attr-defined]
    run("COMMENT ON VIEW handrail_run_lease IS NULL")  # as before a version that takes the right away
    protection.apply()
    with pytest.raises(Error, match="temporary"), transaction.atomic():
        run(f"SET LOCAL ROLE {SERVING}", "CREATE TEMPORARY TABLE access_membership (id bigint)")


def test_event_trigger_that_is_disabled_is_none() -> None:
    run(
        "CREATE FUNCTION quiet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
        "CREATE EVENT TRIGGER quiet ON ddl_command_end EXECUTE FUNCTION quiet()",
        "ALTER EVENT TRIGGER quiet DISABLE",
    )
    assert strays.found(SERVING) == []


def test_serving_role_itself_can_look() -> None:
    """``handrail check`` serves."""
    run(f"SET LOCAL ROLE {SERVING}")
    assert strays.found(SERVING) == []
    assert queries.inspect()[-1].ok


PEEK = "CREATE FUNCTION peek() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN END'"


def test_functions_and_event_triggers_of_extensions_are_none() -> None:
    """As those of pgaudit."""
    run(PEEK, "CREATE EVENT TRIGGER peek ON ddl_command_end EXECUTE FUNCTION peek()")
    run("ALTER EVENT TRIGGER peek DISABLE", "ALTER EXTENSION plpgsql ADD FUNCTION peek()")
    run("ALTER EVENT TRIGGER peek ENABLE")
    assert strays.found(SERVING) == []


def test_function_that_was_added_to_an_extension_is_named() -> None:
    run(PEEK, "ALTER EXTENSION plpgsql ADD FUNCTION peek()", f"ALTER FUNCTION peek() OWNER TO {OWNER}")
    assert strays.found(SERVING) == ["The function peek runs with its owner's rights."]


def test_views_are_made_again(settings: object) -> None:
    settings.HANDRAIL_SERVING_ROLE = SERVING  # type: ignore[attr-defined]
    protection.apply()
    run(f"{REPLACE} {DIRECTORY} AS SELECT id, workspace_id, user_id, is_active, roles FROM access_membership")
    assert protection.apply() is True
    assert strays.found(SERVING) == []
