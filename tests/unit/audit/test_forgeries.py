"""Changes to the log made for real in PostgreSQL, as its owner or a superuser makes them: each is named at the first
bad row, and the sealer signs nothing after it. The serving role, which has only its grants, is refused.

``FORGERIES`` says for each what ``verify`` names first: a kind, and a source or place where there is one to name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction

from handrail.access.rights import leaves
from handrail.audit import guards, mark, queries, signing, store
from handrail.audit.actions import seal_all
from handrail.audit.checkpoint import LogCheckpoint, sign
from handrail.audit.differences import Difference
from handrail.audit.mark import MarkStore
from handrail.audit.models import AuditCheckpoint
from handrail.audit.signing import Signing
from handrail.audit.verification import Verification, verify
from handrail.audit.watch import MarkStatus, SealRefused
from handrail.kernel.clock import now
from tests.factories.log import event, keep_mark, old_event, run
from tests.factories.sealed import (
    CHECKPOINTS,
    EVENTS,
    FIRST,
    LEAVES,
    NODES,
    SEALER,
    SealedWorld,
    as_owner,
    cut,
    decided,
    sealed,
)
from tests.lanes import portion

pytestmark = pytest.mark.django_db
VIEW = f"handrail_leaf_{EVENTS}"
DEFINITIONS, REQUESTS, PACKETS = "definitions_definition", "support_supportrequest", "runbooks_exceptionpacket"
BRAKES = "runbooks_brake"
VOTES, REVISION_KEY = "packets_vote", "packets_vote_revision_id_5f4be82c_fk_packets_revision_id"
Forgery = Callable[[SealedWorld], object]
Named = tuple[str, str | int | None]


def elsewhere(then: Callable[[], object]) -> None:
    """What a sealer that keeps no mark would sign: the forger makes the log consistent again with its help."""
    with mark.use(MarkStore(mark.get().directory / "elsewhere")):
        then()


def forget_log() -> None:
    as_owner(f"DELETE FROM {LEAVES}", f"DELETE FROM {NODES}", f"DELETE FROM {CHECKPOINTS}")


def forget_seals() -> None:
    """With the events that would tell a sealer that there was a log, and others so that it is as long."""
    forget_log()
    as_owner(f"DELETE FROM {EVENTS} WHERE event = 'audit.sealed'")
    for _ in range(9):
        event()


def cut_middle_and_seal_again(w: SealedWorld) -> None:
    as_owner(f"DELETE FROM {EVENTS} WHERE id = {w.ids[2]}")
    forget_seals()
    elsewhere(lambda: seal_all(by=SEALER))


def change_and_seal_again(w: SealedWorld) -> None:
    as_owner(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = {w.ids[2]}")
    forget_seals()
    elsewhere(lambda: seal_all(by=SEALER))


def sign_with_another_key(w: SealedWorld) -> None:
    size = store.size()
    text = sign(LogCheckpoint("example.com/log", size, store.frontier(size).root()), Ed25519PrivateKey.generate())
    as_owner(f"UPDATE {CHECKPOINTS} SET text = '{text}' WHERE size = {size}", tables=(CHECKPOINTS,))


def grow_under_another_key(w: SealedWorld) -> None:
    event()
    text = sign(LogCheckpoint("example.com/log", store.size() + 1, bytes(32)), Ed25519PrivateKey.generate())
    AuditCheckpoint.objects.create(size=store.size() + 1, root=bytes(32), text=text, at=now(), complete=True)


def swap(w: SealedWorld) -> None:
    first, second = w.ids[1], w.ids[2]
    as_owner(
        f"UPDATE {EVENTS} SET id = -1 WHERE id = {first}",
        f"UPDATE {EVENTS} SET id = {first} WHERE id = {second}",
        f"UPDATE {EVENTS} SET id = {second} WHERE id = -1",
    )


def restore_older(w: SealedWorld) -> None:
    """The database of before the decisions, whole and consistent."""
    cut(FIRST)
    as_owner(
        f"UPDATE {DEFINITIONS} SET state = 'proposed', decided_at = NULL, decided_by = NULL WHERE version = 2",
        tables=(DEFINITIONS,),
    )


def foreign_mark(w: SealedWorld) -> None:
    text = sign(LogCheckpoint("example.com/log", 4, bytes(32)), Ed25519PrivateKey.generate())
    mark.get().path.write_text(text, encoding="utf-8", newline="")


def view_in_place(w: SealedWorld) -> None:
    run(f"ALTER TABLE {EVENTS} RENAME TO kept_away")
    run(f"CREATE VIEW {EVENTS} AS SELECT * FROM kept_away WHERE actor <> 'worker-1'")
    run(f"GRANT SELECT ON {EVENTS} TO PUBLIC")


def shadow(w: SealedWorld) -> None:
    run(f"CREATE TEMP TABLE {EVENTS} (LIKE public.{EVENTS} INCLUDING ALL)")
    run(f"INSERT INTO pg_temp.{EVENTS} SELECT * FROM public.{EVENTS} WHERE id <> {w.ids[2]}")
    run(f"GRANT SELECT ON pg_temp.{EVENTS} TO PUBLIC")


def foreign_owner(w: SealedWorld) -> None:
    run("CREATE ROLE forger_of_tests")
    run("GRANT ALL ON SCHEMA public TO forger_of_tests")
    run(f"ALTER TABLE {LEAVES} OWNER TO forger_of_tests")


def shown(select: str = "to_jsonb(r)", where: str = "") -> None:
    """Another view of leaves in the place of ours."""
    body = leaves()[VIEW].replace("to_jsonb(r)", select)
    run(f"CREATE OR REPLACE VIEW {VIEW} AS {body} {where}")


def row_left_out(w: SealedWorld) -> None:
    shown(where=f"AND r.id <> {w.ids[2]}")


def row_as_it_was(w: SealedWorld) -> None:
    shown(f'CASE r.id WHEN {w.ids[2]} THEN to_jsonb(r) || \'{{"actor": "worker-1"}}\' ELSE to_jsonb(r) END')
    as_owner(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = {w.ids[2]}")


def function_of_its_own(w: SealedWorld) -> None:
    body = "SELECT pg_catalog.to_jsonb($1) || CASE WHEN false THEN '{}' ELSE '{}' END::jsonb"
    run(f"CREATE FUNCTION public.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$ {body} $$")
    shown("public.to_jsonb(r)")


def foreign_view(w: SealedWorld) -> None:
    run("CREATE ROLE forger_of_tests")
    run("GRANT ALL ON SCHEMA public TO forger_of_tests")
    run(f"GRANT SELECT ON {EVENTS} TO forger_of_tests")
    run(f"ALTER VIEW {VIEW} OWNER TO forger_of_tests")


def no_op(w: SealedWorld) -> None:
    run(
        "CREATE OR REPLACE FUNCTION handrail_refuse_change() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RETURN NULL; END $$"
    )


def trigger_of_its_own(w: SealedWorld) -> None:
    run(
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.event = 'access.denied' THEN RETURN NULL; END IF; RETURN NEW; END $$"
    )
    run(f"CREATE TRIGGER quiet BEFORE INSERT ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION quiet()")


def replica(w: SealedWorld) -> None:
    run("ALTER ROLE CURRENT_USER SET session_replication_role = replica")


def replica_of_database(w: SealedWorld) -> None:
    run(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET session_replication_role = replica', current_database());"
        " END $$"
    )


def foreign_keys_for_replication() -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run(f"UPDATE pg_trigger SET tgenabled = 'R' WHERE tgisinternal AND tgrelid = '{VOTES}'::regclass")


def enabled(table: str) -> list[str]:
    """Our own triggers as they were."""
    return [f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for name in guards.expected()[table]["triggers"]]


def sql(*statements: str, tables: tuple[str, ...] = (EVENTS, LEAVES, NODES, CHECKPOINTS)) -> Forgery:
    """Statements with {0}…{5} for the sealed events, {d}, {r} and {p} for definition, request and exception packet."""

    def forge(w: SealedWorld) -> None:
        names = {"d": w.definition.pk, "r": w.request.pk, "p": w.packet.pk}
        as_owner(*(statement.format(*w.ids, **names) for statement in statements), tables=tables)

    return forge


def plain(*statements: str) -> Forgery:
    return lambda _: [run(statement) for statement in statements]


FORGERIES: dict[str, tuple[Forgery, Named]] = {
    "the tail is cut": (lambda _: cut(FIRST), ("cut-off", FIRST)),
    "the middle is cut": (sql(f"DELETE FROM {EVENTS} WHERE id = {{2}}"), ("missing", "audit.event 2")),
    "the middle is cut and all sealed again": (cut_middle_and_seal_again, ("root", None)),
    "a row is changed and all sealed again": (change_and_seal_again, ("root", None)),
    "all events are truncated": (sql(f"TRUNCATE {EVENTS}"), ("missing", "audit.event")),
    "everything is truncated": (sql(f"TRUNCATE {EVENTS}, {LEAVES}, {NODES}, {CHECKPOINTS}"), ("cut-off", 0)),
    "leaves and checkpoints are deleted": (lambda _: forget_log(), ("cut-off", 0)),
    "the leaves of the tail are deleted": (
        lambda _: as_owner(f"DELETE FROM {LEAVES} WHERE index >= 8", tables=(LEAVES,)),
        ("leaf", 8),
    ),
    "newest checkpoint is deleted": (
        lambda _: as_owner(
            f"DELETE FROM {CHECKPOINTS} WHERE size = (SELECT max(size) FROM {CHECKPOINTS})", tables=(CHECKPOINTS,)
        ),
        ("leaf", None),
    ),
    "subtrees are deleted": (lambda _: as_owner(f"DELETE FROM {NODES}", tables=(NODES,)), ("subtree", None)),
    "a leaf is replaced": (
        lambda _: as_owner(f"UPDATE {LEAVES} SET leaf_hash = sha256('x') WHERE index = 3", tables=(LEAVES,)),
        ("altered", 3),
    ),
    "an actor is changed": (sql(f"UPDATE {EVENTS} SET actor = 'x' WHERE id = {{2}}"), ("altered", "audit.event 2")),
    "a time is changed": (
        sql(f"UPDATE {EVENTS} SET at = at - interval '1 day' WHERE id = {{3}}"),
        ("altered", "audit.event 3"),
    ),
    "an outcome is changed": (
        sql(f"UPDATE {EVENTS} SET outcome = 'denied' WHERE id = {{1}}"),
        ("altered", "audit.event 1"),
    ),
    "two rows are swapped": (swap, ("altered", "audit.event 1")),
    "a row is put in": (lambda _: old_event(now() - timedelta(days=1)), ("extra", "audit.event")),
    "the checkpoint is signed by another key": (sign_with_another_key, ("checkpoint", None)),
    "a longer log is signed by another key": (grow_under_another_key, ("leaf", None)),
    "a definition's text and digest are changed": (
        sql(f"UPDATE {DEFINITIONS} SET text = 'x', digest = 'sha256:x' WHERE id = {{d}}", tables=(DEFINITIONS,)),
        ("altered", "definitions.definition"),
    ),
    "a definition's approver is changed": (
        sql(f"UPDATE {DEFINITIONS} SET decided_by = 'x' WHERE id = {{d}}", tables=(DEFINITIONS,)),
        ("decision", "definitions.definition"),
    ),
    "a support request is un-finalized": (
        sql(
            f"UPDATE {REQUESTS} SET external_ticket_reference = NULL, external_ticket_url = NULL WHERE id = {{r}}",
            tables=(REQUESTS,),
        ),
        ("decision", "support.request"),
    ),
    "an exception packet's evidence is changed": (
        sql(f"UPDATE {PACKETS} SET evidence = '{{{{}}}}' WHERE id = {{p}}", tables=(PACKETS,)),
        ("altered", "runbooks.exception_packet"),
    ),
    "an exception packet's note is changed": (
        sql(f"UPDATE {PACKETS} SET note = 'x' WHERE id = {{p}}", tables=(PACKETS,)),
        ("decision", "runbooks.exception_packet"),
    ),
    "a brake's reason is changed": (
        sql(f"UPDATE {BRAKES} SET reason = 'x'", tables=(BRAKES,)),
        ("altered", "runbooks.brake"),
    ),
    "a brake's release is somebody else's": (
        sql(f"UPDATE {BRAKES} SET released_by = 'x'", tables=(BRAKES,)),
        ("decision", "runbooks.brake"),
    ),
    "a brake holds again": (
        sql(f"UPDATE {BRAKES} SET released_at = NULL, released_by = NULL, release_reason = ''", tables=(BRAKES,)),
        ("decision", "runbooks.brake"),
    ),
    "a way back of a definition is asked for": (
        sql(
            f"UPDATE {DEFINITIONS} SET return_requested_at = now(), return_requested_by = 'x', return_reason = 'x'"
            " WHERE id = {d}",
            tables=(DEFINITIONS,),
        ),
        ("decision", "definitions.definition"),
    ),
    "a checkpoint of a run is deleted": (
        sql("DELETE FROM runbooks_checkpoint WHERE sequence = 1", tables=("runbooks_checkpoint",)),
        ("missing", "runbooks.checkpoint"),
    ),
    "an older backup is restored": (restore_older, ("cut-off", FIRST)),
    "the mark is of another installation": (foreign_mark, ("mark", None)),
    "a trigger is dropped": (plain(f"DROP TRIGGER handrail_append_only ON {EVENTS}"), ("guard", "audit.event")),
    "a trigger is disabled": (plain(f"ALTER TABLE {EVENTS} DISABLE TRIGGER USER"), ("guard", "audit.event")),
    "all triggers are disabled": (
        plain("SET CONSTRAINTS ALL IMMEDIATE", "ALTER TABLE runbooks_checkpoint DISABLE TRIGGER ALL"),
        ("guard", "runbooks.checkpoint"),
    ),
    "a trigger is enabled as by default": (
        plain(f"ALTER TABLE {EVENTS} DISABLE TRIGGER USER", f"ALTER TABLE {EVENTS} ENABLE TRIGGER USER"),
        ("guard", "audit.event"),
    ),
    "a trigger is for replication only": (
        plain(f"ALTER TABLE {LEAVES} ENABLE REPLICA TRIGGER handrail_append_only"),
        ("guard", None),
    ),
    "a trigger function does nothing": (no_op, ("guard", None)),
    "a trigger drops denials on arrival": (trigger_of_its_own, ("guard", "audit.event")),
    "a rule hides insertions": (
        plain(f"CREATE RULE quiet AS ON INSERT TO {EVENTS} WHERE NEW.event = 'access.denied' DO INSTEAD NOTHING"),
        ("guard", "audit.event"),
    ),
    "a policy hides rows": (
        plain(
            f"ALTER TABLE {EVENTS} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY quiet ON {EVENTS} USING (event <> 'access.denied')",
        ),
        ("guard", "audit.event"),
    ),
    "a view takes the table's place": (view_in_place, ("guard", "audit.event")),
    "a temporary table hides the table": (shadow, ("guard", "audit.event")),
    "the view of leaves leaves a row out": (row_left_out, ("missing", "audit.event 2")),
    "the view of leaves shows a row as it was": (row_as_it_was, ("guard", "audit.event")),
    "the view of leaves asks another function": (function_of_its_own, ("guard", "audit.event")),
    "the view of leaves has its reader's rights": (
        plain(f"ALTER VIEW {VIEW} SET (security_invoker = true)"),
        ("missing", "audit.event"),
    ),
    "the view of leaves belongs to somebody else": (foreign_view, ("missing", "audit.event")),
    "the view of leaves stands behind another": (
        plain(
            f"ALTER VIEW {VIEW} RENAME TO kept_away",
            f"CREATE VIEW {VIEW} AS SELECT * FROM kept_away",
            f"GRANT SELECT ON {VIEW} TO PUBLIC",
        ),
        ("guard", "audit.event"),
    ),
    "a table belongs to somebody else": (foreign_owner, ("guard", None)),
    "a child table adds rows": (plain(f"CREATE TABLE child () INHERITS ({EVENTS})"), ("guard", "audit.event")),
    "a default fills in the actor": (
        plain(f"ALTER TABLE {EVENTS} ALTER COLUMN actor SET DEFAULT 'x'"),
        ("guard", "audit.event"),
    ),
    "one person may decide alone": (
        plain("SET CONSTRAINTS ALL IMMEDIATE", f"ALTER TABLE {DEFINITIONS} DROP CONSTRAINT definition_two_people"),
        ("guard", "definitions.definition"),
    ),
    "a constraint is no longer validated": (
        plain(
            "SET CONSTRAINTS ALL IMMEDIATE",
            f"ALTER TABLE {DEFINITIONS} DROP CONSTRAINT definition_two_people",
            f"ALTER TABLE {DEFINITIONS} ADD CONSTRAINT definition_two_people CHECK (false) NOT VALID",
        ),
        ("guard", "definitions.definition"),
    ),
    "a row may have two leaves": (plain(f"ALTER TABLE {LEAVES} DROP CONSTRAINT audit_leaf_once"), ("guard", None)),
    "the replication role is set": (replica, ("guard", None)),
    "the replication role is set for the database": (replica_of_database, ("guard", None)),
    "a table loses its rows at a crash": (plain(f"ALTER TABLE {LEAVES} SET UNLOGGED"), ("guard", None)),
    "foreign keys are disabled": (
        plain("SET CONSTRAINTS ALL IMMEDIATE", f"ALTER TABLE {VOTES} DISABLE TRIGGER ALL", *enabled(VOTES)),
        ("guard", "packets.vote"),
    ),
    "foreign keys hold for replication only": (
        lambda _: foreign_keys_for_replication(),
        ("guard", "packets.vote"),
    ),
    "a column may be empty": (
        plain(f"ALTER TABLE {EVENTS} ALTER COLUMN actor DROP NOT NULL"),
        ("guard", "audit.event"),
    ),
    "a column takes more": (plain(f"ALTER TABLE {NODES} ALTER COLUMN level TYPE integer"), ("guard", None)),
    "a column is sorted otherwise": (
        plain(f'ALTER TABLE {LEAVES} ALTER COLUMN source TYPE varchar(64) COLLATE "C"'),
        ("guard", None),
    ),
    "ids are no longer given": (
        plain(f"ALTER TABLE {LEAVES} ALTER COLUMN id DROP IDENTITY"),
        ("guard", None),
    ),
    "a foreign key is dropped": (
        plain("SET CONSTRAINTS ALL IMMEDIATE", f"ALTER TABLE {VOTES} DROP CONSTRAINT {REVISION_KEY}"),
        ("guard", "packets.vote"),
    ),
    "two leaves may have one place": (
        plain(f"ALTER TABLE {LEAVES} DROP CONSTRAINT audit_auditleaf_index_key"),
        ("guard", None),
    ),
    "two checkpoints may have one size": (
        plain(f"ALTER TABLE {CHECKPOINTS} DROP CONSTRAINT audit_auditcheckpoint_size_key"),
        ("guard", None),
    ),
    "two rows may have one id": (plain(f"ALTER TABLE {NODES} DROP CONSTRAINT audit_auditnode_pkey"), ("guard", None)),
    "denials are refused": (
        plain(f"ALTER TABLE {EVENTS} ADD CONSTRAINT quiet CHECK (event <> 'access.denied')"),
        ("guard", "audit.event"),
    ),
    "a unique index is not in use": (
        plain("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'audit_leaf_once'::regclass"),
        ("guard", None),
    ),
    "an operator finds nothing equal": (
        plain(
            "CREATE FUNCTION never(varchar, varchar) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
            "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = never)",
        ),
        ("decision", None),
    ),
    "a function takes another's place": (
        plain("CREATE FUNCTION public.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$"),
        ("guard", None),
    ),
    "a cast shows another text": (
        plain(
            "CREATE CAST (jsonb AS integer[]) WITH INOUT AS IMPLICIT",
        ),
        ("guard", None),
    ),
}
# Rows that can't be seen are missing first of all; the guards say why.
HIDDEN = {
    "an operator finds nothing equal",
    "the view of leaves leaves a row out",
    "the view of leaves has its reader's rights",
    "the view of leaves belongs to somebody else",
}


@pytest.fixture(scope="module")
def log(module_db: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SealedWorld]:
    made = Signing("example.com/log", Ed25519PrivateKey.generate())
    with signing.use(made), mark.use(MarkStore(tmp_path_factory.mktemp("log"))):
        yield decided()


@pytest.fixture
def world(log: SealedWorld) -> Iterator[SealedWorld]:
    """The same log for each test, with a mark of its own."""
    with transaction.atomic():
        keep_mark()
        yield log
        transaction.set_rollback(True)


def first(found: Verification, *, guards: bool) -> Difference:
    kinds = [d for d in found.differences if guards or d.kind != "guard"]
    assert kinds, found
    return kinds[0]


def test_every_kind_of_forgery_is_tried(counted: Callable[[str], None]) -> None:
    counted(f"{len(FORGERIES)} forgeries by the owner, {len(REFUSED)} statements by the serving role")
    assert len(FORGERIES) >= 40


@pytest.mark.parametrize("name", portion(FORGERIES, 3))
def test_forgery_is_named_at_the_first_bad_row_and_not_signed(world: SealedWorld, name: str) -> None:
    assert verify().differences == ()
    forge, (kind, what) = FORGERIES[name]
    with transaction.atomic():  # as in a transaction of its own
        forge(world)
    found = verify()
    named = first(found, guards=kind == "guard")
    assert name not in HIDDEN or "guard" in [d.kind for d in found.differences]
    if isinstance(what, int):
        assert (named.kind.value, named.index) == (kind, what)
    elif what is None:
        assert named.kind.value == kind
    else:
        source, _, number = what.partition(" ")
        assert (named.kind.value, named.source) == (kind, source)
        assert not number or named.row_id == world.ids[int(number)]
    refuses(named)


def refuses(named: Difference) -> None:
    before = AuditCheckpoint.objects.count()
    with pytest.raises(SealRefused), transaction.atomic():
        seal_all(by=SEALER)
    assert AuditCheckpoint.objects.count() == before
    findings = [finding.message for finding in queries.inspect() if not finding.ok]
    assert findings, named


def test_mark_and_log_that_were_cut_together_are_named_by_what_another_kept(world: SealedWorld) -> None:
    """Who has both the database and the state directory leaves a log that is consistent here: the next seal only says
    that it had no mark. A checkpoint kept elsewhere, such as one of another machine, shows the rest."""
    kept = AuditCheckpoint.objects.latest("size").text
    mark.get().restart(rows_from=0)
    cut(FIRST)
    assert verify().mark.status is MarkStatus.NONE
    event()
    sealed()
    assert not {"cut-off", "root"} & {d.kind.value for d in verify().differences}
    assert {"cut-off", "root"} & {d.kind.value for d in verify(kept=[kept]).differences}


def test_mark_of_another_machine_names_what_was_signed_here_meanwhile(world: SealedWorld) -> None:
    there = MarkStore(mark.get().directory / "there")
    there.advance(
        AuditCheckpoint.objects.latest("size").text, size=store.size(), root=store.frontier(store.size()).root()
    )
    mark.get().restart(rows_from=0)
    cut(FIRST)
    event()
    sealed()
    with mark.use(there):
        assert {"cut-off", "root"} & {d.kind.value for d in verify().differences}
        refuses(first(verify(), guards=False))


@contextmanager
def serving_role() -> Iterator[None]:
    """A role that has what the product needs of the log, and owns nothing."""
    run("CREATE ROLE serving_of_tests NOLOGIN")
    run("GRANT USAGE ON SCHEMA public TO serving_of_tests")
    run(f"GRANT SELECT, INSERT ON {EVENTS}, {LEAVES}, {NODES}, {CHECKPOINTS} TO serving_of_tests")
    run("SET LOCAL ROLE serving_of_tests")
    yield
    run("RESET ROLE")


REFUSED = [
    f"DELETE FROM {EVENTS}",
    f"UPDATE {EVENTS} SET actor = 'x'",
    f"TRUNCATE {EVENTS}",
    f"DELETE FROM {LEAVES}",
    f"UPDATE {LEAVES} SET leaf_hash = sha256('x')",
    f"DELETE FROM {NODES}",
    f"DELETE FROM {CHECKPOINTS}",
    f"UPDATE {CHECKPOINTS} SET text = 'x'",
    f"ALTER TABLE {EVENTS} DISABLE TRIGGER USER",
    f"ALTER TABLE {EVENTS} DISABLE TRIGGER ALL",
    f"ALTER TABLE {EVENTS} ENABLE REPLICA TRIGGER handrail_append_only",
    f"DROP TRIGGER handrail_append_only ON {EVENTS}",
    "CREATE OR REPLACE FUNCTION handrail_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    f"ALTER TABLE {EVENTS} RENAME TO kept_away",
    f"ALTER TABLE {EVENTS} OWNER TO serving_of_tests",
    f"CREATE RULE quiet AS ON INSERT TO {EVENTS} DO INSTEAD NOTHING",
    f"CREATE POLICY quiet ON {EVENTS} USING (false)",
    f"CREATE TABLE child () INHERITS ({EVENTS})",
    f"ALTER TABLE {EVENTS} ALTER COLUMN actor SET DEFAULT 'x'",
    f"DROP TABLE {EVENTS}",
    "SET session_replication_role = replica",
    "CREATE TABLE public.another (id int)",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_serving_role_is_refused(world: SealedWorld, statement: str) -> None:
    with transaction.atomic(), serving_role():
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            run(statement)
        assert any(word in str(caught.value) for word in ("permission denied", "must be owner", "must be able to"))
    assert verify().whole


def test_superuser_who_changes_rows_under_another_replication_role_is_refused(world: SealedWorld) -> None:
    with transaction.atomic():
        run("SET LOCAL session_replication_role = replica")
        with pytest.raises(DatabaseError, match="append-only: DELETE"), transaction.atomic():
            run(f"DELETE FROM {EVENTS}")
        run("SET LOCAL session_replication_role = origin")
    assert connection.is_usable()
    assert verify().whole
