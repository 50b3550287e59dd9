"""
A steady load of orders by locust: `make load ARGS="--rate 25 --seconds 300 --shop https://…"`.

Buyers are guests who look around and pay with the good test card. Before they come, the demo's
warehouse gets goods enough for all of them. The exit code is 0 if the rate was held, with at most
1 % of failures and 99 of 100 orders placed within a second.
"""

from __future__ import annotations

import argparse
import math
import os
import sys

import httpx

from dev import ROOT
from dev.caller import Caller, DemoFailed
from dev.demo_users import demo_password, email_of
from dev.shop import Addresses, Shop
from dev.terminal import bad

PACE = 4.0  # seconds between a buyer's visits: longer than one takes, or the rate would not hold
SPARE = 3  # chance likes some products better


def main() -> int:
    """Fill the shelves and let the buyers in."""
    asked = _parser().parse_args()
    shop = Shop()
    known = Addresses(asked.shop, asked.payment, "") if asked.shop else shop.running_at()
    if known is None:
        print(
            bad("No shop is running here: `THROTTLE=0 make run` starts one; or name one: --shop.")
        )
        return 1
    password = os.environ.get("DEMO_PASSWORD") or demo_password(shop.state)
    try:
        filled = _fill(known, password, orders=math.ceil(asked.rate * asked.seconds))
    except (DemoFailed, httpx.HTTPError) as failure:
        print(bad(f"The shelves could not be filled: {failure}"))
        return 1
    print(
        f"{filled} products have goods enough; {asked.rate:g} orders a second, {asked.seconds} s."
    )
    command = _locust(asked, known)
    return os.execv(command[0], command)  # noqa: S606 -- a program of our own, and no shell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rate", type=float, default=25, help="orders a second")
    parser.add_argument("--seconds", type=int, default=60, help="for how long")
    parser.add_argument("--shop", help="where the shop is, if not on this machine")
    parser.add_argument("--payment", help="where its customers send a card")
    return parser


def _fill(known: Addresses, password: str, *, orders: int) -> int:
    """Let the warehouse have more of what is shown first; return of how many products."""
    api = f"{known.shop}/api/v1"
    warehouse = Caller(api).log_in(email_of("warehouse"), password)
    products = warehouse.get("/products", limit=50)["results"]
    more = SPARE * math.ceil(2 * orders / len(products))
    for product in products:
        path = f"/warehouse/stock/{product['id']}/adjustments"
        warehouse.post(path, {"delta": more, "reason": "load test"})
    return len(products)


def _locust(asked: argparse.Namespace, known: Addresses) -> list[str]:
    users = math.ceil(asked.rate * PACE)
    return [
        *(sys.executable, "-m", "locust", "-f", str(ROOT / "dev" / "buyers.py"), "--headless"),
        *("--host", known.shop, "--payment", known.payment_3p, "--only-summary"),
        *("--users", str(users), "--spawn-rate", str(asked.rate)),
        *("--orders-per-second", str(asked.rate), "--run-time", f"{asked.seconds}s"),
    ]


if __name__ == "__main__":
    sys.exit(main())
