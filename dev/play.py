"""
Plays a customer and the staff over HTTP: `python -m dev.play fulfilled|short|declined`.

It knows a running shop by its addresses alone, and ends with what every module says of the order.
The shop may be one of another machine: `--shop https://… --payment https://…`, with the password of
its demo's users (dev/demo_users.py) in DEMO_PASSWORD; and one that Stripe pays, in test mode:
`--payment https://api.stripe.com`, with its STRIPE_PUBLISHABLE_KEY.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from dev import cards
from dev.caller import DemoFailed, Refused, Watcher, eventually
from dev.demo_users import demo_password
from dev.shop import Addresses, Shop
from dev.stage import Body, Lines, Stage, state_or_none
from dev.story import Story
from dev.terminal import bad, bold, good
from dev.verdict import Verdict

RACES = 5  # how often two orders are sent at once until both are let in


def play_fulfilled(stage: Stage) -> bool:
    """Let an order go all the way: packed, delivered, captured, invoiced."""
    stage.register()
    lines = stage.choose(2)
    before = {line["product_id"]: stage.stock(line["product_id"]) for line in lines}
    order = stage.place(stage.prepare_order(lines, cards.GOOD))
    watcher = stage.watch(order)
    watcher.until("orders.order_confirmed.v1", never=["orders.order_cancelled.v1"])
    _pack(stage, order, watcher)
    _deliver(stage, order, watcher)
    final = ("payment.payment_captured.v1", "invoices.invoice_issued.v1")
    watcher.until(*final)
    verdict = Verdict(stage, order)
    verdict.users()
    verdict.products(lines)
    total = verdict.order("FULFILLED")["total"]["amount"]
    verdict.packaging("COMPLETED")
    verdict.stock(before, lines)
    verdict.shipment("COMPLETED")
    verdict.payment("CAPTURED", total)
    number = verdict.invoice(total)
    verdict.audit(watcher.names, *final)
    _tell_seconds(watcher)
    stage.story.say(bold(f"\nInvoice {number}"))
    return verdict.is_unanimous


def play_declined(stage: Stage) -> bool:
    """Let the gateway decline: the order ends, the goods are free again."""
    stage.register()
    lines = stage.choose(1)
    before = {line["product_id"]: stage.stock(line["product_id"]) for line in lines}
    order = stage.place(stage.prepare_order(lines, cards.DECLINED))
    watcher = stage.watch(order)
    final = ("payment.payment_declined.v1", "orders.order_cancelled.v1")
    watcher.until(*final, never=["orders.order_confirmed.v1"])
    _until_settled(stage, order, before, "DECLINED")
    watcher.look()
    return _verdict_on_cancelled(stage, order, before, watcher, "payment_declined", "DECLINED")


def play_short(stage: Stage) -> bool:
    """Let two orders want the last units at once: the warehouse decides, and one goes without."""
    stage.register()
    product = _scarce_product(stage)
    before = {product["product_id"]: stage.stock(product["product_id"])}
    lines = [{"product_id": product["product_id"], "quantity": product["free"]}]
    stage.story.say(
        f"\nThere are {product['free']} of {product['name']}; two orders want them all.\n"
    )
    winner, loser = _race(stage, lines)
    stage.story.say(f"\n{loser['number']} came too late:\n")
    watcher = stage.watch(loser)
    watcher.until("warehouse.stock_short.v1", "orders.order_cancelled.v1")
    _until_paid_back(stage, loser, "VOIDED")
    watcher.look()
    stage.story.say(
        f"\n{winner['number']} got them, and is cancelled to leave the stock as it was:\n"
    )
    with stage.story.act("customer", "cancels the other order"):
        stage.customer.post(f"/orders/{winner['id']}/cancel")
    winners = stage.watch(winner)
    winners.until("orders.order_cancelled.v1", "payment.payment_authorized.v1")
    _until_settled(stage, winner, before, "VOIDED")
    winners.look()
    return _verdict_on_cancelled(stage, loser, before, watcher, "out_of_stock", "VOIDED")


ENDINGS: dict[str, Callable[[Stage], bool]] = {
    "fulfilled": play_fulfilled,
    "short": play_short,
    "declined": play_declined,
}


def main() -> int:
    """Play the ending that the command line names; return 0 if every module agrees."""
    asked = _parser().parse_args()
    story = Story(f"An order that ends {asked.ending}, as its customer and the staff see it")
    known = _elsewhere(asked) if asked.shop else _here()
    if known is None:
        print(bad("No shop is running here: `make run` starts one."))
        return 1
    try:
        is_unanimous = ENDINGS[asked.ending](Stage(*known, story))
    except (DemoFailed, httpx.HTTPError) as failure:
        story.say(bad(f"\nThe demo failed: {failure}"))
        return 1
    story.say(good("Every module agrees.") if is_unanimous else bad("The modules don't agree."))
    return 0 if is_unanimous else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m dev.play", description=__doc__)
    parser.add_argument("ending", nargs="?", default="fulfilled", choices=ENDINGS)
    parser.add_argument("--shop", help="where the shop is, if not on this machine")
    parser.add_argument("--payment", help="where its customers send a card: payment_3p, or Stripe")
    return parser


def _elsewhere(asked: argparse.Namespace) -> tuple[Addresses, str]:
    # Nothing of this machine's own shop is asked for: in a container there is no place for one.
    return Addresses(asked.shop, asked.payment, ""), os.environ["DEMO_PASSWORD"]


def _here() -> tuple[Addresses, str] | None:
    shop = Shop()
    known = shop.running_at()
    if known is None:
        return None
    return known, os.environ.get("DEMO_PASSWORD") or demo_password(shop.state)


def _tell_seconds(watcher: Watcher) -> None:
    placed = "orders.order_placed.v1"
    confirmed = watcher.seconds(placed, "orders.order_confirmed.v1")
    fulfilled = watcher.seconds("orders.order_fulfilled.v1", "invoices.invoice_issued.v1")
    print(f"\n  placed → confirmed {confirmed:.2f} s, fulfilled → invoiced {fulfilled:.2f} s")


def _until_settled(stage: Stage, order: Body, before: dict[str, Body], payment: str) -> None:
    """
    Wait until an ended order holds neither goods nor money.

    By what the modules show, not by events: what was never held is never said to be released.
    """
    _until_paid_back(stage, order, payment)
    eventually(
        "What is set aside",
        lambda: [stage.stock(product_id)["reserved"] for product_id in before],
        lambda reserved: reserved == [row["reserved"] for row in before.values()],
    )


def _until_paid_back(stage: Stage, order: Body, payment: str) -> None:
    eventually("The payment", lambda: stage.payment(order)["state"], lambda s: s == payment)


def _pack(stage: Stage, order: Body, watcher: Watcher) -> None:
    path = f"/warehouse/packaging-requests/{order['id']}"
    eventually("The packaging request", lambda: state_or_none(stage.warehouse, path), bool)
    with stage.story.act("warehouse", "packs it"):
        stage.warehouse.post(f"{path}/start")
        stage.warehouse.post(f"{path}/complete")
    watcher.until("orders.order_packaged.v1", "delivery.shipment_created.v1")


def _deliver(stage: Stage, order: Body, watcher: Watcher) -> None:
    path = f"/delivery/shipments/{order['id']}"
    with stage.story.act("delivery", "takes it on its way"):
        stage.delivery.post(f"{path}/start")
    watcher.until("orders.order_shipped.v1")
    with stage.story.act("delivery", "hands it over"):
        stage.delivery.post(f"{path}/complete")


def _scarce_product(stage: Stage) -> Body:
    stock = stage.warehouse.get("/warehouse/stock", limit=100)["results"]
    found = sorted((row for row in stock if row["free"]), key=lambda row: row["free"])
    if not found:
        raise DemoFailed("Nothing is in stock.")
    scarce: Body = found[0]
    return scarce


def _race(stage: Stage, lines: Lines) -> tuple[Body, Body]:
    """Place two orders at the same moment; return the one that got the goods, then the other."""
    for _ in range(RACES):
        bodies = [stage.prepare_order(lines, cards.GOOD) for _ in range(2)]
        with stage.story.act("customer", "places both at once") as note:
            placed = _place_at_once(stage, bodies)
            note(" and ".join(order["number"] for order in placed))
        if len(placed) == len(bodies):
            return _winner_and_loser(stage, placed)
        stage.story.say("\nOne was refused at once: the shop knew already. Once more.\n")
        _undo(stage, placed, lines[0])
    raise DemoFailed(f"In {RACES} races no two orders were let in.")


def _place_at_once(stage: Stage, bodies: list[Body]) -> list[Body]:
    def place(body: Body) -> Body | None:
        try:
            return stage.customer.post("/orders", body)
        except Refused as refusal:
            if refusal.code != "sold_out":
                raise
            return None

    with ThreadPoolExecutor(len(bodies)) as pool:
        return [order for order in pool.map(place, bodies) if order]


def _undo(stage: Stage, placed: list[Body], line: Body) -> None:
    for order in placed:
        stage.customer.post(f"/orders/{order['id']}/cancel")
        stage.watch(order).until("orders.order_cancelled.v1")
    quantity = line["quantity"]
    eventually(
        "The stock", lambda: stage.free(line["product_id"]), lambda free: bool(free >= quantity)
    )


def _winner_and_loser(stage: Stage, placed: list[Body]) -> tuple[Body, Body]:
    def states() -> list[str]:
        return [stage.customer.get(f"/orders/{order['id']}")["state"] for order in placed]

    found = eventually("Both orders", states, lambda s: sorted(s) == ["CANCELLED", "CONFIRMED"])
    winner = found.index("CONFIRMED")
    return placed[winner], placed[1 - winner]


def _verdict_on_cancelled(
    stage: Stage, order: Body, before: dict[str, Body], watcher: Watcher, reason: str, payment: str
) -> bool:
    verdict = Verdict(stage, order)
    verdict.users()
    verdict.products([{"product_id": product_id} for product_id in before])
    verdict.order("CANCELLED", reason)
    verdict.packaging(None)
    verdict.stock(before, [])
    verdict.shipment(None)
    verdict.payment(payment)
    verdict.invoice(None)
    verdict.audit(watcher.names, "orders.order_placed.v1", "orders.order_cancelled.v1")
    return verdict.is_unanimous


if __name__ == "__main__":
    sys.exit(main())
