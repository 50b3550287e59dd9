"""Customers: orders at a steady rate, whatever the shop does meanwhile."""

from __future__ import annotations

import contextlib
import functools
import heapq
import itertools
import queue
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from chaos.client import Body, Client
from chaos.ledger import Ask, Kind, Ledger
from chaos.threads import Threads
from dev.shop import Addresses
from dev.stage import ADDRESS

CARDS = {Kind.DECLINED: "4000000000000002", Kind.BROKEN: "4000000000000119"}
GOOD_CARD = "4242424242424242"
# Of a hundred orders; the rest is plain.
SHARES = {Kind.DECLINED: 8, Kind.BROKEN: 4, Kind.SCARCE: 8, Kind.CANCELLED: 10}
SHORTEST_REGRET, LONGEST_REGRET = 0.0, 4.0  # seconds until a customer wants out
BASKETS = 8  # different ones
QUOTE_SECONDS = 600.0  # a quote lives for longer
CUSTOMERS = 8
SPARE_TOKENS = 40
LIMIT = {"amount": 10_000_000, "currency": "EUR"}

Job = Callable[["Customer"], None]
Lines = list[Body]


class Customers:
    """Draws orders, and hands them out to customers when their time has come."""

    def __init__(
        self, addresses: Addresses, ledger: Ledger, threads: Threads, *, rate: float, seed: int
    ) -> None:
        self._ledger, self._threads, self._rate = ledger, threads, rate
        self._dice = random.Random(seed)
        self._due: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._jobs: queue.Queue[Job] = queue.Queue()
        self._lock = threading.Lock()
        self._is_placing = threading.Event()
        self.customers = [Customer(self, addresses, ledger, threads) for _ in range(CUSTOMERS)]
        self.baskets: list[Lines] = []
        self.scarce: Lines = []

    def fill_baskets(self, products: list[str], scarce: str) -> None:
        """Draw what customers put into their baskets; each has up to three products."""
        for _ in range(BASKETS):
            chosen = self._dice.sample(products, self._dice.randint(1, 3))
            self.baskets.append([_line(each, self._dice.randint(1, 2)) for each in chosen])
        self.scarce = [_line(scarce, 2)]

    def start(self) -> None:
        """Let customers open their accounts, and then order."""
        for customer in self.customers:
            customer.register()
        self._is_placing.set()
        self._threads.start("customers", self._draw)
        for customer in self.customers:
            self._threads.start(customer.email, functools.partial(customer.live, self._jobs))

    def stop(self) -> None:
        """Let no new ones come; those who are there wait for their answers."""
        self._is_placing.clear()

    def regret(self, job: Job, seconds: float) -> None:
        """Let any customer do this later."""
        with self._lock:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), job))

    def _draw(self) -> None:
        at = time.monotonic()
        while True:
            if self._is_placing.is_set() and time.monotonic() >= at:
                at += 1 / self._rate
                self._jobs.put(self._order())
            self._hand_out()
            self._threads.pause(0.01)

    def _hand_out(self) -> None:
        with self._lock:
            while self._due and self._due[0][0] <= time.monotonic():
                self._jobs.put(heapq.heappop(self._due)[2])

    def _order(self) -> Job:
        number = self._dice.randrange(100)
        kind = Kind.PLAIN
        for other, share in SHARES.items():
            number -= share
            if number < 0:
                kind = other
                break
        basket = self.scarce if kind is Kind.SCARCE else self._dice.choice(self.baskets)
        regret = self._dice.uniform(SHORTEST_REGRET, LONGEST_REGRET)
        ask = self._ledger.ask(secrets.token_hex(16), kind)
        return lambda customer: customer.order(ask, basket, regret)


class Customer:
    """Someone with an account who orders again and again, one order at a time."""

    def __init__(
        self, crowd: Customers, addresses: Addresses, ledger: Ledger, threads: Threads
    ) -> None:
        self._crowd, self._ledger, self._threads = crowd, ledger, threads
        self._shop = Client(f"{addresses.shop}/api/v1", ledger, threads)
        self._gateway = Client(addresses.payment_3p, ledger, threads)
        self._quotes: dict[str, tuple[float, str]] = {}
        self._spares: deque[str] = deque()
        self.email = f"customer.{secrets.token_hex(6)}@example.com"

    def register(self) -> None:
        """Open an account, log in, and get some payment tokens for bad times."""
        password = secrets.token_urlsafe(12)
        body = {"email": self.email, "password": password, "name": ADDRESS["name"]}
        if not (answer := self._shop.post("/users", body)).is_good:
            raise RuntimeError(f"{self.email} may not register: {answer.code}")
        self._shop.log_in(self.email, password)
        while len(self._spares) < SPARE_TOKENS // CUSTOMERS:
            self._spares.append(self._token(GOOD_CARD))

    def live(self, jobs: queue.Queue[Job]) -> None:
        """Do one thing after the other until the run ends."""
        while not self._threads.has_ended:
            with contextlib.suppress(queue.Empty):
                jobs.get(timeout=0.2)(self)

    def order(self, ask: Ask, lines: Lines, regret: float) -> None:
        """Place an order; perhaps be sorry."""
        ask.token = self._payment(ask.kind)
        body: dict[str, Any] = {
            "lines": lines,
            "address": ADDRESS,
            "delivery_quote": self._quote(lines),
            "payment_token": ask.token,
        }
        answer = self._shop.post("/orders", body, key=ask.key)
        if not answer.is_good:
            self._ledger.refuse(ask, answer.code)
            return
        self._ledger.promise(ask, answer.body["id"])
        if ask.kind is Kind.CANCELLED:
            self._crowd.regret(lambda _: self.cancel(ask), regret)

    def cancel(self, ask: Ask) -> None:
        """Ask for the order's cancellation; it may be too late."""
        ask.is_cancelled = self._shop.post(f"/orders/{ask.order_id}/cancel").is_good

    def _quote(self, lines: Lines) -> str:
        known_at, quote = self._quotes.get(str(lines), (0.0, ""))
        if not quote or time.monotonic() > known_at + QUOTE_SECONDS:
            answer = self._shop.post("/delivery/quotes", {"lines": lines, "address": ADDRESS})
            quote = answer.body["quote"]
            self._quotes[str(lines)] = time.monotonic(), quote
        return quote

    def _payment(self, kind: Kind) -> str:
        """Return a token; orders go on while the gateway is away, with one from before."""
        card = CARDS.get(kind, GOOD_CARD)
        if card != GOOD_CARD or not self._spares:
            return self._token(card)
        answer = self._gateway.try_once("POST", "/preauth", json={"cardNumber": card, **LIMIT})
        self._spares.append(answer.body["paymentToken"]) if answer and answer.is_good else None
        return self._spares.popleft()

    def _token(self, card: str) -> str:
        answer = self._gateway.post("/preauth", {"cardNumber": card, **LIMIT})
        token: str = answer.body["paymentToken"]
        return token


def _line(product_id: str, quantity: int) -> Body:
    return {"product_id": product_id, "quantity": quantity}
