"""`make run`: everything on this machine, under one supervisor, until Ctrl-C."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import httpx

from dev.demo_users import ROLES, demo_password, email_of
from dev.plan import LOOPBACK, Plan, PortTaken
from dev.shop import AlreadyRunning, Shop
from dev.supervisor import Failed, NeverReady, Stopped, Supervisor
from dev.terminal import bad, bold, dim, good

START_SECONDS = 60.0
DATA_SECONDS = 180.0
DEMO_SECONDS = 180.0


class Start:
    """One start of the shop, told step by step with its seconds."""

    def __init__(self, shop: Shop, plan: Plan, supervisor: Supervisor) -> None:
        self.shop, self.plan, self.supervisor = shop, plan, supervisor
        self._begun = time.monotonic()

    def bring_up(self) -> None:
        """
        Start everything in its order, and return when it serves.

        :raises Failed, NeverReady, Stopped:
        """
        self._servers()
        self._tables_and_queues()
        self._processes_and_data()
        self.shop.note_running(self.plan.addresses, self.plan.environment)
        self.tell(good(f"ready, {time.monotonic() - self._begun:.1f} s after the start"))

    def tell(self, text: str) -> None:
        """Print a line of our own."""
        self.supervisor.say("shop", text, 1)

    def _servers(self) -> None:
        postgres = self.plan.postgres
        if postgres:
            postgres.make()
        self.supervisor.start(*self.plan.servers())
        if postgres:
            self.supervisor.wait(postgres.answers, START_SECONDS, "PostgreSQL")
            postgres.prepare("payment_3p")
        if self.plan.has_emulator:
            health = f"{self.plan.environment['AWS_ENDPOINT_URL']}/_ministack/health"
            self.supervisor.wait(lambda: _answers(health), START_SECONDS, "The SQS/S3 emulator")
        self._done("PostgreSQL, SQS and S3 answer")

    def _tables_and_queues(self) -> None:
        gateway = [self.plan.migrate_gateway()] if self.plan.has_gateway else []
        self.supervisor.run(START_SECONDS, self.plan.prepare(), *gateway)
        self._done("tables, queues and buckets are up to date")

    def _processes_and_data(self) -> None:
        programs = self.plan.programs()
        self.supervisor.start(*programs)
        self._fill()
        web = f"{self.plan.addresses.shop}/api/v1/health/ready"
        self.supervisor.wait(lambda: _answers(web), START_SECONDS, "The web process")
        streams = f"http://{LOOPBACK}:{self.plan.ports['streams']}/health/ready"
        self.supervisor.wait(lambda: _answers(streams), START_SECONDS, "The stream process")
        if self.plan.has_gateway:
            gateway = f"{self.plan.addresses.payment_3p}/health"
            self.supervisor.wait(lambda: _answers(gateway), START_SECONDS, "payment_3p")
        storefront = f"{self.plan.addresses.storefront}/config.json"
        self.supervisor.wait(lambda: _answers(storefront), START_SECONDS, "The storefront")
        self._done(f"{len(programs)} processes run")

    def _fill(self) -> None:
        """Load the demo data; the embedded database has them once the mark lies beside it."""
        mark = self.shop.state / "has_demo_data"
        if mark.exists() and self.plan.has_own_database:
            return
        password = demo_password(self.shop.state)
        self.supervisor.run(DATA_SECONDS, self.plan.demo_data(password))
        mark.touch()
        self._done("demo data are there")

    def _done(self, text: str) -> None:
        self.tell(f"{time.monotonic() - self._begun:5.1f} s  {text}")


def main() -> int:
    """Run the shop until someone stops it."""
    shop = Shop()
    play = shop.local.demo

    def go_on(start: Start) -> int:
        announce(start)
        if play:
            _play(start)
        start.supervisor.serve()
        return 0

    return with_shop(shop, go_on)


def with_shop(shop: Shop, then: Callable[[Start], int]) -> int:
    """Start the shop, do what is wanted, stop it all; return the status to exit with."""
    try:
        with shop.lock():
            plan = Plan(shop)
            with Supervisor() as supervisor:
                return _guarded(Start(shop, plan, supervisor), then)
    except (AlreadyRunning, PortTaken) as refusal:
        print(bad(str(refusal)), file=sys.stderr)
        return 1


def _guarded(start: Start, then: Callable[[Start], int]) -> int:
    try:
        start.bring_up()
        status = then(start)
    except Stopped:
        status = 0
    except (Failed, NeverReady) as failure:
        start.tell(bad(str(failure)))
        status = 1
    start.tell("stopping …")
    start.supervisor.stop()
    start.tell("Stopped; nothing is left running. The data stay: `make reset` forgets them.")
    return status


def announce(start: Start) -> None:
    """Print where the shop is reached, and who may log in."""
    shop = start.plan.addresses.shop
    password = demo_password(start.shop.state)
    rows = [
        ("Storefront", f"{start.plan.addresses.storefront}/"),
        ("API", f"{shop}/api/v1/products"),
        ("API docs", f"{shop}/docs"),
        ("Admin", f"{shop}/admin/"),
        ("payment_3p", start.plan.addresses.payment_3p),
    ]
    for name, address in rows:
        start.tell(f"  {name:<11} {bold(address)}")
    start.tell(f"  {'Logins':<11} {dim('all with the password')} {bold(password)}")
    for role in ROLES:
        start.tell(f"  {'':<11} {email_of(role)}")


def _play(start: Start) -> None:
    try:
        start.supervisor.run(DEMO_SECONDS, start.plan.play("fulfilled"))
    except Failed as failure:
        start.tell(bad(str(failure)))
    start.tell(good("The shop goes on serving; Ctrl-C stops it."))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    sys.exit(main())
