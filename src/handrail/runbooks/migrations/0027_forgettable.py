"""Notes and what was read again of stopped runs are encrypted from here on; no column changes in the database."""

import handrail.access.fields
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('runbooks', '0026_subjects_erased'),
    ]

    operations = [
        migrations.AlterField(
            model_name='exceptionnote',
            name='text',
            field=handrail.access.fields.ForgettableTextField(max_length=4000),
        ),
        migrations.AlterField(
            model_name='exceptionpacket',
            name='note',
            field=handrail.access.fields.ForgettableTextField(default='', max_length=4000),
        ),
        migrations.AlterField(
            model_name='rereading',
            name='evidence',
            field=handrail.access.fields.ForgettableJSONField(),
        ),
        migrations.AlterField(
            model_name='rereading',
            name='values',
            field=handrail.access.fields.ForgettableJSONField(),
        ),
    ]
