"""
Buyers for locust: each looks at the catalogue and places an order as a guest, again and again.

`make load` lets them in (dev/load.py), so many that together they keep the rate.
"""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any

from locust import FastHttpUser, constant_pacing, events, task
from locust.env import Environment

from dev.cards import GOOD
from dev.stage import ADDRESS

SLOWEST_P99_MS = 1_000
MOST_FAILURES = 0.01
SHORTEST_OF_RATE = 0.95
ORDERS = "/orders"

Body = dict[str, Any]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def options(parser: ArgumentParser) -> None:
    """Add what dev/load.py says."""
    parser.add_argument("--payment", help="where a card is sent")
    parser.add_argument("--orders-per-second", type=float, default=25)


class Refused(Exception):
    """The visit ends: locust has counted why."""


class Buyer(FastHttpUser):
    """A guest who knows what they want."""

    network_timeout = connection_timeout = 30.0

    def wait_time(self) -> float:
        """Return the seconds until the next visit: a slow one is followed sooner."""
        asked: Any = self.environment.parsed_options
        seconds: float = constant_pacing(asked.num_users / asked.orders_per_second)(self)
        return seconds

    @task
    def buy(self) -> None:
        """Look around, ask what the delivery costs, and place an order for one or two products."""
        try:
            self._buy()
        except Refused:
            return

    def _buy(self) -> None:
        shown = self._ask("GET", "/products?limit=50&available=true", name="/products")
        chosen = secrets.SystemRandom().sample(shown["results"], secrets.choice((1, 2)))
        for product in chosen:
            self._ask("GET", f"/products/{product['id']}", name="/products/{id}")
        lines = [{"product_id": product["id"], "quantity": 1} for product in chosen]
        quote = self._ask("POST", "/delivery/quotes", {"lines": lines, "address": ADDRESS})
        total = {**quote["price"], "amount": quote["price"]["amount"] + _goods(chosen)}
        self._ask(
            "POST",
            "/orders",
            {
                "lines": lines,
                "address": ADDRESS,
                "email": f"load.{secrets.token_hex(6)}@example.com",
                "delivery_quote": quote["quote"],
                "payment_token": self._token(total),
                "expected_total": total,
            },
        )

    def _token(self, total: Body) -> str:
        url = f"{self.environment.parsed_options.payment}/preauth"
        body = {"cardNumber": GOOD, **total}
        with self.client.post(url, json=body, name="/preauth of the gateway") as answer:
            if not answer.ok:
                raise Refused
            token: str = answer.json()["paymentToken"]
            return token

    def _ask(self, method: str, path: str, body: Body | None = None, name: str = "") -> Body:
        headers = {"Idempotency-Key": secrets.token_hex(16)} if body else {}
        with self.client.request(
            method,
            f"/api/v1{path}",
            json=body,
            headers=headers,
            name=name or path,
            catch_response=True,
        ) as answer:
            if not answer.ok:
                answer.failure(f"{answer.status_code} {_code(answer)}")
                raise Refused
            found: Body = answer.json()
            return found


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def judge(environment: Environment, **_: Any) -> None:
    """Fail if less was reached than was asked for."""
    is_good = all(_verdicts(environment).values())
    environment.process_exit_code = 0 if is_good else 1
    told: Any = events.quit  # comes below locust's own tables
    told.add_listener(lambda **_: _tell(environment))


def _verdicts(environment: Environment) -> dict[str, bool]:
    asked: Any = environment.parsed_options
    placed = environment.stats.get(ORDERS, "POST")
    seconds = max(placed.last_request_timestamp or 0, placed.start_time) - placed.start_time
    rate = (placed.num_requests - placed.num_failures) / seconds if seconds else 0.0
    failures = environment.stats.total.fail_ratio
    p50, p99 = (placed.get_response_time_percentile(share) for share in (0.5, 0.99))
    return {
        f"orders a second: {rate:.1f} of {asked.orders_per_second:g}": (
            rate >= SHORTEST_OF_RATE * asked.orders_per_second
        ),
        f"POST {ORDERS}: p50 {p50:.0f} ms, p99 {p99:.0f} ms (at most {SLOWEST_P99_MS:,})": (
            0 < p99 <= SLOWEST_P99_MS
        ),
        f"requests that failed: {failures:.2%} (at most {MOST_FAILURES:.0%})": (
            failures <= MOST_FAILURES
        ),
    }


def _tell(environment: Environment) -> None:
    for said, is_good in _verdicts(environment).items():
        print(f"  {'✓' if is_good else '✗'} {said}")
    if any("429" in str(error.error) for error in environment.stats.errors.values()):
        print("\n  The shop's throttles refused some: let it run with THROTTLE=0 for this.")


def _goods(products: list[Body]) -> int:
    amounts: list[int] = [product["price"]["amount"] for product in products]
    return sum(amounts)


def _code(answer: Any) -> str:
    try:
        return str(answer.json().get("code", ""))
    except ValueError:
        return ""
