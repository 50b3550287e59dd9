"""
The records become partitions, one for each chain: what is old enough is dropped with its table.

Two functions run as the owner of the tables, since the role `app` makes and drops none: a trigger
that gives a new chain its partition, and one that drops a partition whose time is over.
"""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

# What a partition gets, which are its own: grants, and a trigger that sees TRUNCATE. The triggers
# of rows and the indexes are those of the whole table. A table is attached, and not made as a
# partition: that would wait for everyone who reads.
FUNCTIONS = """
CREATE FUNCTION audit_partition(chain text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT 'audit_record_' || replace(chain, '-', '_') $$;

CREATE FUNCTION audit_open_chain() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    part text := public.audit_partition(NEW.name);
BEGIN
    IF to_regclass(format('public.%I', part)) IS NOT NULL THEN RETURN NULL; END IF;
    EXECUTE format('CREATE TABLE public.%I'
        ' (LIKE public.audit_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        EXECUTE format('REVOKE ALL ON public.%I FROM app', part);
    END IF;
    EXECUTE format('CREATE TRIGGER audit_record_no_truncate BEFORE TRUNCATE ON public.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION public.audit_record_append_only()', part);
    EXECUTE format('ALTER TABLE public.audit_record'
        ' ATTACH PARTITION public.%I FOR VALUES IN (%L)', part, NEW.name);
    RETURN NULL;
END $$;

CREATE FUNCTION audit_drop_chain(chain text) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE public.audit_chain SET dropped_at = now()
        WHERE name = chain AND dropped_at IS NULL AND kept_until <= current_date;
    IF NOT FOUND THEN RETURN false; END IF;
    EXECUTE format('DROP TABLE public.%I', public.audit_partition(chain));
    RETURN true;
END $$;

CREATE FUNCTION audit_chain_moves_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_seq < OLD.last_seq OR OLD.dropped_at IS NOT NULL
        OR (NEW.last_seq = OLD.last_seq AND NEW.last_hash <> OLD.last_hash)
    THEN
        RAISE EXCEPTION 'audit_chain % only moves on', OLD.name
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
"""

# Ids have no default: a record bears its event's.
PARTITIONED = """
CREATE TABLE audit_record (
    event_id uuid NOT NULL,
    chain_id varchar(20) NOT NULL,
    seq bigint NOT NULL,
    name varchar(100) NOT NULL,
    subject uuid NOT NULL,
    order_id uuid,
    person_id uuid,
    actor varchar(100) NOT NULL,
    request_id varchar(128) NOT NULL,
    causation_id uuid,
    traceparent varchar(55) NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    outcome varchar(7) NOT NULL
        CONSTRAINT audit_record_outcome CHECK (outcome IN ('ok', 'failure')),
    payload jsonb NOT NULL,
    prev_hash varchar(64) NOT NULL,
    hash varchar(64) NOT NULL,
    CONSTRAINT audit_record_once PRIMARY KEY (event_id, chain_id),
    CONSTRAINT audit_record_place UNIQUE (chain_id, seq)
) PARTITION BY LIST (chain_id);

CREATE INDEX audit_record_time ON audit_record (occurred_at, event_id);
CREATE INDEX audit_record_name ON audit_record (name, occurred_at, event_id);
CREATE INDEX audit_record_subject ON audit_record (subject, occurred_at, event_id);
CREATE INDEX audit_record_request ON audit_record (request_id, occurred_at, event_id);
CREATE INDEX audit_record_order ON audit_record (order_id, occurred_at, event_id)
    WHERE order_id IS NOT NULL;
CREATE INDEX audit_record_person ON audit_record (person_id, occurred_at, event_id)
    WHERE person_id IS NOT NULL;
CREATE INDEX audit_record_failure ON audit_record (occurred_at, event_id)
    WHERE outcome = 'failure';

CREATE TRIGGER audit_record_append_only BEFORE UPDATE OR DELETE ON audit_record
    FOR EACH ROW EXECUTE FUNCTION audit_record_append_only();
CREATE TRIGGER audit_record_no_truncate BEFORE TRUNCATE ON audit_record
    FOR EACH STATEMENT EXECUTE FUNCTION audit_record_append_only();
CREATE TRIGGER audit_open_chain AFTER INSERT ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION audit_open_chain();
CREATE TRIGGER audit_chain_moves_on BEFORE UPDATE ON audit_chain
    FOR EACH ROW EXECUTE FUNCTION audit_chain_moves_on();
"""
GRANTS = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON audit_record FROM app;
        REVOKE UPDATE, DELETE, TRUNCATE ON audit_chain FROM app;
        GRANT UPDATE (last_seq, last_hash) ON audit_chain TO app;
    END IF;
END $$;
"""
# What was recorded before moves over, hashes and all: they don't cover what is new here.
MOVE_OVER = """
ALTER TABLE audit_record RENAME TO audit_record_unparted;
ALTER TABLE audit_record_unparted DROP CONSTRAINT audit_record_place;
ALTER TABLE audit_record_unparted DROP CONSTRAINT audit_record_outcome;
DROP INDEX audit_record_time, audit_record_name, audit_record_subject, audit_record_request,
    audit_record_order, audit_record_person, audit_record_failure;
"""
COPY_OVER = """
CREATE TABLE audit_chain_unparted AS TABLE audit_chain;
ALTER TABLE audit_record_unparted DROP COLUMN id;
DO $$ DECLARE pointer text; BEGIN
    SELECT conname INTO pointer FROM pg_constraint
    WHERE conrelid = 'audit_record_unparted'::regclass AND contype = 'f';
    EXECUTE format('ALTER TABLE audit_record_unparted DROP CONSTRAINT %I', pointer);
END $$;
DELETE FROM audit_chain;
INSERT INTO audit_chain SELECT * FROM audit_chain_unparted;
INSERT INTO audit_record (event_id, chain_id, seq, name, subject, order_id, person_id, actor,
    request_id, causation_id, traceparent, occurred_at, recorded_at, outcome, payload, prev_hash,
    hash)
SELECT event_id, chain_id, seq, name, subject, order_id, person_id, actor,
    request_id, causation_id, traceparent, occurred_at, recorded_at, outcome, payload, prev_hash,
    hash
FROM audit_record_unparted ORDER BY chain_id, seq;
DROP TABLE audit_record_unparted;
DROP TABLE audit_chain_unparted;
"""
FILL_KEPT_UNTIL = """
UPDATE audit_chain SET kept_until = month + interval '1 month'
    + CASE WHEN retention IN ('money', 'orders') THEN 10 ELSE 2 END * interval '1 year';
"""
STATE = [
    migrations.RemoveField("record", "id"),
    migrations.AlterField(
        "record", "event_id", models.UUIDField(primary_key=True, serialize=False)
    ),
    migrations.AlterField(
        "record",
        "chain",
        models.ForeignKey(
            db_constraint=False,
            db_index=False,
            on_delete=django.db.models.deletion.PROTECT,
            to="audit.chain",
        ),
    ),
]
INDEXES = {
    "time": ["occurred_at", "event_id"],
    "name": ["name", "occurred_at", "event_id"],
    "subject": ["subject", "occurred_at", "event_id"],
    "request": ["request_id", "occurred_at", "event_id"],
}
PARTIAL = {
    "order": (["order_id", "occurred_at", "event_id"], models.Q(order_id__isnull=False)),
    "person": (["person_id", "occurred_at", "event_id"], models.Q(person_id__isnull=False)),
    "failure": (["occurred_at", "event_id"], models.Q(outcome="failure")),
}
STATE = [
    *(migrations.RemoveIndex("record", f"audit_record_{name}") for name in [*INDEXES, *PARTIAL]),
    *STATE,
    *(
        migrations.AddIndex("record", models.Index(fields=fields, name=f"audit_record_{name}"))
        for name, fields in INDEXES.items()
    ),
    *(
        migrations.AddIndex(
            "record", models.Index(fields=fields, name=f"audit_record_{name}", condition=condition)
        )
        for name, (fields, condition) in PARTIAL.items()
    ),
]


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_one_unique_index")]

    operations = [
        migrations.AddField(
            "chain",
            "kept_until",
            models.DateField(null=True, help_text="From this day on its records may be dropped."),
        ),
        migrations.RunSQL(FILL_KEPT_UNTIL),
        migrations.AlterField(
            "chain",
            "kept_until",
            models.DateField(help_text="From this day on its records may be dropped."),
        ),
        migrations.AddField(
            "chain",
            "dropped_at",
            models.DateTimeField(null=True, help_text="When its records were dropped."),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL([FUNCTIONS, MOVE_OVER, PARTITIONED, COPY_OVER, GRANTS])
            ],
            state_operations=STATE,
        ),
    ]
