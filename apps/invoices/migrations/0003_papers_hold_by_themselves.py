from django.db import migrations

from kernel.append_only import append_only

# The lock is the invoice's: two notes at once would else each see the sum without the other.
# (A row lock would need the right to change the invoice, which nobody has.)
WITHIN = """
CREATE FUNCTION invoices_creditnote_within_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    invoiced invoices_invoice%ROWTYPE;
    credited numeric;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('invoices_creditnote ' || NEW.invoice_id, 0));
    SELECT * INTO invoiced FROM invoices_invoice WHERE id = NEW.invoice_id;
    SELECT coalesce(sum(amount), 0) INTO credited FROM invoices_creditnote
        WHERE invoice_id = NEW.invoice_id;
    IF credited + NEW.amount > invoiced.total OR NEW.currency <> invoiced.currency THEN
        RAISE EXCEPTION 'invoices_creditnote_within_invoice: % more than % of % %',
            NEW.amount, credited, invoiced.total, invoiced.currency
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER invoices_creditnote_within_invoice BEFORE INSERT ON invoices_creditnote
    FOR EACH ROW EXECUTE FUNCTION invoices_creditnote_within_invoice();
"""
NOT_WITHIN = """
DROP TRIGGER invoices_creditnote_within_invoice ON invoices_creditnote;
DROP FUNCTION invoices_creditnote_within_invoice();
"""
# A document that waits for the storage is the one whose hash its key, and what is issued, tells.
HASHED = """
ALTER TABLE invoices_document ADD CONSTRAINT invoices_document_is_what_was_hashed
    CHECK (content IS NULL OR strpos(key, encode(sha256(content), 'hex')) > 0);
"""
NOT_HASHED = "ALTER TABLE invoices_document DROP CONSTRAINT invoices_document_is_what_was_hashed"
# Of a document only its way into the storage is noted; what it is stays.
ONLY_STORED = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON invoices_document FROM app;
        GRANT UPDATE (content, stored_at) ON invoices_document TO app;
    END IF;
END $$;
"""
AS_BEFORE = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        GRANT UPDATE, DELETE ON invoices_document TO app;
    END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0002_papers")]

    operations = [
        migrations.RunSQL(WITHIN, NOT_WITHIN),
        migrations.RunSQL(HASHED, NOT_HASHED),
        append_only("invoices_logo"),
        migrations.RunSQL(ONLY_STORED, AS_BEFORE),
    ]
