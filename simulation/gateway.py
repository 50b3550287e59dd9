"""The outside world behind a bad network: it fails before, after and during the work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from apps.invoices.gateway import FakeDocumentStore
from apps.payment.gateway import (
    Accepted,
    Answer,
    BooksPage,
    FakeGateway,
    NotFound,
    Unknown,
    Wish,
)
from kernel.mail import FakePost, Mail
from simulation.baton import current_task
from simulation.clock import Clock
from simulation.faults import Faults, Kind

LONGEST_OUTAGE_SECONDS = 600.0
SLOWEST_WEBHOOK_SECONDS = 60.0
Notify = Callable[[Wish, float], None]
"""Lets a webhook that speaks of a wish come to the shop in so many seconds."""


class Network:
    """Between the shop and one other party: calls are points, and go wrong as faults say."""

    def __init__(self, name: str, clock: Clock, faults: Faults, *, down: Kind) -> None:
        self._name, self._clock, self._faults, self._down = name, clock, faults, down
        self._calls = 0
        self._away_until = clock.now()

    def begin(self, what: str) -> bool:
        """Stop before a call; return whether the other party can be reached."""
        self._calls += 1
        _stop(f"{self._name}.{what}")
        if self._faults.strikes(self._down, self._calls, what):
            outage = self._faults.chance.between(1, LONGEST_OUTAGE_SECONDS, "outage", self._calls)
            self._away_until = self._clock.now() + dt.timedelta(seconds=outage)
        return self._clock.now() >= self._away_until or self._faults.is_over

    def is_struck(self, kind: Kind, what: str) -> bool:
        """Say whether this fault strikes the call that has begun."""
        return self._faults.strikes(kind, self._calls, what)

    def end(self, what: str) -> None:
        """Stop after the call: who dies here was answered, and has written nothing."""
        _stop(f"{self._name}.{what}.answered")


class SimulatedGateway(FakeGateway):
    """The payment gateway with its own books, reached over the network."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        super().__init__()
        self._network = Network("gateway", clock, faults, down=Kind.GATEWAY_DOWN)
        self._faults = faults
        self.notify: Notify = lambda wish, seconds: None

    def call(self, wish: Wish) -> Answer:
        """Do it, once for each key."""
        what = wish.kind.lower()
        if not self._network.begin(what):
            return Unknown("ConnectError")
        is_silent = self._network.is_struck(Kind.GATEWAY_SILENT, what)
        is_doubled = self._network.is_struck(Kind.GATEWAY_TWICE, what)
        answer = super().call(wish)
        if is_doubled:
            answer = super().call(wish)
        if answer == Accepted():
            self._send_webhooks(wish, what)
        self._network.end(what)
        return Unknown("ReadTimeout") if is_silent else answer

    def _send_webhooks(self, wish: Wish, what: str) -> None:
        if self._network.is_struck(Kind.WEBHOOK_LOST, what):
            return
        is_early = self._network.is_struck(Kind.WEBHOOK_EARLY, what)
        pause = 0.0 if is_early else self._pause("webhook", wish)
        self.notify(wish, pause)
        if self._network.is_struck(Kind.WEBHOOK_TWICE, what):
            self.notify(wish, self._pause("webhook again", wish))

    def _pause(self, what: str, wish: Wish) -> float:
        return self._faults.chance.between(1, SLOWEST_WEBHOOK_SECONDS, what, wish.id)

    def find(self, wish: Wish) -> Accepted | NotFound | Unknown:
        """Look into the books."""
        if not self._network.begin("find"):
            return Unknown("ConnectError")
        found = super().find(wish)
        self._network.end("find")
        return found

    def books(self, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
        """Read a page of the day's books."""
        if not self._network.begin("books"):
            return Unknown("ConnectError")
        page = super().books(on, after=after)
        self._network.end("books")
        return page


class SimulatedDocumentStore(FakeDocumentStore):
    """The store of documents, reached over the network."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        super().__init__()
        self._network = Network("documents", clock, faults, down=Kind.STORE_DOWN)

    def store(self, *, key: str, content: bytes) -> None:
        """
        Keep a document.

        :raises ConnectionError: while it is down, or when nobody hears that it is stored.
        """
        if not self._network.begin("store"):
            raise ConnectionError("The storage is down.")
        is_silent = self._network.is_struck(Kind.STORE_SILENT, key)
        super().store(key=key, content=content)
        self._network.end("store")
        if is_silent:
            raise ConnectionError("The storage did not answer.")


class SimulatedPost(FakePost):
    """The mail server, reached over the network."""

    def __init__(self, clock: Clock, faults: Faults) -> None:
        super().__init__()
        self._network = Network("mails", clock, faults, down=Kind.MAIL_DOWN)

    def send(self, mail: Mail) -> bool:
        """
        Keep a mail.

        :raises ConnectionError: while it is down, or when nobody hears that it was taken.
        """
        if not self._network.begin("send"):
            raise ConnectionError("The mail server is down.")
        is_silent = self._network.is_struck(Kind.MAIL_SILENT, "send")
        is_taken = super().send(mail)
        self._network.end("send")
        if is_silent:
            raise ConnectionError("The mail server did not answer.")
        return is_taken


def _stop(label: str) -> None:
    if task := current_task():
        task.stop_at(label)
