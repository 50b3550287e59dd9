"""The verdict: what clients were promised against what the shop and the gateway have."""

from __future__ import annotations

import dataclasses
import enum
from collections import defaultdict
from collections.abc import Iterator, Mapping

from chaos.ledger import Ask, Ledger
from chaos.rules import RULES, Database, broken


class Wrong(enum.Enum):
    """What kind of promise is broken."""

    LOST = "lost"
    DOUBLED = "doubled"
    CHARGED = "charged wrongly"
    BROKEN = "broken"


@dataclasses.dataclass(frozen=True)
class Breach:
    """One broken promise or rule, with enough to find it."""

    wrong: Wrong
    subject: str  # an order's id, or whatever the rule speaks of
    detail: str
    key: str = ""  # of the request that was promised something


@dataclasses.dataclass(frozen=True)
class Order:
    """What every module says of one order; None where it knows of nothing."""

    id: str
    token: str
    state: str
    total: int
    is_cancel_refused: bool
    payment: str | None
    packaging: str | None
    shipment: str | None
    invoiced: list[int]  # the totals of its invoices
    entered: int  # what the gateway holds and has kept, by our ledger

    @property
    def states(self) -> str:
        """What everyone says, in one line."""
        return (
            f"order {self.state}, payment {self.payment}, packaging {self.packaging},"
            f" shipment {self.shipment}, invoices {self.invoiced}, total {self.total},"
            f" in the ledger {self.entered}"
        )


@dataclasses.dataclass(frozen=True)
class Account:
    """What the gateway's own books say of one token."""

    state: str = "unknown"
    held: int = 0
    captured: int = 0
    refunded: int = 0
    checks: int = 0
    captures: int = 0

    @property
    def kept(self) -> int:
        """What the customer lacks, or can't spend."""
        return self.held + self.captured - self.refunded


@dataclasses.dataclass(frozen=True)
class Books:
    """All orders, and the gateway's accounts by token."""

    orders: list[Order]
    accounts: Mapping[str, Account]
    stocked: Mapping[str, int]  # units by product, as staff put them on the shelf


@dataclasses.dataclass(frozen=True)
class _Ending:
    payments: frozenset[str]
    packagings: frozenset[str]
    shipments: frozenset[str | None]
    invoices: int = 0


_ENDINGS = {
    "FULFILLED": _Ending(
        frozenset({"CAPTURED"}), frozenset({"COMPLETED"}), frozenset({"COMPLETED"}), invoices=1
    ),
    "CANCELLED": _Ending(
        frozenset({"VOIDED", "DECLINED"}),
        frozenset({"CANCELLED"}),
        frozenset({None, "CANCELLED"}),
    ),
    "PACKAGING_FAILED": _Ending(
        frozenset({"VOIDED"}), frozenset({"FAILED"}), frozenset({None, "CANCELLED"})
    ),
    "DELIVERY_FAILED": _Ending(frozenset({"VOIDED"}), frozenset({"FAILED"}), frozenset({"FAILED"})),
}


def judge(ledger: Ledger, books: Books) -> list[Breach]:
    """Compare promises with what became of them."""
    orders = {order.id: order for order in books.orders}
    found = [*_lost(ledger, orders), *_doubled(ledger, books), *_stocked(ledger, books)]
    for order in books.orders:
        found += _disagreement(order)
        found += _charge(order, books.accounts.get(order.token, Account()))
    found += _cancellations(ledger, orders)
    return found + list(_acts(ledger, orders))


def judge_tables(database: Database) -> list[Breach]:
    """Hold the tables against every rule."""
    return [
        Breach(Wrong.BROKEN, subject, f"{rule.name}: {detail}")
        for rule in RULES
        for subject, detail in broken(database, rule)
    ]


def _lost(ledger: Ledger, orders: Mapping[str, Order]) -> Iterator[Breach]:
    for ask in ledger.asks:
        if ask.answered_at is None:
            yield Breach(Wrong.LOST, ask.token, "the request was never answered", ask.key)
        elif ask.order_id and ask.order_id not in orders:
            yield Breach(Wrong.LOST, ask.order_id, "promised, but there is no such order", ask.key)
        elif ask.order_id and orders[ask.order_id].state not in _ENDINGS:
            yield Breach(Wrong.LOST, ask.order_id, orders[ask.order_id].states, ask.key)


def _doubled(ledger: Ledger, books: Books) -> Iterator[Breach]:
    """Find orders that nobody was told of: by the payment's token, which knows no key."""
    asks = {ask.token: ask for ask in ledger.asks}
    by_token: defaultdict[str, list[Order]] = defaultdict(list)
    for order in books.orders:
        by_token[order.token].append(order)
    for token, orders in by_token.items():
        ask = asks.get(token)
        for order in orders:
            if ask is None or order.id != ask.order_id:
                detail = f"nobody was told of it ({_told(ask)}): {order.states}"
                yield Breach(Wrong.DOUBLED, order.id, detail, ask.key if ask else "")


def _told(ask: Ask | None) -> str:
    if ask is None:
        return "nobody asked for it"
    return f"the client was told {ask.order_id or ask.refusal or 'nothing'}"


def _disagreement(order: Order) -> Iterator[Breach]:
    ending = _ENDINGS.get(order.state)
    if ending is None:
        return  # told as lost, or by its rule
    agrees = (
        order.payment in ending.payments
        and order.packaging in ending.packagings
        and order.shipment in ending.shipments
        and order.invoiced == [order.total] * ending.invoices
    )
    if not agrees:
        yield Breach(Wrong.BROKEN, order.id, f"the modules disagree: {order.states}")


def _charge(order: Order, account: Account) -> Iterator[Breach]:
    due = order.total if order.state == "FULFILLED" else 0
    if {account.kept, order.entered} != {due} or account.checks > 1 or account.captures > 1:
        detail = f"due {due}, the gateway has {account}; {order.states}"
        yield Breach(Wrong.CHARGED, order.id, detail)


def _cancellations(ledger: Ledger, orders: Mapping[str, Order]) -> Iterator[Breach]:
    for ask in ledger.asks:
        order = orders.get(ask.order_id)
        if order and ask.is_cancelled and order.state in _ENDINGS:
            is_kept = order.state == "CANCELLED" or order.is_cancel_refused
            if not is_kept and order.state != "PACKAGING_FAILED":
                yield Breach(Wrong.LOST, order.id, f"cancelled in vain: {order.states}", ask.key)


def _acts(ledger: Ledger, orders: Mapping[str, Order]) -> Iterator[Breach]:
    """Hold what staff were answered against what is there."""
    kept = {
        "packed": (ledger.packed, "packaging", {"COMPLETED", "CANCELLED", "FAILED"}),
        "delivered": (ledger.delivered, "shipment", {"COMPLETED"}),
        "failed to deliver": (ledger.returned, "shipment", {"FAILED"}),
    }
    for act, (promised, module, states) in kept.items():
        for order_id in sorted(promised):
            order = orders.get(order_id)
            if order is None or getattr(order, module) not in states:
                detail = order.states if order else "there is no such order"
                yield Breach(Wrong.LOST, order_id, f"{act} in vain: {detail}")


def _stocked(ledger: Ledger, books: Books) -> Iterator[Breach]:
    for product_id in sorted({*ledger.stocked, *books.stocked}):
        promised, found = ledger.stocked[product_id], books.stocked.get(product_id, 0)
        if promised != found:
            wrong = Wrong.LOST if found < promised else Wrong.DOUBLED
            yield Breach(wrong, product_id, f"{promised} put on the shelf, {found} counted")
