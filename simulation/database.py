"""The one database that all schedules use: a shop is opened in it once, and put back after each."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

from django.conf import settings
from django.db import connection, connections
from django.test.utils import override_settings
from psycopg import conninfo

from apps.payment.gateway import FakeGateway
from simulation.chance import seeded
from simulation.clock import Clock
from simulation.locks import LockWatch
from simulation.people import ShopClients, open_shop
from simulation.snapshot import Snapshot
from simulation.statements import instrumented

# Whoever waits does so until the schedule moves on: real time decides nothing.
_PATIENT = (
    "-c deadlock_timeout=1h -c lock_timeout=0 -c statement_timeout=0"
    " -c idle_in_transaction_session_timeout=0 -c transaction_timeout=0"
)


class Stage:
    """A database with a shop that has just opened; `reset` puts it back to that."""

    def __init__(self, shop: ShopClients, opened: Snapshot, watch: LockWatch) -> None:
        self.watch = watch
        self._shop, self._opened = shop, opened

    def people(self, gateway: FakeGateway) -> ShopClients:
        """Return the shop's people, to whom nothing has happened yet."""
        return self._shop.again(gateway)

    def reset(self, written: Collection[str]) -> None:
        """Put these tables back as they were when the shop opened."""
        self._opened.put_back(written)

    def reset_all(self) -> None:
        """Put every table back."""
        self._opened.put_back(self._opened.tables)


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Open a shop in Django's migrated database, let it be used, and leave no trace of it."""
    with _patient_connections(), instrumented(), override_settings(**_settings()), _kept():
        clock = Clock()
        with clock.installed(), seeded("opening", clock):
            shop = open_shop(gateway=FakeGateway())
        opened = Snapshot("simulation_opened")
        try:
            with contextlib.closing(LockWatch(_conninfo())) as watch:
                yield Stage(shop, opened, watch)
        finally:
            opened.drop()


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    """Keep the rows that are there; what autovacuum learns would change plans meanwhile."""
    before = Snapshot("simulation_before")
    _let_autovacuum_work(before.whole, is_on=False)
    try:
        yield
    finally:
        before.put_back(before.tables)
        _let_autovacuum_work(before.whole, is_on=True)
        before.drop()


def _let_autovacuum_work(tables: list[str], *, is_on: bool) -> None:
    change = "RESET (autovacuum_enabled)" if is_on else "SET (autovacuum_enabled = off)"
    with connection.cursor() as cursor:
        for name in tables:
            cursor.execute(f"ALTER TABLE {connection.ops.quote_name(name)} {change}")


def _settings() -> dict[str, Any]:
    """Return what differs from a real shop: static files are nobody's concern here."""
    middleware = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]
    return {"ALLOWED_HOSTS": ["testserver"], "MIDDLEWARE": middleware}


@contextlib.contextmanager
def _patient_connections() -> Iterator[None]:
    options = connections["default"].settings_dict["OPTIONS"]
    before = options["options"]
    connection.close()
    options["options"] = f"{before} {_PATIENT}"
    try:
        yield
    finally:
        options["options"] = before
        connection.close()


def _conninfo() -> str:
    found = connection.get_connection_params()
    names = {"dbname", "user", "password", "host", "port"}
    return conninfo.make_conninfo(**{key: found[key] for key in names & found.keys()})
