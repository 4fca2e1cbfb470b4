from django.db import migrations

from handrail.audit.appendonly import frozen_columns

# Which columns may change is held by frozen_columns; this holds that they change once, and what into. A row asks for a
# finalization while it is unfinished (a ticket was asked for, and there is neither reference nor failure); the one
# write must finish it, and may not turn it into a request that was never handed over.
ONCE = """
CREATE FUNCTION support_supportrequest_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.external_handoff_mode IS DISTINCT FROM 'create_external_ticket'
       OR OLD.external_ticket_reference IS NOT NULL
       OR OLD.external_ticket_url IS NOT NULL
       OR OLD.external_handoff_failure_summary IS NOT NULL THEN
        RAISE EXCEPTION 'finalized: support request % is finished and can''t change', OLD.ref
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.external_handoff_mode IS DISTINCT FROM 'create_external_ticket'
       OR (NEW.external_ticket_reference IS NULL) = (NEW.external_handoff_failure_summary IS NULL) THEN
        RAISE EXCEPTION 'finalization: the one write of support request % gives a reference or a failure', OLD.ref
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER handrail_once BEFORE UPDATE ON support_supportrequest
    FOR EACH ROW EXECUTE FUNCTION support_supportrequest_once();
ALTER TABLE support_supportrequest ENABLE ALWAYS TRIGGER handrail_once;
"""
NOT_ONCE = """
DROP TRIGGER handrail_once ON support_supportrequest;
DROP FUNCTION support_supportrequest_once();
"""


class Migration(migrations.Migration):
    dependencies = [("support", "0001_initial"), ("audit", "0002_append_only")]
    operations = [
        frozen_columns(
            "support_supportrequest",
            [
                "external_handoff_mode",
                "external_ticket_reference",
                "external_ticket_url",
                "external_handoff_failure_summary",
                "updated_at",
            ],
        ),
        migrations.RunSQL(ONCE, NOT_ONCE),
    ]
