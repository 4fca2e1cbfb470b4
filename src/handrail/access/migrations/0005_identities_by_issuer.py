"""Identities that allauth kept by ``sub`` alone get the configured issuer, each with an audit event.

Of several that joined one account the first stays: each later one came with an address that was the account's, which
may have been given to somebody else. An administrator may replace it: ``handrail sign-on remove``.
"""

from django.conf import settings
from django.db import migrations
from django.utils import timezone

OLD = "socialaccount_socialaccount"
TABLES = (
    "socialaccount_socialtoken",
    OLD,
    "socialaccount_socialapp_sites",
    "socialaccount_socialapp",
)


def move(apps, schema_editor):
    connection = schema_editor.connection
    if OLD not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT uid, user_id, date_joined FROM {OLD} ORDER BY date_joined, id")  # noqa: S608
        rows = cursor.fetchall()
    issuer = (getattr(settings, "HANDRAIL_SIGN_ON_ISSUER", None) or "unknown").rstrip("/")
    Identity, User = apps.get_model("access", "Identity"), apps.get_model("access", "User")
    emails = dict(User.objects.values_list("pk", "email"))
    joined = set()
    subjects = set()
    for uid, user, at in rows:
        kept = user not in joined and uid not in subjects and len(uid) <= 255
        if kept:
            Identity.objects.create(issuer=issuer, subject=uid, user_id=user, joined_at=at)
            joined.add(user)
            subjects.add(uid)
        _record(apps, kept=kept, email=emails[user], issuer=issuer, uid=uid)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {table}")
        cursor.execute("DELETE FROM django_migrations WHERE app = 'socialaccount'")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _record(apps, *, kept, email, issuer, uid):
    context = {"issuer": issuer[:200], "identity": uid[:200], "via": "migration"}
    apps.get_model("audit", "AuditEvent").objects.create(
        at=timezone.now(),
        actor_kind="command",
        actor="handrail-cli",
        event="identity.moved" if kept else "identity.removed",
        outcome="done",
        subject_kind="member",
        subject=email,
        context=context if kept else {**context, "cause": "account-joined"},
    )


class Migration(migrations.Migration):
    dependencies = [("access", "0004_identity"), ("audit", "0004_room_for_addresses")]

    operations = [migrations.RunPython(move, migrations.RunPython.noop, elidable=True)]
