"""The queue library's tables, functions and types go, where an earlier version had them.

What was queued is in the rows that its tasks named: they are due, and workers claim them. Nothing is dropped in a
database that the library's own migrations were not applied to by Handrail."""

from __future__ import annotations

from django.db import migrations

DROP = r"""
DO $$
DECLARE
    one record;
BEGIN
    IF NOT EXISTS (SELECT FROM django_migrations WHERE app = 'procrastinate') THEN
        RETURN;
    END IF;
    FOR one IN SELECT c.oid::regclass AS name FROM pg_class c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname LIKE 'procrastinate\_%'
    LOOP
        EXECUTE format('DROP TABLE IF EXISTS %s CASCADE', one.name);
    END LOOP;
    FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p
               WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'procrastinate\_%'
    LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', one.name);
    END LOOP;
    FOR one IN SELECT t.oid::regtype AS name FROM pg_type t
               WHERE t.typnamespace = 'public'::regnamespace AND t.typname LIKE 'procrastinate\_%'
               AND t.typtype IN ('e', 'c')
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', one.name);
    END LOOP;
    DELETE FROM access_user_user_permissions u USING auth_permission p, django_content_type t
    WHERE p.id = u.permission_id AND t.id = p.content_type_id AND t.app_label = 'procrastinate';
    DELETE FROM auth_group_permissions g USING auth_permission p, django_content_type t
    WHERE p.id = g.permission_id AND t.id = p.content_type_id AND t.app_label = 'procrastinate';
    DELETE FROM auth_permission p USING django_content_type t
    WHERE t.id = p.content_type_id AND t.app_label = 'procrastinate';
    DELETE FROM django_content_type WHERE app_label = 'procrastinate';
    DELETE FROM django_migrations WHERE app = 'procrastinate';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("work", "0001_initial"),
        ("runbooks", "0012_claimed_by_turns"),
        ("packets", "0006_claimed_by_turns"),
    ]

    operations = [migrations.RunSQL(DROP, migrations.RunSQL.noop)]
