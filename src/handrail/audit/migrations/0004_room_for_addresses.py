from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_sealing")]

    operations = [migrations.AlterField("auditevent", "subject", models.CharField(max_length=254))]
