"""Passkeys of people, who has confirmed and who has ended them; and whether a workspace needs a second factor."""

from __future__ import annotations

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from handrail.audit.appendonly import append_only


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0008_visits"),
    ]

    operations = [
        migrations.AddField(
            model_name="workspace",
            name="second_factor_since",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=24, unique=True)),
                ("name", models.CharField(max_length=80)),
                ("credential_id", models.CharField(max_length=1400, unique=True)),
                ("public_key", models.TextField()),
                ("alg", models.IntegerField()),
                ("aaguid", models.CharField(max_length=36)),
                ("attestation", models.CharField(max_length=32)),
                ("user_verified", models.BooleanField()),
                ("relying_party", models.CharField(max_length=253)),
                ("origin", models.CharField(max_length=300)),
                ("enrolled_with", models.CharField(max_length=16)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=254)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name="PasskeyConfirmation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.BigIntegerField(null=True)),
                ("by", models.CharField(max_length=254)),
                ("at", models.DateTimeField()),
                (
                    "passkey",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="confirmations", to="access.passkey"
                    ),
                ),
                ("workspace", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="access.workspace")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("passkey", "workspace"), name="passkey_confirmed_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="PasskeyRemoval",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=16)),
                ("within", models.CharField(default="", max_length=64)),
                ("user_id", models.BigIntegerField(null=True)),
                ("by", models.CharField(max_length=254)),
                ("reason", models.CharField(max_length=500)),
                ("at", models.DateTimeField()),
                (
                    "passkey",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="removals", to="access.passkey"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("passkey", "kind"), name="passkey_ended_once")],
            },
        ),
        append_only("access_passkey"),
        append_only("access_passkeyconfirmation"),
        append_only("access_passkeyremoval"),
    ]
