"""Reads what the modules and the gateway have, for the verdict."""

from __future__ import annotations

from chaos.rules import Database
from chaos.staff import REASON
from chaos.verdict import Account, Books, Order

_ORDERS = """
SELECT placed.id::text, placed.payment_token, placed.state, placed.total, is_cancel_refused,
    payment.state, packaging.state, shipment.state,
    ARRAY(SELECT total FROM invoices_invoice WHERE order_id = placed.id),
    (
        SELECT coalesce(sum(CASE WHEN debit = ANY(has) THEN amount ELSE 0 END
            - CASE WHEN credit = ANY(has) THEN amount ELSE 0 END), 0)::bigint
        FROM payment_ledgerentry, (VALUES (ARRAY['HELD', 'CLEARING', 'FEES'])) AS gateway (has)
        WHERE payment_id = placed.id
    )
FROM orders_order AS placed
LEFT JOIN payment_payment AS payment ON payment.order_id = placed.id
LEFT JOIN warehouse_packagingrequest AS packaging ON packaging.order_id = placed.id
LEFT JOIN delivery_shipment AS shipment ON shipment.order_id = placed.id
ORDER BY placed.id
"""
_STOCKED = f"""
SELECT product_id::text, sum(delta)::bigint FROM warehouse_movement
WHERE kind = 'ADJUSTED' AND reason = '{REASON}' GROUP BY product_id
"""  # noqa: S608 -- a constant of ours
_ACCOUNTS = """
SELECT token, state, held, captured, refunded,
    count(entry.id) FILTER (WHERE operation = 'check'),
    count(entry.id) FILTER (WHERE operation = 'processPayment')
FROM payment_3p_payment AS payment
LEFT JOIN payment_3p_entry AS entry ON entry.payment_id = payment.id
GROUP BY payment.id
"""


def read_orders(shop: Database) -> list[Order]:
    """Return what every module says of every order."""
    return [Order(*facts) for facts in shop.execute(_ORDERS).fetchall()]


def read_stocked(shop: Database) -> dict[str, int]:
    """Return the units that staff have put on the shelf, by product."""
    return dict(shop.execute(_STOCKED).fetchall())


def read_accounts(gateway: Database) -> dict[str, Account]:
    """Return the gateway's own books, by token."""
    return {token: Account(*facts) for token, *facts in gateway.execute(_ACCOUNTS).fetchall()}


def read_books(shop: Database, gateway: Database) -> Books:
    """Return all that the verdict needs."""
    return Books(read_orders(shop), read_accounts(gateway), read_stocked(shop))
