"""One run: a shop of its own, people in it, faults, and the verdict when all is quiet."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg

from chaos.books import read_books
from chaos.customers import Customers
from chaos.director import Director
from chaos.faults import Fault, all_faults
from chaos.ledger import Ledger
from chaos.memory import Memory
from chaos.report import Report
from chaos.rules import open_work
from chaos.stack import Stack
from chaos.staff import Carrier, Packer
from chaos.threads import Threads
from chaos.verdict import Breach, Wrong, judge, judge_tables
from chaos.watch import Watch
from dev import ROOT
from dev.demo_users import demo_password
from dev.run import Start

PLENTY = 500_000  # units of what never gets scarce
WARM_ORDERS = 5
WARM_SECONDS = 60.0
QUIET_SECONDS = 300.0  # so long the shop has to work everything off
LOOK_SECONDS = 2.0
TELL_SECONDS = 10.0


class Unknown(Exception):
    """There is no such target."""


class Run:
    """All that happens beside the supervisor, which has the main thread."""

    def __init__(
        self, start: Start, threads: Threads, asked: argparse.Namespace, tell: Callable[[str], None]
    ) -> None:
        self._start, self._threads, self._asked, self._tell = start, threads, asked, tell
        self._ledger = Ledger()
        self._stack = Stack(start, threads)
        self._watch = Watch(self._stack, self._ledger, threads)
        self._memory = Memory(self._stack, threads)
        self._faults = chosen(all_faults(self._stack.programs), asked.only)
        self.report: Report | None = None

    def run(self) -> None:
        """Let it all happen; afterwards there is a report."""
        customers = self._open_the_shop()
        begun = time.monotonic()
        director = Director(
            self._stack, self._watch, self._faults, self._tell, seed=self._asked.seed
        )
        director.run(self._asked.minutes * 60)
        customers.stop()
        placed = time.monotonic() - begun
        self._tell(f"no new orders after {placed:.0f} s; the shop works off what it has")
        self._until_quiet()
        self.report = Report(
            self._ledger,
            self._watch.strikes,
            self._memory.rows(),
            self._judge(),
            vars(self._asked),
            placed,
        )

    def _open_the_shop(self) -> Customers:
        addresses, seed = self._start.plan.addresses, self._asked.seed
        people = addresses, demo_password(self._start.shop.state), self._ledger, self._threads
        packer, clerk = Packer(*people, seed=seed), Packer(*people, seed=seed)
        carrier = Carrier(*people, seed=seed)
        for each in (packer, clerk, carrier):
            each.log_in()
        scarce, *products = packer.products()
        for product_id in products:
            packer.stock(product_id, PLENTY)
        customers = Customers(
            addresses, self._ledger, self._threads, rate=self._asked.rate, seed=seed
        )
        customers.fill_baskets(products, scarce)
        self._threads.start("watch", self._watch.run)
        self._threads.start("memory", self._memory.run)
        self._threads.start("packer", packer.work)
        self._threads.start("carrier", carrier.work)
        self._threads.start("clerk", lambda: clerk.restock(scarce))
        customers.start()
        self._warm_up()
        return customers

    def _warm_up(self) -> None:
        def is_warm() -> bool:
            return sum(ask.is_settled for ask in self._ledger.asks) >= WARM_ORDERS

        if not self._stack.until(is_warm, WARM_SECONDS):
            raise TimeoutError(f"No {WARM_ORDERS} orders were decided in {WARM_SECONDS:.0f} s.")
        self._tell(f"orders flow, {self._asked.rate:g} a second")

    def _until_quiet(self) -> None:
        """Wait until nothing is left to do; what still is after that, the verdict names."""
        begun = time.monotonic()
        told_at, told = begun, ""
        while (waited := time.monotonic() - begun) < QUIET_SECONDS:
            text = ", ".join(f"{n} {what}" for what, n in self._open_work().items() if n)
            if not text:
                self._tell(f"quiet after {waited:.0f} s")
                return
            if text != told and time.monotonic() > told_at + TELL_SECONDS:
                told_at, told = time.monotonic(), text
                self._tell(f"still {text}")
            self._threads.pause(LOOK_SECONDS)
        self._tell(f"not quiet after {QUIET_SECONDS:.0f} s")

    def _open_work(self) -> dict[str, int]:
        waiting = {"requests not answered": self._ledger.unanswered}
        try:
            with contextlib.closing(self._stack.connect()) as shop:
                return waiting | open_work(shop)
        except psycopg.OperationalError:
            return {"database away": 1}

    def _judge(self) -> list[Breach]:
        with (
            contextlib.closing(self._stack.connect()) as shop,
            contextlib.closing(self._stack.connect("payment_3p")) as gateway,
        ):
            found = judge(self._ledger, read_books(shop, gateway)) + judge_tables(shop)
        stopped = [
            Breach(Wrong.BROKEN, strike.fault.program, f"{strike.fault.name}: {breach}")
            for strike in self._watch.strikes
            if (breach := strike.outcome.breach)
        ]
        return found + stopped + self._audit_verify()

    def _audit_verify(self) -> list[Breach]:
        done = subprocess.run(
            [sys.executable, "manage.py", "audit", "verify"],
            env={**self._start.plan.environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return []
        return [Breach(Wrong.BROKEN, "audit", (done.stdout + done.stderr)[-2000:])]


def chosen(faults: list[Fault], only: str) -> list[Fault]:
    """
    Return the faults whose targets are named, or all.

    :raises Unknown: for a name that isn't a target's.
    """
    wanted, known = {name for name in only.split(",") if name}, {fault.target for fault in faults}
    if unknown := wanted - known:
        raise Unknown(
            f"There is no {', '.join(sorted(unknown))}: take of {', '.join(sorted(known))}."
        )
    return [fault for fault in faults if not wanted or fault.target in wanted]
