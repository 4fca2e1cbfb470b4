"""A packet that was discarded is replaced by another one of the same case: packets themselves are only ever added."""

from __future__ import annotations

from django.db import migrations, models
from django.db.models import Q

CAUSES = [
    "first",
    "new-evidence",
    "drift",
    "definition-changed",
    "hold-cleared",
    "text-masked",
    "rejected",
    "withdrawn",
    "expired",
    "discarded",
]
ONE_A_CASE = "packet_once_a_case_and_lane"


class Migration(migrations.Migration):
    dependencies = [("packets", "0009_pictures")]

    operations = [
        migrations.AddField(
            "packet",
            "replaces",
            models.OneToOneField("packets.packet", on_delete=models.PROTECT, null=True, related_name="replaced_by"),
        ),
        migrations.RemoveConstraint("packet", ONE_A_CASE),
        migrations.AddConstraint(
            "packet",
            models.UniqueConstraint(
                fields=["workspace", "profile", "inputs_digest", "lane"], condition=Q(replaces=None), name=ONE_A_CASE
            ),
        ),
        migrations.AlterField(
            "revision", "cause", models.CharField(choices=[(cause, cause) for cause in CAUSES], max_length=32)
        ),
    ]
