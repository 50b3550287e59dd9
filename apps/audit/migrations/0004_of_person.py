"""
What concerns a person, told by a function: the one plan of three lists in every partition is kept.

PostgreSQL takes five times as long to plan them as to read them, and keeps the plan of a statement
in a function for as long as the session lasts.
"""

from __future__ import annotations

from django.db import migrations

# What everyone may ask beside the address. What isn't asked for is null; of the bounds, infinite:
# a condition on a column that is always there reads no more of an index than it must.
MET = """r.occurred_at {behind}= place AND (r.occurred_at {behind} place OR r.event_id {behind} id)
            AND r.occurred_at >= since AND r.occurred_at < until
            AND (type IS NULL OR r.name = type) AND (about IS NULL OR r.subject = about)
            AND (the_order IS NULL OR r.order_id = the_order)
            AND (request IS NULL OR r.request_id = request)
            AND (result IS NULL OR r.outcome = result)"""
# The orders' records are so few that they are sorted; by the time itself, PostgreSQL would read
# everything in its order until it met them.
QUERY = f"""
    RETURN QUERY
    WITH people AS MATERIALIZED (SELECT k.id FROM audit_knownuser AS k WHERE k.email = address)
    SELECT * FROM (
        SELECT named.* FROM people CROSS JOIN LATERAL (
            SELECT r.event_id, r.chain_id, r.occurred_at FROM audit_record AS r
            WHERE r.person_id = people.id AND {MET}
            ORDER BY r.occurred_at {{direction}}, r.event_id {{direction}} LIMIT most
        ) AS named
        UNION
        SELECT told.* FROM people CROSS JOIN LATERAL (
            SELECT r.event_id, r.chain_id, r.occurred_at FROM audit_record AS r
            WHERE r.subject = people.id AND {MET}
            ORDER BY r.occurred_at {{direction}}, r.event_id {{direction}} LIMIT most
        ) AS told
        UNION
        (
            SELECT r.event_id, r.chain_id, r.occurred_at FROM audit_record AS r
            WHERE r.order_id = ANY (ARRAY(
                SELECT DISTINCT own.order_id FROM people
                JOIN audit_record AS own ON own.person_id = people.id
                WHERE own.order_id IS NOT NULL
            )) AND {MET}
            ORDER BY r.occurred_at + interval '0' {{direction}}, r.event_id {{direction}} LIMIT most
        )
    ) AS found ORDER BY 3 {{direction}}, 1 {{direction}} LIMIT most;"""
FUNCTION = f"""
CREATE FUNCTION audit_of_person(
    address text, most integer, is_newest_first boolean, place timestamptz, id uuid,
    type text, about uuid, the_order uuid, request text, result text,
    since timestamptz, until timestamptz
) RETURNS TABLE (event_id uuid, chain_id varchar, occurred_at timestamptz)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
BEGIN
IF is_newest_first THEN{QUERY.format(behind="<", direction="DESC")}
ELSE{QUERY.format(behind=">", direction="ASC")}
END IF;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_partitions")]

    operations = [
        migrations.RunSQL(FUNCTION, reverse_sql="DROP FUNCTION audit_of_person"),
    ]
