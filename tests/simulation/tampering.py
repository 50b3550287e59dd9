"""Ways to spoil the day, each with the sentence that must tell of it."""

from __future__ import annotations

from django.db import connection

# `{o1}` is an order's id by its number, `{p0}` a product's, in quotes.
STOCK = {
    "a unit stays reserved": (
        "UPDATE warehouse_stock SET reserved = 1 WHERE product_id = {p0}",
        "Product 0 has 2 on hand, of which 1 stay reserved for orders that have ended.",
    ),
    "more is reserved than there is": (
        (
            "ALTER TABLE warehouse_stock DROP CONSTRAINT warehouse_stock_no_oversell;"
            "UPDATE warehouse_stock SET reserved = 5 WHERE product_id = {p0}"
        ),
        "Product 0 has 2 on hand, of which 5 are reserved.",
    ),
    "the shelf has more than the ledger": (
        "UPDATE warehouse_stock SET on_hand = 5 WHERE product_id = {p0}",
        "Product 0 has 5 on hand, but its movements sum up to 2.",
    ),
    "a shelf is gone": (
        "DELETE FROM warehouse_stock WHERE product_id = {p4}",
        "The ledger knows Product 4, which has no stock.",
    ),
    "shelf and ledger have what was sold": (
        (
            "UPDATE warehouse_stock SET on_hand = 4 WHERE product_id = {p0};"
            "DELETE FROM warehouse_movement WHERE order_id = {o1} AND product_id = {p0}"
        ),
        "Product 0 has 4 on hand; what came and was not sold is 2.",
    ),
    "goods of a fulfilled order never left": (
        "DELETE FROM warehouse_movement WHERE order_id = {o1} AND product_id = {p0}",
        "Order 1 is FULFILLED with 2 units of Product 0, of which 0 left the shelf.",
    ),
    "goods that came back were not put back": (
        "DELETE FROM warehouse_movement WHERE order_id = {o4} AND kind = 'RETURNED'",
        "Order 4 is DELIVERY_FAILED with 0 units of Product 2, of which 1 left the shelf.",
    ),
    "goods leave twice": (
        (
            "INSERT INTO warehouse_movement SELECT gen_random_uuid(), delta, kind, reason,"
            " order_id, actor, at, product_id FROM warehouse_movement WHERE order_id = {o2}"
        ),
        "Order 2: Product 3 was PACKED 2 times.",
    ),
}
MONEY = {
    "an order is paid with a token that the gateway doesn't know": (
        "UPDATE orders_order SET payment_token = 'tok_none' WHERE id = {o1}",
        "Order 1 has no payment.",
    ),
    "payment says less was taken": (
        "UPDATE payment_payment SET captured = 2000 WHERE order_id = {o1}",
        (
            "Order 1 is REFUNDED: payment says held 0, captured 2000, refunded 518,"
            " the gateway held 0, captured 2075, refunded 518."
        ),
    ),
    "the order costs more than was taken": (
        "UPDATE orders_order SET total = 2076 WHERE id = {o1}",
        "Order 1 costs 2076, and the gateway has captured 2075.",
    ),
    "the total is not what the lines cost": (
        "UPDATE orders_order SET total = 2076 WHERE id = {o1}",
        "Order 1 costs 2076; its lines and its delivery cost 2075.",
    ),
    "payment took something else than the order costs": (
        "UPDATE orders_order SET total = 2076 WHERE id = {o1}",
        "Order 1 costs 2076, and payment has captured 2075.",
    ),
    "a refund of nothing": (
        "UPDATE payment_payment SET refunded = 0 WHERE order_id = {o1}",
        "Order 1 is REFUNDED, and nothing was.",
    ),
    "the ledger tells of less": (
        "UPDATE payment_payment SET authorized = 2076 WHERE order_id = {o1}",
        (
            "Order 1: payment says authorized 2076, captured 2075, refunded 518,"
            " its ledger authorized 2075, captured 2075, refunded 518."
        ),
    ),
    "the ledger forgets a payment by the gateway": (
        "DELETE FROM payment_ledgerentry WHERE payment_id = {o1} AND debit = 'CLEARING'",
        "Customers owe 2075 EUR, though each capture is paid at once.",
    ),
    "a wish is never answered": (
        (
            "UPDATE payment_operation SET state = 'WISHED', answered_at = NULL"
            " WHERE payment_id = {o1} AND kind = 'REFUND'"
        ),
        "Order 1: nobody knows whether REFUND 518 was done.",
    ),
}
ENDINGS = {
    "an order never ends": (
        "UPDATE orders_order SET state = 'SHIPPED' WHERE id = {o1}",
        "Order 1 is SHIPPED: it has not come to an end.",
    ),
    "payment never hears that an order was cancelled": (
        "UPDATE payment_payment SET state = 'AUTHORIZED' WHERE order_id = {o5}",
        "Order 5 is CANCELLED, payment AUTHORIZED, not DECLINED or VOIDED.",
    ),
    "the warehouse never hears that an order failed": (
        (
            "UPDATE warehouse_packagingrequest SET state = 'COMPLETED', goods = 'PACKED'"
            " WHERE order_id = {o4}"
        ),
        "Order 4 is DELIVERY_FAILED, its packaging COMPLETED, not FAILED.",
    ),
    "goods of a failed order stay reserved": (
        "UPDATE warehouse_packagingrequest SET goods = 'RESERVED' WHERE order_id = {o3}",
        "Order 3 is PACKAGING_FAILED, its goods RESERVED, not FREED.",
    ),
    "delivery never hears of an order": (
        "DELETE FROM delivery_shipment WHERE order_id = {o5}",
        "Order 5 is CANCELLED, its shipment None, not CANCELLED.",
    ),
    "an order shows another address than it was sent to": (
        "UPDATE delivery_shipment SET address = '{{}}' WHERE order_id = {o1}",
        "Order 1 shows another address than it was sent to.",
    ),
    "the timeline lacks the end": (
        "DELETE FROM orders_timelineentry WHERE order_id = {o5} AND what = 'cancelled'",
        "Order 5 is CANCELLED, but its timeline goes PLACED > CONFIRMED > CANCELLING.",
    ),
    "the timeline has a step twice": (
        (
            "UPDATE orders_timelineentry SET state = 'PLACED'"
            " WHERE order_id = {o2} AND what = 'confirmed'"
        ),
        (
            "Order 2 enters a state twice in its timeline:"
            " PLACED > PLACED > PACKAGED > SHIPPED > FULFILLED."
        ),
    ),
    "the state changes behind the timeline's back": (
        (
            "UPDATE orders_timelineentry SET state = 'CONFIRMED'"
            " WHERE order_id = {o7} AND what = 'shipped';"
            "UPDATE orders_timelineentry SET what = 'paid'"
            " WHERE order_id = {o7} AND what = 'confirmed'"
        ),
        (
            "Order 7 changes its state behind the timeline's back:"
            " PLACED > CONFIRMED > PACKAGED > CONFIRMED > FULFILLED."
        ),
    ),
    "the timeline forgets that it was paid": (
        "DELETE FROM orders_timelineentry WHERE order_id = {o1} AND what = 'paid'",
        "Order 1 tells 0 times in its timeline that it was paid.",
    ),
}
PROMISES = {
    "a promised order is gone": (
        "UPDATE orders_order SET id = gen_random_uuid() WHERE id = {o5}",
        "order-5 was promised order {id5}, which isn't there.",
    ),
    "one request makes two orders": (
        (
            "UPDATE orders_order SET payment_token ="
            " (SELECT payment_token FROM orders_order WHERE id = {o1}) WHERE id = {o2}"
        ),
        "order-1 asked for one order, and there are 2.",
    ),
    "an order that nobody asked for": (
        "UPDATE orders_order SET payment_token = 'tok_none' WHERE id = {o5}",
        "1 orders are paid with tok_none, which nobody ordered with.",
    ),
    "a promised cancellation does not come": (
        "UPDATE orders_order SET state = 'PLACED', cancel_reason = '' WHERE id = {o5}",
        "Order 5 was promised to be CANCELLING and is PLACED.",
    ),
    "an order goes to the address of before": (
        (
            "UPDATE orders_order SET address = (SELECT address FROM orders_order WHERE id = {o3})"
            " WHERE id = {o1}"
        ),
        "Order 1 goes to another address than was promised.",
    ),
    "an adjustment is lost": (
        "DELETE FROM warehouse_movement WHERE reason = 'broken'",
        "broken was promised an adjustment by -1; the ledger has None.",
    ),
    "an adjustment is entered twice": (
        (
            "INSERT INTO warehouse_movement SELECT gen_random_uuid(), delta, kind, reason,"
            " order_id, actor, at, product_id FROM warehouse_movement WHERE reason = 'broken'"
        ),
        "broken asked for one adjustment, and the ledger has 2.",
    ),
    "an adjustment that nobody asked for": (
        "UPDATE warehouse_movement SET reason = 'whim' WHERE reason = 'broken'",
        "The ledger has an adjustment that nobody asked for: whim.",
    ),
    "a refund never comes": (
        "UPDATE payment_operation SET state = 'REFUSED' WHERE kind = 'REFUND'",
        "closing-refund-0-1 was promised a refund of 518, which never came.",
    ),
    "a refund comes twice": (
        (
            "INSERT INTO payment_operation SELECT gen_random_uuid(), kind, amount, state, reason,"
            " refusal, created_at, asked_at, answered_at, tries, next_ask_at, payment_id"
            " FROM payment_operation WHERE kind = 'REFUND'"
        ),
        "2 refunds came for closing-refund-0-1: one at most was asked for.",
    ),
}
DOCUMENTS = {
    "a paid order has no invoice": (
        "UPDATE invoices_invoice SET order_id = {o7} WHERE order_id = {o2}",
        "Order 2 is fulfilled and paid, and has no invoice.",
    ),
    "an invoice of an order that was not paid": (
        "UPDATE invoices_invoice SET order_id = {o7} WHERE order_id = {o2}",
        "Order 7 has the invoice {invoice2}, and is not fulfilled and paid.",
    ),
    "an invoice of another total": (
        "UPDATE invoices_invoice SET total = 1 WHERE order_id = {o1}",
        "Order 1 costs 2075; its invoice says 1.",
    ),
    "an invoice of other lines": (
        (
            "UPDATE invoices_invoice SET terms = jsonb_set(terms, '{{lines}}', '[]')"
            " WHERE order_id = {o2}"
        ),
        "Order 2 consists of [({p1}, 0), ({p3}, 2)]; its invoice says [].",
    ),
    "a refund without a credit note": (
        "UPDATE invoices_creditnote SET refund_id = gen_random_uuid()",
        "Order 1: 518 was refunded, and nothing credited.",
    ),
    "a credit note of another amount": (
        "UPDATE invoices_creditnote SET amount = 1",
        "Order 1: 518 was refunded, and 1 credited.",
    ),
    "a gap in the numbers": (
        "UPDATE invoices_series SET last_position = 3 WHERE code LIKE 'INV-%'",
        "{series} has given 3 numbers; used are [1, 2].",
    ),
    "a number of no series": (
        "DELETE FROM invoices_series WHERE code LIKE 'INV-%'",
        "{series} is no series, and has the numbers [1, 2].",
    ),
    "a file is not stored": (
        (
            "UPDATE invoices_document"
            " SET stored_at = NULL, content = 'x', key = key || encode(sha256('x'), 'hex')"
            " WHERE invoice_id = (SELECT id FROM invoices_invoice WHERE order_id = {o2})"
        ),
        "The file of {invoice2} is not stored.",
    ),
    "a file has another hash": (
        "UPDATE invoices_invoice SET sha256 = 'x' WHERE order_id = {o2}",
        "The file of {invoice2} has another hash than was issued.",
    ),
    "a document is forgotten": (
        "DELETE FROM invoices_document WHERE invoice_id IS NULL",
        "3 invoices and credit notes have 2 files.",
    ),
}
_AGAIN = (
    "INSERT INTO bus_outbox (event_id, name, subject, order_id, payload, occurred_at, recorded_at,"
    " actor, correlation_id, traceparent, tries, set_aside) SELECT gen_random_uuid(), name,"
    " subject, order_id, payload, occurred_at, recorded_at, actor, correlation_id, traceparent,"
    " tries, set_aside FROM bus_outbox WHERE "
)
FACTS = {
    "goods are reserved twice": (
        f"{_AGAIN} name = 'warehouse.stock_reserved.v1' AND order_id = {{o1}}",
        "Order 1 is told warehouse.stock_reserved 2 times: once at most.",
    ),
    "an order ends twice": (
        (
            f"{_AGAIN} name = 'orders.order_cancelled.v1' AND order_id = {{o5}};"
            "UPDATE bus_outbox SET order_id = {o1} WHERE order_id = {o5} AND sent_at IS NULL"
        ),
        (
            "Order 1 is told orders.order_fulfilled 1 times, orders.order_cancelled 1 times:"
            " once at most."
        ),
    ),
    "an order was never told": (
        "DELETE FROM bus_outbox WHERE name = 'orders.order_placed.v1' AND order_id = {o1}",
        "Order 1 is FULFILLED, and the log has no orders.order_placed.",
    ),
    "a capture was never told": (
        "DELETE FROM bus_outbox WHERE name = 'payment.payment_captured.v1' AND order_id = {o1}",
        "Order 1 is FULFILLED, and the log has no payment.payment_captured.",
    ),
    "a refused card was never told": (
        "DELETE FROM bus_outbox WHERE name = 'payment.payment_declined.v1'",
        "Order 6 is CANCELLED, and the log has no payment.payment_declined.",
    ),
    "a release was never told": (
        "DELETE FROM bus_outbox WHERE name = 'warehouse.stock_released.v1' AND order_id = {o3}",
        "Order 3 is PACKAGING_FAILED, and the log has no warehouse.stock_released.",
    ),
    "the log speaks of no order": (
        "UPDATE bus_outbox SET order_id = {p0} WHERE order_id = {o5}",
        "The log speaks of an order that isn't there: {id0}.",
    ),
    "a stock level was never told": (
        "UPDATE warehouse_stock SET version = 99 WHERE product_id = {p4}",
        "The stock of Product 4 is at version 99; told were [1, 2].",
    ),
    "a product's version was never told": (
        "UPDATE products_product SET version = 99 WHERE id = {p4}",
        "Product 4 is at version 99; told were [1, 2].",
    ),
    "a version is told twice": (
        (
            "UPDATE bus_outbox SET payload = payload || '{{\"version\": 1}}'"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        "Order 5 has told a version twice: [1, 1, 2, 3].",
    ),
    "an invoice was never told": (
        "DELETE FROM bus_outbox WHERE name = 'invoices.invoice_issued.v1' AND order_id = {o2}",
        "invoices.invoice_issued.v1 was told 1 times, of 1; there are 2.",
    ),
    "a refund is told twice": (
        f"{_AGAIN} name = 'payment.payment_refunded.v1'",
        "payment.payment_refunded.v1 was told 2 times, of 1; there are 1.",
    ),
}
BUS = {
    "an event is never sent": (
        (
            "UPDATE bus_outbox SET sent_at = NULL"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        "orders.order_cancelled.v1 of Order 5 was never sent.",
    ),
    "an event is set aside": (
        (
            "UPDATE bus_outbox SET sent_at = NULL, set_aside = 'It is too large.'"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        "orders.order_cancelled.v1 of Order 5 was never sent: It is too large.",
    ),
    "a handler fails for good": (
        (
            "INSERT INTO bus_delivery (event_id, handler, name, order_id, state, attempts, error,"
            " traceback, first_failed_at, updated_at) SELECT event_id, 'warehouse.cancel_order',"
            " name, order_id, 'DEAD', 6, 'Boom', '', now(), now() FROM bus_outbox"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        "warehouse.cancel_order has not taken orders.order_cancelled.v1 of Order 5: DEAD, Boom",
    ),
    "a handler fails once, by itself": (
        (
            "INSERT INTO bus_delivery (event_id, handler, name, order_id, state, attempts, error,"
            " traceback, first_failed_at, updated_at) SELECT event_id, 'warehouse.cancel_order',"
            " name, order_id, 'RECOVERED', 1, 'builtins.KeyError', '', now(), now()"
            " FROM bus_outbox WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        (
            "warehouse.cancel_order failed by itself at orders.order_cancelled.v1 of Order 5:"
            " builtins.KeyError"
        ),
    ),
    "a handler never heard": (
        (
            "DELETE FROM bus_inbox WHERE handler = 'warehouse.cancel_order' AND event_id ="
            " (SELECT event_id FROM bus_outbox"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5})"
        ),
        "warehouse.cancel_order has not heard orders.order_cancelled.v1 of Order 5.",
    ),
    "a handler heard what was never said": (
        (
            "INSERT INTO bus_inbox (event_id, handler, handled_at)"
            " VALUES ({p0}, 'warehouse.cancel_order', now())"
        ),
        "warehouse.cancel_order has heard event {id0}, which the log doesn't have for it.",
    ),
}
REPLICAS = {
    "orders sells at an old price": (
        "UPDATE orders_catalogueitem SET price = 1000 WHERE product_id = {p0}",
        (
            "Product 0 is (2, 1000, True, False) in orders' catalogue,"
            " and truly (2, 1100, True, False)."
        ),
    ),
    "orders sells what is gone": (
        (
            "UPDATE orders_catalogueitem SET is_deleted = false, is_active = true"
            " WHERE product_id = {p4}"
        ),
        "Product 4 is (2, 12000, True, False) in orders' catalogue, and truly (2, False, True).",
    ),
    "the warehouse never heard of a product": (
        "DELETE FROM warehouse_product WHERE id = {p1}",
        (
            "Product 1 is None in the warehouse's products,"
            " and truly (1, 'THING-1', 'Thing 1', False)."
        ),
    ),
    "delivery weighs a product wrongly": (
        "UPDATE delivery_product SET weight = 1 WHERE id = {p1}",
        (
            "Product 1 is (1, 27000000, 1, False) in delivery's products,"
            " and truly (1, 27000000, 4000, False)."
        ),
    ),
    "orders shows an old stock": (
        "UPDATE orders_stockitem SET version = 1, free = 0 WHERE product_id = {p4}",
        "Product 4 is (1, 0) in orders' stock, and truly (2, 2).",
    ),
    "products shows an old stock": (
        "UPDATE products_availability SET version = 1, free = 0 WHERE product_id = {p4}",
        "Product 4 is (1, 0) in products' availability, and truly (2, 2).",
    ),
}
AUDIT = {
    "a record is rewritten": (
        "UPDATE audit_record SET actor = 'nobody' WHERE seq = 2 AND chain_id LIKE 'money-%'",
        "The audit's chain {chain} breaks at 2: its hash is another.",
    ),
    "an event was never recorded": (
        "DELETE FROM audit_record WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}",
        "The audit has no record of orders.order_cancelled.v1 of Order 5.",
    ),
    "a record tells otherwise than the log": (
        (
            "UPDATE bus_outbox SET payload = '{{}}'"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        "The audit tells orders.order_cancelled.v1 of Order 5 otherwise than the log.",
    ),
    "the log forgets what is recorded": (
        (
            "UPDATE bus_outbox SET event_id = {p0}"
            " WHERE name = 'orders.order_cancelled.v1' AND order_id = {o5}"
        ),
        (
            "The audit has recorded orders.order_cancelled.v1, event {event5},"
            " which the log doesn't have."
        ),
    ),
}
COUPONS = {
    "a coupon counts a use too many": (
        "UPDATE orders_coupon SET used = 1",
        "The coupon LOYAL counts 1 uses; 0 orders have it.",
    ),
    "a cancelled order keeps its coupon": (
        "UPDATE orders_coupon_use SET returned_at = NULL WHERE order_id = {o5}",
        "Order 5 is CANCELLED and keeps its coupon.",
    ),
    "a fulfilled order gave its coupon back": (
        "UPDATE orders_coupon_use SET order_id = {o1}",
        "Order 1 is FULFILLED, but its coupon was given back.",
    ),
}
MAILS = {
    "a mail is wished for twice": (
        (
            "INSERT INTO invoices_mail (id, kind, order_id, about, facts, state, reason, tries,"
            " created_at, sent_at) SELECT gen_random_uuid(), kind, order_id, order_id, facts,"
            " state, reason, tries, created_at, sent_at FROM invoices_mail"
            " WHERE order_id = {o2} AND kind = 'INVOICE'"
        ),
        "Order 2 has 2 mails INVOICE of 1 facts.",
    ),
    "an order is not confirmed": (
        "DELETE FROM invoices_mail WHERE order_id = {o1} AND kind = 'PLACED'",
        "Order 1 has 0 mails PLACED of 1 facts.",
    ),
    "a mail waits": (
        "UPDATE invoices_mail SET state = 'READY' WHERE order_id = {o5} AND kind = 'CANCELLED'",
        "Order 5: CANCELLED is READY.",
    ),
    "a mail is sent without a try": (
        "UPDATE invoices_mail SET tries = 0 WHERE order_id = {o4} AND kind = 'FAILED'",
        "Order 4: FAILED was sent 1 times in 0 tries.",
    ),
}
ALL = {
    **STOCK,
    **MONEY,
    **COUPONS,
    **ENDINGS,
    **PROMISES,
    **DOCUMENTS,
    **MAILS,
    **FACTS,
    **BUS,
    **REPLICAS,
    **AUDIT,
}


def execute(statements: str, names: dict[str, str]) -> None:
    """Do it behind the back of triggers and foreign keys."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statements.format(**names))
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")
