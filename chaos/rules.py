"""What must hold of the tables when all is quiet: each query finds what breaks its rule."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol


class Database(Protocol):
    """What runs a query: a psycopg connection, or something like it."""

    def execute(self, query: Any, /) -> Any:
        """Run a query and return its cursor."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One invariant: `query` returns whom it does not hold of, and why, both as text."""

    name: str
    query: str


# What a handler has taken of an event's kind, it takes of every one: who hears what is read from
# the marks themselves, so that nothing here knows a handler's name.
UNHEARD = """
SELECT event.event_id, event.name || ' never reached ' || hears.handler
FROM (SELECT DISTINCT name, handler FROM bus_inbox JOIN bus_outbox USING (event_id)) AS hears
JOIN bus_outbox AS event USING (name)
LEFT JOIN bus_inbox AS mark ON (mark.event_id, mark.handler) = (event.event_id, hears.handler)
WHERE mark.event_id IS NULL
"""
UNFINISHED = """
SELECT id, 'is still ' || state FROM orders_order
WHERE state NOT IN ('FULFILLED', 'CANCELLED', 'PACKAGING_FAILED', 'DELIVERY_FAILED')
"""
UNSENT = "SELECT event_id, name || ' is not sent' FROM bus_outbox WHERE sent_at IS NULL"
UNANSWERED = """
SELECT payment_id, kind || ' has no answer' FROM payment_operation WHERE state = 'WISHED'
"""
FAILED = """
SELECT event_id, name || ' is ' || state || ' at ' || handler || ': ' || error
FROM bus_delivery WHERE state IN ('FAILED', 'DEAD')
"""
UNSTORED = """
SELECT coalesce(invoice_id, credit_note_id), 'its document is not stored'
FROM invoices_document WHERE stored_at IS NULL
"""

RULES = (
    Rule("every order ends", UNFINISHED),
    Rule("every event is sent", UNSENT),
    Rule("every event takes effect wherever it is heard", UNHEARD),
    Rule("nothing has failed for good", FAILED),
    Rule("every wish to the gateway is answered", UNANSWERED),
    Rule("every document is stored", UNSTORED),
    Rule(
        "stock on hand is the sum of its movements",
        """
        SELECT product_id, on_hand || ' on hand, moved ' || coalesce(sum(delta), 0)
        FROM warehouse_stock LEFT JOIN warehouse_movement USING (product_id)
        GROUP BY product_id, on_hand HAVING on_hand <> coalesce(sum(delta), 0)
        """,
    ),
    Rule(
        "what is set aside is set aside for an order",
        """
        SELECT product_id, reserved || ' reserved, wanted ' || coalesce(sum(ordered), 0)
        FROM warehouse_stock LEFT JOIN (
            SELECT product_id, ordered FROM warehouse_packagingline
            JOIN warehouse_packagingrequest ON order_id = request_id WHERE goods = 'RESERVED'
        ) AS line USING (product_id)
        GROUP BY product_id, reserved HAVING reserved <> coalesce(sum(ordered), 0)
        """,
    ),
    Rule(
        "what left the shelves is what was bought",
        """
        SELECT line.order_id, 'of ' || line.code || ' ' || coalesce(-sum(delta), 0)
            || ' left, bought ' || CASE state WHEN 'FULFILLED' THEN quantity ELSE 0 END
        FROM orders_order JOIN orders_orderline AS line ON line.order_id = orders_order.id
        LEFT JOIN warehouse_movement AS moved
            ON (moved.order_id, moved.product_id) = (line.order_id, line.product_id)
        GROUP BY line.order_id, state, line.code, quantity
        HAVING coalesce(-sum(delta), 0) <> CASE state WHEN 'FULFILLED' THEN quantity ELSE 0 END
        """,
    ),
    Rule(
        "the ledger has what its payment says",
        """
        WITH due AS (
            SELECT order_id AS payment_id, account, amount FROM payment_payment
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(fee), 0) AS fee FROM payment_operation
                WHERE payment_id = order_id
            ) AS kept
            CROSS JOIN LATERAL (
                SELECT CASE WHEN state IN ('AUTHORIZED', 'CAPTURE_FAILED')
                    THEN authorized ELSE 0 END
            ) AS holds (held)
            CROSS JOIN LATERAL (VALUES
                ('HELD', held), ('PLEDGED', -held), ('REVENUE', -captured), ('REFUNDS', refunded),
                ('CUSTOMER', 0), ('FEES', fee), ('CLEARING', captured - refunded - fee)
            ) AS each (account, amount)
        ), entered AS (
            SELECT payment_id, account, sum(side.amount) AS amount FROM payment_ledgerentry
            CROSS JOIN LATERAL (VALUES (debit, amount), (credit, -amount)) AS side (account, amount)
            GROUP BY payment_id, account
        )
        SELECT payment_id, string_agg(account || ' has ' || coalesce(entered.amount, 0)
            || ', due ' || coalesce(due.amount, 0), '; ' ORDER BY account)
        FROM due FULL JOIN entered USING (payment_id, account)
        WHERE coalesce(entered.amount, 0) <> coalesce(due.amount, 0) GROUP BY payment_id
        """,
    ),
    Rule(
        "the numbers of a series have no gap",
        """
        SELECT code, count(*) || ' documents, the last is number ' || last_position
        FROM invoices_series JOIN (
            SELECT series_id, position FROM invoices_invoice
            UNION ALL SELECT series_id, position FROM invoices_creditnote
        ) AS issued ON series_id = code
        GROUP BY code, last_position
        HAVING count(*) <> last_position OR count(DISTINCT position) <> last_position
            OR max(position) <> last_position
        """,
    ),
    Rule(
        "the audit has every event, once",
        """
        SELECT coalesce(event.event_id, record.event_id),
            coalesce(event.name || ' is not recorded', record.name || ' never happened')
        FROM bus_outbox AS event FULL JOIN audit_record AS record USING (event_id)
        WHERE event.event_id IS NULL OR record.event_id IS NULL
        """,
    ),
)


def broken(database: Database, rule: Rule) -> list[tuple[str, str]]:
    """Return of whom the rule does not hold, and why."""
    return [(str(subject), detail) for subject, detail in database.execute(rule.query).fetchall()]


# Until none of these finds anything, the shop is still at work. From cheap to dear.
_WORK = {
    "orders not at their end": UNFINISHED,
    "events not sent": UNSENT,
    "wishes to the gateway": UNANSWERED,
    "documents not stored": UNSTORED,
    "failed deliveries": FAILED,
    "events not heard": UNHEARD,
}


def open_work(database: Database) -> dict[str, int]:
    """Return what the shop still has to do, by kind: the first kinds hide the dearer ones."""
    found: dict[str, int] = {}
    for name, query in _WORK.items():
        counting = f"SELECT count(*) FROM ({query}) AS found"  # noqa: S608 -- a query of ours
        row = database.execute(counting).fetchone()
        if row and row[0]:
            found[name] = row[0]
            if len(found) == 2:
                break
    return found
