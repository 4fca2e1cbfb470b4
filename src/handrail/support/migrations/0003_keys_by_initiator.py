from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("support", "0002_finalized_once")]
    operations = [
        migrations.RemoveConstraint(model_name="supportrequest", name="support_submitted_once"),
        migrations.AddConstraint(
            model_name="supportrequest",
            constraint=models.UniqueConstraint(
                fields=["workspace", "initiator", "submission_key"], name="support_submitted_once"
            ),
        ),
    ]
