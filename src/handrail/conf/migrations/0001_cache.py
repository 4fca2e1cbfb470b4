"""The table behind Django's cache, which counts refused log-ins over all processes and machines."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = []

    operations = [
        migrations.RunSQL(
            # Unlogged: what a crash of the server empties are counts of the last minutes.
            "CREATE UNLOGGED TABLE handrail_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL,"
            " expires timestamptz NOT NULL);"
            "CREATE INDEX handrail_cache_expires ON handrail_cache (expires);",
            "DROP TABLE handrail_cache;",
        ),
    ]
