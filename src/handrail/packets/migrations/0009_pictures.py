"""What people have redacted in pictures, and what others have attested."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only

_ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


def _to(model: str, **more: str) -> models.ForeignKey:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=model, **more)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0008_visits"),
        ("packets", "0008_masks"),
    ]

    operations = [
        migrations.CreateModel(
            name="PictureRedaction",
            fields=[
                _ID,
                ("at", models.DateTimeField()),
                ("artifact", models.CharField(max_length=300)),
                ("original_digest", models.CharField(max_length=71)),
                ("boxes", models.JSONField()),
                ("pages", models.PositiveSmallIntegerField()),
                ("result_digest", models.CharField(max_length=71)),
                ("size", models.BigIntegerField()),
                ("role", models.CharField(max_length=64)),
                ("by", models.CharField(max_length=254)),
                ("user_id", models.BigIntegerField()),
                ("packet", _to("packets.packet", related_name="redactions")),
                ("revision", _to("packets.revision", related_name="redactions")),
                ("tenant", _to("access.tenant")),
                ("workspace", _to("access.workspace")),
            ],
            options={
                "indexes": [models.Index(fields=["packet", "original_digest"], name="redaction_of_original")],
            },
        ),
        migrations.CreateModel(
            name="PictureAttestation",
            fields=[
                _ID,
                ("at", models.DateTimeField()),
                ("result_digest", models.CharField(max_length=71)),
                ("role", models.CharField(max_length=64)),
                ("by", models.CharField(max_length=254)),
                ("user_id", models.BigIntegerField()),
                ("redacted_by_user", models.BigIntegerField()),
                ("packet", _to("packets.packet", related_name="attestations")),
                (
                    "redaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attestation",
                        to="packets.pictureredaction",
                    ),
                ),
                ("revision", _to("packets.revision", related_name="attestations")),
                ("tenant", _to("access.tenant")),
                ("workspace", _to("access.workspace")),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("user_id", models.F("redacted_by_user")), _negated=True),
                        name="attestation_by_another_person",
                    )
                ],
            },
        ),
        append_only("packets_pictureredaction"),
        append_only("packets_pictureattestation"),
    ]
