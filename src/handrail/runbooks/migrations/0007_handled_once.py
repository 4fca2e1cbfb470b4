from django.db import migrations

# Which columns may change is held by frozen_columns; this holds along which states, and that what was written is never
# written again: open to taken, taken to taken by somebody else, taken to resolved.
ALONG_THE_STATES = """
CREATE FUNCTION runbooks_exceptionpacket_handled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.handling = 'taken' AND NEW.taken_at IS NOT NULL AND NEW.resolved_at IS NULL AND (
           OLD.handling = 'open'
           OR (OLD.handling = 'taken' AND NEW.taken_by <> OLD.taken_by AND NEW.taken_at > OLD.taken_at)) THEN
        RETURN NEW;
    END IF;
    IF OLD.handling = 'taken' AND NEW.handling = 'resolved' AND NEW.resolved_at IS NOT NULL
       AND (NEW.taken_at, NEW.taken_by) IS NOT DISTINCT FROM (OLD.taken_at, OLD.taken_by) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'handling: exception packet % can''t go from % to % like this', OLD.ref, OLD.handling, NEW.handling
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER handrail_handled BEFORE UPDATE ON runbooks_exceptionpacket
    FOR EACH ROW EXECUTE FUNCTION runbooks_exceptionpacket_handled();
ALTER TABLE runbooks_exceptionpacket ENABLE ALWAYS TRIGGER handrail_handled;
"""
IN_ANY_WAY = """
DROP TRIGGER handrail_handled ON runbooks_exceptionpacket;
DROP FUNCTION runbooks_exceptionpacket_handled();
"""


class Migration(migrations.Migration):
    dependencies = [("runbooks", "0006_failures_of_a_run")]
    operations = [migrations.RunSQL(ALONG_THE_STATES, IN_ANY_WAY)]
