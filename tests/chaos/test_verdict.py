"""The verdict finds what is lost, doubled or broken: each plant is one of these."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.payment import gateway as payment_gateway
from apps.payment.gateway.fake import DECLINED_CARD, FakeGateway
from chaos.books import read_orders, read_stocked
from chaos.ledger import Kind, Ledger
from chaos.rules import RULES, open_work
from chaos.staff import REASON
from chaos.verdict import Account, Books, Breach, Wrong, judge, judge_tables
from kernel.bus.testing import in_order
from tests.shop import Shop, ok

pytestmark = pytest.mark.django_db
STOCK = 9


class Scene:
    """Three orders that ended: one fulfilled, one declined, one cancelled while it was packed."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.ledger = shop, Ledger()
        self.product = shop.product(stock=0)
        self.ledger.stocked[str(self.product)] = STOCK
        url = f"/api/v1/warehouse/stock/{self.product}/adjustments"
        ok(shop.warehouse.post(url, {"delta": STOCK, "reason": REASON}))
        shop.flow()
        self.fulfilled = self._order(2)
        self.declined = self._order(1, card=DECLINED_CARD)
        self.cancelled = self._order(1, kind=Kind.CANCELLED)
        shop.flow()
        for order_id in (self.fulfilled, self.cancelled):
            shop.start_packing(order_id)
        ok(shop.cancel(self.cancelled))
        self._deliver()
        self.accounts = {
            token: Account(
                a.state, a.held, a.captured, a.refunded, a.state != "NEW", a.state == "CAPTURED"
            )
            for token, a in shop.gateway.accounts.items()
        }

    def _order(self, quantity: int, *, kind: Kind = Kind.PLAIN, **how: str) -> uuid.UUID:
        ask = self.ledger.ask(f"key {len(self.ledger.asks)}", kind)
        body = self.shop.order_body({self.product: quantity}, **how)  # type: ignore[arg-type]
        ask.token = body["payment_token"]
        ask.is_cancelled = kind is Kind.CANCELLED
        placed = ok(self.shop.customer.post("/api/v1/orders", body))
        self.ledger.promise(ask, placed["id"])
        return uuid.UUID(placed["id"])

    def _deliver(self) -> None:
        self.shop.pack(self.fulfilled)
        self.shop.flow()
        self.shop.ship(self.fulfilled)
        self.shop.deliver(self.fulfilled)
        self.ledger.packed.add(str(self.fulfilled))
        self.ledger.delivered.add(str(self.fulfilled))
        self.shop.flow()

    def token(self, order_id: uuid.UUID) -> str:
        return next(a.token for a in self.ledger.asks if a.order_id == str(order_id))

    def judge(self) -> list[Breach]:
        books = Books(read_orders(database()), self.accounts, read_stocked(database()))
        return judge(self.ledger, books) + judge_tables(database())

    def judge_with(self, *plants: str) -> list[Breach]:
        """Judge with tables changed, past every rule that they guard themselves with."""
        steps = ["SAVEPOINT whole", "SET LOCAL session_replication_role = replica", *plants]
        for statement in steps:
            database().execute(statement)
        found = self.judge()
        database().execute("ROLLBACK TO SAVEPOINT whole")
        return found


def database() -> Any:
    """Return psycopg's own connection below Django's, in the test's transaction."""
    connection.ensure_connection()
    return connection.connection


@pytest.fixture
def scene(client_for: Callable[..., Any]) -> Iterator[Scene]:
    gateway = FakeGateway()
    with payment_gateway.installed(gateway), invoices_gateway.installed(FakeDocumentStore()):
        yield Scene(Shop(client_for, in_order, gateway))


def kinds(breaches: list[Breach]) -> list[tuple[Wrong, str]]:
    return [(breach.wrong, breach.subject) for breach in breaches]


def test_a_shop_that_kept_its_promises_passes(scene: Scene) -> None:
    assert scene.judge() == []
    assert open_work(database()) == {}
    assert {order.state for order in read_orders(database())} == {"FULFILLED", "CANCELLED"}


def test_an_order_that_was_promised_and_is_not_there_is_lost(scene: Scene) -> None:
    [breach] = scene.judge_with(
        f"DELETE FROM orders_orderline WHERE order_id = '{scene.declined}'",
        f"DELETE FROM orders_order WHERE id = '{scene.declined}'",
    )
    assert breach == Breach(
        Wrong.LOST, str(scene.declined), "promised, but there is no such order", "key 1"
    )


def test_an_order_that_does_not_end_is_lost(scene: Scene) -> None:
    change = f"UPDATE orders_order SET state = 'CONFIRMED' WHERE id = '{scene.fulfilled}'"
    assert (Wrong.LOST, str(scene.fulfilled)) in kinds(scene.judge_with(change))


def test_a_request_without_an_answer_is_lost(scene: Scene) -> None:
    ask = scene.ledger.ask("key 9", Kind.PLAIN)
    ask.token = "tok_9"
    [breach] = scene.judge()
    assert breach == Breach(Wrong.LOST, "tok_9", "the request was never answered", "key 9")


def test_a_second_order_of_one_key_is_doubled(scene: Scene) -> None:
    twin = uuid.UUID(int=scene.declined.int + 1)
    columns = "id, number, payment_token, state"
    rest = columns_of("orders_order") - set(columns.split(", "))
    breaches = scene.judge_with(
        f"INSERT INTO orders_order ({columns}, {', '.join(rest)})"
        f" SELECT '{twin}', '1111-1111-1111', payment_token, state, {', '.join(rest)}"
        f" FROM orders_order WHERE id = '{scene.declined}'"
    )
    found = [breach for breach in breaches if breach.wrong is Wrong.DOUBLED]
    assert [(breach.subject, breach.key) for breach in found] == [(str(twin), "key 1")]


def columns_of(table: str) -> set[str]:
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
    return {name for (name,) in database().execute(query, [table]).fetchall()}


def test_a_wrong_charge_is_found_in_the_gateways_books(scene: Scene) -> None:
    for order_id, changes in (
        (scene.fulfilled, {"captured": 4000}),
        (scene.fulfilled, {"captured": 0}),
        (scene.fulfilled, {"captures": 2}),
        (scene.fulfilled, {"checks": 2}),
        (scene.cancelled, {"held": 1000}),
    ):
        true = scene.accounts[scene.token(order_id)]
        scene.accounts[scene.token(order_id)] = dataclasses.replace(true, **changes)
        assert kinds(scene.judge()) == [(Wrong.CHARGED, str(order_id))]
        scene.accounts[scene.token(order_id)] = true


def test_a_ledger_that_says_another_sum_than_the_gateways_books_is_a_wrong_charge(
    scene: Scene,
) -> None:
    [breach] = scene.judge_with(
        f"UPDATE payment_payment SET captured = captured - 1 WHERE order_id = '{scene.fulfilled}'",
        "UPDATE payment_ledgerentry SET amount = amount - 1"
        f" WHERE payment_id = '{scene.fulfilled}' AND 'CUSTOMER' IN (debit, credit)",
    )
    assert (breach.wrong, breach.subject) == (Wrong.CHARGED, str(scene.fulfilled))


def test_an_account_that_is_not_in_the_books_is_a_wrong_charge(scene: Scene) -> None:
    del scene.accounts[scene.token(scene.fulfilled)]
    assert kinds(scene.judge()) == [(Wrong.CHARGED, str(scene.fulfilled))]


def test_modules_that_disagree_are_named(scene: Scene) -> None:
    for statement in (
        "UPDATE payment_payment SET state = 'AUTHORIZED' WHERE order_id = '{}'",
        "DELETE FROM warehouse_packagingrequest WHERE order_id = '{}'",
        "UPDATE delivery_shipment SET state = 'FAILED' WHERE order_id = '{}'",
        "UPDATE invoices_invoice SET total = total + 1 WHERE order_id = '{}'",
        "DELETE FROM invoices_invoice WHERE order_id = '{}'",
    ):
        found = scene.judge_with(statement.format(scene.fulfilled))
        disagreements = [breach for breach in found if "modules disagree" in breach.detail]
        assert kinds(disagreements) == [(Wrong.BROKEN, str(scene.fulfilled))], statement


def test_what_staff_were_answered_is_a_promise_too(scene: Scene) -> None:
    for promised in (scene.ledger.packed, scene.ledger.delivered, scene.ledger.returned):
        promised.add("0")
        assert kinds(scene.judge()) == [(Wrong.LOST, "0")]
        promised.remove("0")


def test_a_cancellation_that_was_granted_and_forgotten_is_lost(scene: Scene) -> None:
    [first, *_] = scene.ledger.asks
    first.is_cancelled = True
    assert kinds(scene.judge()) == [(Wrong.LOST, str(scene.fulfilled))]


def test_goods_that_staff_put_on_the_shelf_are_counted(scene: Scene) -> None:
    for counted, wrong in ((STOCK + 1, Wrong.LOST), (STOCK - 1, Wrong.DOUBLED)):
        scene.ledger.stocked[str(scene.product)] = counted
        assert kinds(scene.judge()) == [(wrong, str(scene.product))]


RULES_BROKEN = {
    "every event is sent": "UPDATE bus_outbox SET sent_at = NULL WHERE sequence ="
    " (SELECT min(sequence) FROM bus_outbox)",
    "every event takes effect wherever it is heard": "DELETE FROM bus_inbox WHERE ctid ="
    " (SELECT min(bus_inbox.ctid) FROM bus_inbox JOIN bus_outbox USING (event_id)"
    " WHERE name = 'orders.order_placed.v1')",
    "nothing has failed for good": "INSERT INTO bus_delivery (event_id, handler, name, state,"
    " attempts, error, traceback, first_failed_at, updated_at)"
    " SELECT event_id, 'a.handler', name, 'DEAD', 6, '', '', now(), now()"
    " FROM bus_outbox LIMIT 1",
    "every wish to the gateway is answered": "UPDATE payment_operation SET state = 'WISHED',"
    " answered_at = NULL WHERE kind = 'CAPTURE'",
    "every document is stored": "UPDATE invoices_document SET stored_at = NULL, content = 'PDF',"
    " key = regexp_replace(key, '[0-9a-f]{64}', encode(sha256('PDF'), 'hex'))",
    "stock on hand is the sum of its movements": "UPDATE warehouse_stock SET on_hand = on_hand + 1",
    "what is set aside is set aside for an order": "UPDATE warehouse_stock SET reserved = 1",
    "what left the shelves is what was bought": "UPDATE orders_orderline SET quantity = 1"
    " WHERE quantity = 2",
    "the ledger has what its payment says": "DELETE FROM payment_ledgerentry WHERE debit = 'FEES'",
    "the numbers of a series have no gap": "UPDATE invoices_series SET last_position = 2",
    "the audit has every event, once": "DELETE FROM audit_record WHERE event_id ="
    " (SELECT event_id FROM audit_record ORDER BY recorded_at DESC LIMIT 1)",
}


def test_a_rule_that_does_not_hold_is_named(scene: Scene) -> None:
    tables = {rule.name for rule in RULES} - {"every order ends"}
    assert set(RULES_BROKEN) == tables  # that one is told as lost, above
    for rule, statement in RULES_BROKEN.items():
        [breach] = scene.judge_with(statement)
        assert (breach.wrong, breach.detail.split(": ")[0]) == (Wrong.BROKEN, rule)
