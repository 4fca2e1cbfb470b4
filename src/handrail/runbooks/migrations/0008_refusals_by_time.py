from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0007_handled_once")]

    operations = [
        migrations.AddIndex("taskrefusal", models.Index(fields=["workspace", "-at"], name="task_refused_recent")),
    ]
