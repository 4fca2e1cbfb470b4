"""What holds found in texts can be masked: who may, with the hold; which texts, with the decision."""

from __future__ import annotations

from django.db import migrations, models

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
]


class Migration(migrations.Migration):
    dependencies = [("packets", "0007_seen")]

    operations = [
        migrations.AddField("clearance", "masks", models.JSONField(null=True)),
        migrations.AddField("holdrow", "masks", models.JSONField(null=True)),
        migrations.AlterField(
            "revision", "cause", models.CharField(choices=[(cause, cause) for cause in CAUSES], max_length=32)
        ),
    ]
