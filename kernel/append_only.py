"""Tables that can only grow: a migration operation that guards one by trigger and by grant."""

from __future__ import annotations

from django.db.migrations.operations import RunSQL

_FORWARD = """
CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '{table} is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_append_only();
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN
        REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM app;
    END IF;
END $$;
"""
_BACKWARD = """
DROP TRIGGER {table}_append_only ON {table};
DROP FUNCTION {table}_append_only();
"""


def append_only(table: str) -> RunSQL:
    """Return the operation that refuses UPDATE and DELETE on the table, whoever asks."""
    return RunSQL(_FORWARD.format(table=table), _BACKWARD.format(table=table))
