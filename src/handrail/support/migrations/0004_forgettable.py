"""What people wrote in support requests is encrypted from here on; varchar columns become text."""

import handrail.access.fields
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('support', '0003_keys_by_initiator'),
    ]

    operations = [
        migrations.AlterField(
            model_name='supportrequest',
            name='contact_email',
            field=handrail.access.fields.ForgettableTextField(max_length=254),
        ),
        migrations.AlterField(
            model_name='supportrequest',
            name='contact_name',
            field=handrail.access.fields.ForgettableTextField(max_length=120),
        ),
        migrations.AlterField(
            model_name='supportrequest',
            name='context_envelope',
            field=handrail.access.fields.ForgettableJSONField(),
        ),
        migrations.AlterField(
            model_name='supportrequest',
            name='reproduction_notes',
            field=handrail.access.fields.ForgettableTextField(default='', max_length=4000),
        ),
        migrations.AlterField(
            model_name='supportrequest',
            name='summary',
            field=handrail.access.fields.ForgettableTextField(max_length=200),
        ),
    ]
