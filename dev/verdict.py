"""What every module says of an order, in the end."""

from __future__ import annotations

from dev.stage import Body, Lines, Stage, state_or_none
from dev.story import money
from dev.terminal import bold


class Verdict:
    """Asks each module what it knows of an order, and tells whether they agree."""

    def __init__(self, stage: Stage, order: Body) -> None:
        self._stage, self._order_id = stage, order["id"]
        self._order = order
        self.is_unanimous = True
        stage.story.say(bold("\nDo all modules agree?\n"))

    def check(self, module: str, text: str, *, is_right: bool) -> None:
        """Take one module's answer."""
        self.is_unanimous = self.is_unanimous and is_right
        self._stage.story.check(module, text, is_right=is_right)

    def users(self) -> None:
        """Ask whose account it is."""
        email = self._stage.customer.get("/users/me")["email"]
        self.check("users", f"the account is {email}", is_right=email == self._stage.email)

    def products(self, lines: Lines) -> None:
        """Ask the catalogue for each product, by its id."""
        found = [self._stage.customer.get(f"/products/{each['product_id']}") for each in lines]
        text = f"{', '.join(product['code'] for product in found)} can still be read"
        self.check("products", text, is_right=len(found) == len(lines))

    def order(self, state: str, reason: str = "") -> Body:
        """Ask how the order ended."""
        found = self._stage.customer.get(f"/orders/{self._order_id}")
        found_reason = (found["cancellation"] or {}).get("reason") or ""
        is_right = (found["state"], found_reason) == (state, reason)
        self.check("orders", _sentence("the order is", found["state"], reason), is_right=is_right)
        return found

    def payment(self, state: str, amount: int = 0) -> None:
        """Ask how the payment ended, and how much of it was captured."""
        found = self._stage.payment(self._order)
        captured = found["captured"]
        is_right = found["state"] == state and captured["amount"] == amount
        text = f"the payment is {found['state']}, {money(**captured)} captured"
        self.check("payment", text, is_right=is_right)

    def packaging(self, state: str | None) -> None:
        """Ask for the packaging request; None: there should be none."""
        path = f"/warehouse/packaging-requests/{self._order_id}"
        found = state_or_none(self._stage.warehouse, path)
        self.check("warehouse", f"the packaging is {found or 'none'}", is_right=found == state)

    def stock(self, before: dict[str, Body], sold: Lines) -> None:
        """Ask whether what was sold, and nothing else, has left the stock."""
        quantities = {line["product_id"]: line["quantity"] for line in sold}
        now = {product_id: self._stage.stock(product_id) for product_id in before}
        is_right = all(
            now[key]["on_hand"] == before[key]["on_hand"] - quantities.get(key, 0)
            and now[key]["reserved"] == before[key]["reserved"]
            for key in before
        )
        units = sum(quantities.values())
        self.check(
            "warehouse", f"{units} units left the stock, none is set aside", is_right=is_right
        )

    def shipment(self, state: str | None) -> None:
        """Ask for the shipment; None: there should be none."""
        found = state_or_none(self._stage.delivery, f"/delivery/shipments/{self._order_id}")
        self.check("delivery", f"the shipment is {found or 'none'}", is_right=found == state)

    def invoice(self, total: int | None) -> str:
        """Ask for the one invoice over this total, or none; return its number."""
        found = self._stage.customer.get("/invoices")["results"]
        mine = [each for each in found if each["order_id"] == self._order_id]
        totals = [each["total"]["amount"] for each in mine]
        number: str = mine[0]["number"] if mine else ""
        text = f"invoice {number} over {money(**mine[0]['total'])}" if mine else "no invoice"
        self.check("invoices", text, is_right=totals == ([] if total is None else [total]))
        return number

    def audit(self, names: list[str], *wanted: str) -> None:
        """Judge whether the audit has the events of this ending, each once, but for mails."""
        others = [name for name in names if not name.startswith("invoices.mail_")]
        is_right = set(wanted) <= set(others) and len(others) == len(set(others))
        self.check("audit", f"{len(names)} events are recorded", is_right=is_right)


def _sentence(begin: str, state: str, reason: str) -> str:
    return f"{begin} {state}" + (f" ({reason.replace('_', ' ')})" if reason else "")
