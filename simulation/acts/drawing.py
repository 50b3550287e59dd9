"""A day in the shop, drawn: small enough to be read, mixed enough to end in every way."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import TypeVar

from apps.payment.gateway.fake import (
    CAPTURE_REFUSED_CARD,
    DECLINED_CARD,
    GOOD_CARD,
    INSUFFICIENT_FUNDS_CARD,
    SILENT_CARDS,
)
from simulation.acts.act import Act
from simulation.acts.customers import CancelOrder, ChangeAddress, PlaceOrder
from simulation.acts.staff import (
    AdjustStock,
    ChangePrice,
    CompletePackaging,
    CompleteShipment,
    CorrectLine,
    DeleteProduct,
    FailShipment,
    Refund,
    RetryCapture,
    StartPackaging,
    StartShipment,
    WriteOff,
)
from simulation.journal import Plan
from simulation.people import COUPON, CUSTOMERS, PRICES

T = TypeVar("T")

MOST_ORDERS, MOST_LINES, MOST_ACTS, LEAST_ACTS = 5, 5, 25, 6
_CARDS = {
    GOOD_CARD: 68,
    DECLINED_CARD: 6,
    INSUFFICIENT_FUNDS_CARD: 3,
    CAPTURE_REFUSED_CARD: 8,
    **dict.fromkeys(SILENT_CARDS, 8),
}
_MISSING = {"nothing": 60, "something": 25, "everything": 15}
_QUANTITIES = {1: 60, 2: 30, 3: 10}
# Who else might do the same at the same time.
_COLLEAGUE = {"warehouse": "warehouse 2", "delivery": "delivery 2", "support": "support 2"}


def draw_acts(chance: random.Random) -> list[Act]:
    """
    Draw what people do, in the order in which they begin.

    Each order has a story of its own; the stories are shuffled into each other, and some acts
    are done twice at once: by an impatient client (the same key) or a colleague (another).
    """
    stories = [
        _Story(chance, number).acts() for number in range(1, chance.randint(3, MOST_ORDERS) + 1)
    ]
    stories.append(_of_the_shop(chance))
    acts = _shuffled_together(chance, stories)[:MOST_ACTS]
    numbered = [dataclasses.replace(act, key=f"act-{place}") for place, act in enumerate(acts, 1)]
    return list(_doubled(chance, numbered))[:MOST_ACTS]


class _Story:
    """What happens to one order, as far as people have it in their hands."""

    def __init__(self, chance: random.Random, number: int) -> None:
        self._chance = chance
        self._number = number
        self._customer = chance.randrange(CUSTOMERS)
        self._lines = self._drawn_lines()
        self._card = _one_of(chance, _CARDS)
        self._plan = Plan(
            missing=_one_of(chance, _MISSING),
            is_delivered=chance.random() < 0.8,
            refunds=_drawn_refunds(chance),
        )

    def acts(self) -> list[Act]:
        """Return them in order; staff often come too late, or too early."""
        story: list[Act] = [self._placed()]
        work = self._work()
        story += work[: self._chance.choice((0, 0, 1, 2, 3, len(work), len(work)))]
        for act in self._changes_of_mind():
            story.insert(self._chance.randint(1, len(story)), act)
        return story

    def _placed(self) -> PlaceOrder:
        return PlaceOrder(
            key="",
            who=f"customer {self._customer}",
            order=self._number,
            customer=self._customer,
            lines=self._lines,
            card=self._card,
            plan=self._plan,
            coupon=None if self._number % 2 else COUPON["code"],
        )

    def _drawn_lines(self) -> tuple[tuple[int, int], ...]:
        most = min(MOST_LINES, len(PRICES))
        count = self._chance.choice((1, 1, 2, 2, 3, most))
        wanted = self._chance.sample(range(len(PRICES)), count)
        return tuple((product, _one_of(self._chance, _QUANTITIES)) for product in wanted)

    def _work(self) -> list[Act]:
        order, plan = self._number, self._plan
        arrival = CompleteShipment if plan.is_delivered else FailShipment
        return [
            StartPackaging(key="", who="warehouse", order=order),
            *corrections(order, self._lines, plan.missing),
            CompletePackaging(key="", who="warehouse", order=order),
            StartShipment(key="", who="delivery", order=order),
            arrival(key="", who="delivery", order=order),
            *(Refund(key="", who="support", order=order, percent=p) for p in plan.refunds),
        ]

    def _changes_of_mind(self) -> Iterator[Act]:
        customer, order, chance = f"customer {self._customer}", self._number, self._chance
        if chance.random() < 0.25:
            yield CancelOrder(key="", who=customer, order=order)
        if chance.random() < 0.2:
            yield CancelOrder(key="", who="support", order=order)
        for street in ("2 Short Street", "3 Wide Street"):
            if chance.random() < 0.2:
                yield ChangeAddress(
                    key="", who=customer, order=order, customer=self._customer, street=street
                )
        if self._card == CAPTURE_REFUSED_CARD:
            remedy = chance.choice((RetryCapture, WriteOff))
            yield remedy(key="", who="support", order=order)


def corrections(order: int, lines: tuple[tuple[int, int], ...], missing: str) -> list[CorrectLine]:
    """Return what whoever packs must correct if so much is missing on the shelf."""
    if missing == "nothing":
        return []
    short = lines if missing == "everything" else lines[:1]
    left = 0 if missing == "everything" or len(lines) > 1 else lines[0][1] - 1
    return [
        CorrectLine(key="", who="warehouse", order=order, product=product, quantity=left)
        for product, _ in short
    ]


def _of_the_shop(chance: random.Random) -> list[Act]:
    """Draw what staff do that concerns no order; enough to fill the day."""
    kinds = [_adjustment, _adjustment, _price, _price, _deletion]
    return [chance.choice(kinds)(chance) for _ in range(chance.randint(LEAST_ACTS - 2, 6))]


def _adjustment(chance: random.Random) -> AdjustStock:
    delta = chance.choice((-2, -1, -1, 1, 2, 3))
    return AdjustStock(key="", who="warehouse", product=chance.randrange(len(PRICES)), delta=delta)


def _price(chance: random.Random) -> ChangePrice:
    product = chance.randrange(len(PRICES))
    price = PRICES[product] * chance.choice((80, 90, 110, 120)) // 100
    return ChangePrice(key="", who="admin", product=product, price=price)


def _deletion(chance: random.Random) -> Act:
    # Most of the time someone thinks better of it: what is gone can't be ordered.
    if chance.random() < 0.5:
        return _price(chance)
    return DeleteProduct(key="", who="admin", product=chance.randrange(len(PRICES)))


def _drawn_refunds(chance: random.Random) -> tuple[int, ...]:
    return chance.choice(((), (), (25,), (100,), (40, 40), (70, 70)))


def _shuffled_together(chance: random.Random, stories: list[list[Act]]) -> list[Act]:
    """Keep the order inside each story, and nothing else."""
    turns = [index for index, story in enumerate(stories) for _ in story]
    chance.shuffle(turns)
    left = [iter(story) for story in stories]
    return [next(left[index]) for index in turns]


def _doubled(chance: random.Random, acts: list[Act]) -> Iterator[Act]:
    for act in acts:
        yield act
        if chance.random() < 0.08:
            yield act
        elif act.who in _COLLEAGUE and chance.random() < 0.12:
            yield dataclasses.replace(act, who=_COLLEAGUE[act.who], key=f"{act.key}-too")


def _one_of(chance: random.Random, weights: dict[T, int]) -> T:
    return chance.choices(list(weights), list(weights.values()))[0]
