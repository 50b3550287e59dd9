"""Fills a database with audit records, as many as are wanted, by SQL alone; hashes are made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString

import psycopg

MONTHS = 12
PER_ORDER = 10  # events of the classes `orders` and `money` together
PER_PERSON = 100
PRODUCTS = 50_000
_TYPES = {
    "accounts": ["users.user_logged_in.v1", "users.login_failed.v1", "users.user_updated.v1"],
    "catalogue": ["warehouse.stock_level_changed.v1", "products.product_updated.v1"],
    "money": ["payment.payment_authorized.v1", "payment.payment_captured.v1"],
    "orders": [
        "orders.order_placed.v1",
        "orders.order_confirmed.v1",
        "orders.order_packaged.v1",
        "delivery.delivery_failed.v1",
        "orders.order_fulfilled.v1",
    ],
}
_ID: LiteralString = """
CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT md5(kind || number)::uuid
$$;
CREATE FUNCTION pg_temp.event_id(at timestamptz, number bigint) RETURNS uuid
IMMUTABLE LANGUAGE sql AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(number::text), 1, 3) || '8' || substr(md5(number::text), 4, 15))::uuid
$$;
SET maintenance_work_mem = '256MB';
"""
_PEOPLE: LiteralString = """
INSERT INTO audit_knownuser (id, version, email, is_erased)
SELECT pg_temp.id('person', n), 1, 'person' || n || '@example.com', false
FROM generate_series(0, %(people)s::bigint - 1) AS n
"""
# A table first, and its indexes at once when it becomes a partition: much faster than row by row.
_RECORDS: LiteralString = """
INSERT INTO {table} (event_id, chain_id, seq, name, subject, order_id, person_id, actor,
    request_id, causation_id, traceparent, occurred_at, recorded_at, outcome, payload, prev_hash,
    hash)
SELECT pg_temp.event_id(at, %(first)s + n), %(chain)s, n, name,
    CASE %(class)s WHEN 'accounts' THEN person
        WHEN 'catalogue' THEN pg_temp.id('product', n %% %(products)s) ELSE the_order END,
    CASE WHEN %(class)s IN ('orders', 'money') THEN the_order END,
    CASE WHEN %(class)s IN ('orders', 'accounts') THEN person END,
    'system', 'request-' || %(month)s || '-' || n / 3, NULL, '', at, at + interval '1 second',
    CASE WHEN name LIKE '%%failed%%' AND n %% 7 = 0 THEN 'failure' ELSE 'ok' END,
    jsonb_build_object('amount', n), repeat('0', 64), repeat('1', 64)
FROM generate_series(1, %(rows)s::bigint) AS n
CROSS JOIN LATERAL (
    SELECT (%(types)s::text[])[1 + n %% array_length(%(types)s::text[], 1)] AS name,
        %(begin)s::timestamptz + n * (interval '28 days' / %(rows)s::bigint) AS at,
        pg_temp.id(%(month)s, n / (%(per_order)s / 2)) AS the_order,
        pg_temp.id(
            'person', (hashint8(n / (%(per_order)s / 2)) & 2147483647) %% %(people)s
        ) AS person
) AS each
"""


def fill(owner: psycopg.Connection, records: int, say: Callable[[str], None]) -> None:
    """Make the records of a year, so many in all, in every retention class alike."""
    owner.execute(_ID)
    people = max(records // PER_PERSON, 10)
    owner.execute(_PEOPLE, {"people": people})
    parts = [(name, month) for month in range(1, MONTHS + 1) for name in sorted(_TYPES)]
    rows = records // len(parts)
    for number, (retention, month) in enumerate(parts):
        _fill_part(owner, retention, f"2026-{month:02}", rows, number * rows, people)
        if number % 4 == 3:
            say(f"{(number + 1) * rows:,} of {records:,} records")
    owner.execute("VACUUM ANALYZE audit_record, audit_knownuser")


def _fill_part(
    owner: psycopg.Connection, retention: str, month: str, rows: int, first: int, people: int
) -> None:
    chain = f"{retention}-{month}"
    table = f"audit_record_{chain.replace('-', '_')}"
    owner.execute(
        f"CREATE TABLE {table} (LIKE audit_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"  # type: ignore[arg-type]
    )
    facts = {
        "chain": chain,
        "class": retention,
        "month": month,
        "begin": f"{month}-01T00:00:00Z",
        "rows": rows,
        "first": first,
        "people": people,
        "types": _TYPES[retention],
        "products": PRODUCTS,
        "per_order": PER_ORDER,
    }
    owner.execute(_RECORDS.format(table=table), facts)  # type: ignore[arg-type]
    owner.execute(
        f"ALTER TABLE audit_record ATTACH PARTITION {table} FOR VALUES IN ('{chain}')"  # type: ignore[arg-type]
    )
    owner.execute(
        "INSERT INTO audit_chain (name, retention, month, kept_until, last_seq, last_hash)"
        " VALUES (%s, %s, %s, '2040-01-01', %s, repeat('1', 64))",
        [chain, retention, f"{month}-01", rows],
    )
