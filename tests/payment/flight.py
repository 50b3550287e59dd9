"""One payment among processes that share a database, a gateway and a bad network, step by step."""

from __future__ import annotations

import contextlib
import copy
import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from django.db import transaction as django_transaction  # noqa: TID251 -- one that is undone

from apps.payment import gateway as gateways
from apps.payment import usecases
from apps.payment.gateway import FakeGateway, Unknown, Wish
from apps.payment.models import Operation
from apps.payment.models.circuit import REST
from kernel.bus.models import OutboxEvent
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import Order, assert_books_agree

MOVES = ("answer", "webhook", "poll", "time-out", "duplicate", "unreachable")
# After so many polls everything has its answer, or never will.
MOST_POLLS = 60


class Flight:
    """
    What is under way: each wish in the air belongs to a process that waits for its answer.

    A move is about the wish that has been in the air for longest. Time stands still, but for polls.
    """

    def __init__(self, order: Order, fake: FakeGateway) -> None:
        self.order, self.fake = order, fake
        self.now = NOON
        self.air: list[Wish] = []
        self.newest: Wish | None = None

    def tell(self, use_case: Callable[..., Any], **facts: Any) -> None:
        """Let payment hear a fact; what it wishes is in the air."""
        with transaction():
            wish = use_case(order_id=self.order.id, at=self.now, **facts)
        self._send(wish if isinstance(wish, Wish) else None)

    def move(self, name: str) -> None:
        getattr(self, f"_{name.replace('-', '_')}")()

    def settle(self) -> None:
        """Let every answer come, and the watch ask until nothing is open."""
        for _ in range(MOST_POLLS):
            while self.air:
                self._answer()
            if not self._open().exists():
                return
            self.now += REST
            self._poll()
        raise AssertionError("Something stays open for ever.")

    def days_go_by(self) -> None:
        """Let who waits give up, and the gateway forget its keys."""
        while self.air:
            self._time_out()
        self.now += dt.timedelta(days=2)
        self.fake.forget_keys()

    def assert_books_agree(self) -> None:
        assert_books_agree(self.order, self.fake)

    @contextlib.contextmanager
    def undone(self) -> Iterator[Flight]:
        """Go on from here, and come back: rows, the gateway's books, the air and the time."""
        before = vars(self.fake).copy()
        held = copy.deepcopy((self.fake.accounts, self.fake.answers, self.fake.done))
        now, air, newest = self.now, list(self.air), self.newest
        block = django_transaction.atomic()
        block._from_testcase = True  # type: ignore[attr-defined]  # use cases open their own in it
        with block:
            yield self
            django_transaction.set_rollback(True)
        self.now, self.air, self.newest = now, air, newest
        vars(self.fake).update(before)
        self.fake.accounts, self.fake.answers, self.fake.done = held

    def _answer(self) -> None:
        if self.air:
            wish = self.air.pop(0)
            self._take(wish, gateways.carry_out(wish))

    def _duplicate(self) -> None:
        """The request comes twice, and so does the answer."""
        if self.air:
            wish = self.air.pop(0)
            answers = [gateways.carry_out(wish), gateways.carry_out(wish)]
            for answer in answers:
                self._take(wish, answer)

    def _time_out(self) -> None:
        """The work is done, and nobody hears so."""
        if self.air:
            wish = self.air.pop(0)
            gateways.carry_out(wish)
            self._note_silence(wish)

    def _unreachable(self) -> None:
        """Nothing is done."""
        if self.air:
            self._note_silence(self.air.pop(0))

    def _webhook(self) -> None:
        """The gateway speaks of the newest wish, be it answered, done, or not even there yet."""
        if self.newest:
            with transaction():
                usecases.note_webhook(operation_id=self.newest.id, at=self.now)

    def _poll(self) -> None:
        """The watch comes when the next wish is due, and what it asks for is taken up."""
        open_now = self._open().order_by("next_ask_at").values_list("next_ask_at", flat=True)
        self.now = max(self.now, open_now[0]) if open_now else self.now
        with transaction():
            asked = usecases.ask_again(at=self.now)
        for _ in range(asked):
            self.tell(usecases.resume_operation)

    def _take(self, wish: Wish, answer: Any) -> None:
        if isinstance(answer, Unknown):
            self._note_silence(wish)
            return
        self.tell(usecases.take_answer, operation_id=wish.id, answer=answer)

    def _note_silence(self, wish: Wish) -> None:
        with transaction():
            usecases.note_silence(gateway=wish.gateway, why="silence", at=self.now)

    def _send(self, wish: Wish | None) -> None:
        if wish:
            self.air.append(wish)
            self.newest = wish

    def _open(self) -> Any:
        return Operation.objects.filter(payment_id=self.order.id, state=Operation.State.WISHED)


def told_of(order: Order) -> list[str]:
    """Return what was said of the order's payment, by name, without asking the gateway again."""
    rows = OutboxEvent.objects.filter(order_id=order.id, name__startswith="payment.payment_")
    found = rows.order_by("sequence").values_list("name", flat=True)
    return [name.split(".")[1].removeprefix("payment_") for name in found]
