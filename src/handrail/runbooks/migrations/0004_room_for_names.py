from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0003_task_message")]

    operations = [
        migrations.AlterField("checkpoint", "worker", models.CharField(max_length=254)),
        migrations.AlterField("exceptionpacket", "reason", models.CharField(max_length=200)),
    ]
