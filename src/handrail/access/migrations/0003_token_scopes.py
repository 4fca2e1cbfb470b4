"""Tokens get a scope and a last use. Those that exist keep what their membership may and their expiry; those of
members who were removed are revoked for good, as a removal does from now on."""

from typing import Any

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone

BY = "handrail-migrate"


def carry_over(apps: Any, schema_editor: Any) -> None:
    tokens = apps.get_model("access", "AccessToken").objects
    events = apps.get_model("audit", "AuditEvent").objects
    tokens.update(scopes=["everything"])
    gone = tokens.filter(Q(membership__is_active=False) | Q(membership__user__is_active=False), revoked_at=None)
    at = timezone.now()
    for token in gone.select_related("membership").order_by("pk"):
        tokens.filter(pk=token.pk).update(revoked_at=at, revoked_by=BY)
        events.create(
            at=at,
            actor_kind="command",
            actor=BY,
            event="token.revoked",
            outcome="done",
            workspace_id=token.membership.workspace_id,
            subject_kind="token",
            subject=token.ref,
            context={"why": "member removed"},
        )


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_access_token"),
        ("audit", "0004_room_for_addresses"),
    ]

    operations = [
        migrations.AddField(
            model_name="accesstoken",
            name="scopes",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=40), default=list, size=None
            ),
        ),
        migrations.AddField(model_name="accesstoken", name="last_used_at", field=models.DateTimeField(null=True)),
        migrations.AddField(
            model_name="accesstoken", name="last_used_from", field=models.CharField(default="", max_length=64)
        ),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
