"""How approvals were proved."""


from __future__ import annotations


import django.db.models.deletion
from django.db import migrations, models

from handrail.audit.appendonly import append_only


class Migration(migrations.Migration):

    dependencies = [
        ('access', '0010_proofs'),
        ('definitions', '0003_the_way_back'),
    ]

    operations = [
        migrations.CreateModel(
            name='DecisionProof',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField()),
                ('proof', models.CharField(choices=[('click', 'click'), ('second-factor', 'second-factor'), ('passkey', 'passkey')], max_length=16)),
                ('nonce', models.CharField(default='', max_length=64)),
                ('statement', models.TextField(default='')),
                ('key_ref', models.CharField(default='', max_length=24)),
                ('public_key', models.TextField(default='')),
                ('algorithm', models.CharField(default='', max_length=8)),
                ('authenticator_data', models.TextField(default='')),
                ('client_data', models.TextField(default='')),
                ('signature', models.TextField(default='')),
                ('enrolment', models.JSONField(null=True)),
                ('act', models.CharField(max_length=16)),
                ('at', models.DateTimeField()),
                ('by', models.CharField(max_length=254)),
                ('definition', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='proofs', to='definitions.definition')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='access.workspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('nonce', ''), _negated=True), fields=('nonce',), name='decision_proof_nonce_once'), models.CheckConstraint(condition=models.Q(models.Q(('enrolment__isnull', False), ('proof', 'passkey'), models.Q(('nonce', ''), _negated=True), models.Q(('signature', ''), _negated=True)), models.Q(models.Q(('proof', 'passkey'), _negated=True), ('enrolment', None), ('nonce', ''), ('signature', ''), ('statement', '')), _connector='OR'), name='decision_proof_signed')],
            },
        ),
        append_only('definitions_decisionproof'),
    ]
