from __future__ import annotations

import dataclasses
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable

import pytest

from apps.orders.models import Order
from apps.payment.models import Payment
from simulation.acts import closing_acts, draw_acts
from simulation.acts.customers import CancelOrder, PlaceOrder
from simulation.acts.drawing import LEAST_ACTS, MOST_ACTS
from simulation.acts.staff import AdjustStock, Refund, StartPackaging
from simulation.invariants import violations
from simulation.journal import Plan
from tests.simulation import scene
from tests.simulation.rehearsal import Rehearsal

SEEDS = range(200)
Prepare = Callable[[int], Rehearsal]


def test_the_same_seed_draws_the_same_acts() -> None:
    first, second = (draw_acts(random.Random(7)) for _ in range(2))

    assert first == second
    assert first != draw_acts(random.Random(8))


@pytest.mark.parametrize("seed", range(0, 200, 40))
def test_acts_are_plain_and_can_be_told_apart(seed: int) -> None:
    acts = draw_acts(random.Random(seed))
    told = [json.dumps(dataclasses.asdict(act)) for act in acts]
    keys = {act.key: text for act, text in zip(acts, told, strict=True)}

    assert all(act.name and act.who and act.key for act in acts)
    assert len(keys) == len(set(told))  # the same key is the same act
    assert len({str(act) for act in acts}) == len(keys)


def test_days_are_small() -> None:
    sizes = [len(draw_acts(random.Random(seed))) for seed in SEEDS]

    assert LEAST_ACTS <= min(sizes) <= max(sizes) <= MOST_ACTS


def test_every_act_is_drawn_some_day() -> None:
    drawn = Counter(act.name for seed in SEEDS for act in draw_acts(random.Random(seed)))

    assert set(drawn) == {
        "adjust stock",
        "cancel order",
        "change address",
        "change price",
        "complete packaging",
        "complete shipment",
        "correct line",
        "delete product",
        "fail shipment",
        "place order",
        "refund",
        "retry capture",
        "start packaging",
        "start shipment",
        "write off",
    }


def test_some_acts_are_done_twice_at_once_by_one_client_or_by_two() -> None:
    days = [draw_acts(random.Random(seed)) for seed in SEEDS]

    assert any(left == right for day in days for left, right in itertools.pairwise(day))
    assert any(act.key.endswith("-too") for day in days for act in day)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_a_drawn_day_ends_well(rehearsal: Prepare, seed: int) -> None:
    day = rehearsal(seed)

    day.play(draw_acts(random.Random(seed)))

    assert violations(day.world) == []
    assert closing_acts(day.world) == []


@pytest.mark.django_db
def test_days_end_in_every_state(rehearsal: Prepare) -> None:
    day = rehearsal(0)
    day.play(list(scene.acts()))

    states = Counter(Order.objects.values_list("state", flat=True))
    assert states == {
        "FULFILLED": 3,
        "CANCELLED": 2,
        "PACKAGING_FAILED": 1,
        "DELIVERY_FAILED": 1,
    }
    payments = Counter(Payment.objects.values_list("state", flat=True))
    assert payments == {"REFUNDED": 1, "CAPTURED": 1, "VOIDED": 4, "DECLINED": 1}


@pytest.mark.django_db
class TestOneAct:
    def test_is_refused_in_silence(self, rehearsal: Prepare) -> None:
        shop = rehearsal(0).world.shop
        act = AdjustStock(key="a", who="warehouse", product=0, delta=-1_000)

        act.perform(shop)

        assert [answer.status for answer in shop.journal.answers["a"]] == [409]
        assert shop.journal.granted("adjust stock")[-1].asked.key != "a"

    def test_of_an_order_that_is_not_there_does_nothing(self, rehearsal: Prepare) -> None:
        shop = rehearsal(0).world.shop

        for act in (
            CancelOrder(key="a", who="support", order=9),
            StartPackaging(key="b", who="warehouse", order=9),
            Refund(key="c", who="support", order=9, percent=10),
        ):
            act.perform(shop)

        assert {"a", "b", "c"}.isdisjoint(shop.journal.asked)

    def test_done_again_has_one_effect(self, rehearsal: Prepare) -> None:
        shop = rehearsal(0).world.shop
        act = PlaceOrder(
            key="a",
            who="customer 0",
            order=1,
            customer=0,
            lines=((0, 1),),
            card="4242424242424242",
            plan=Plan(),
        )

        act.perform(shop)
        act.perform(shop)

        first, second = shop.journal.answers["a"]
        assert (first.status, first.body) == (second.status, second.body)
        assert [order.id for order in Order.objects.all()] == [shop.journal.orders[1].id]

    def test_is_forgotten_by_those_who_begin_again(self, rehearsal: Prepare) -> None:
        shop = rehearsal(0).world.shop
        before = dict(shop.journal.asked)
        AdjustStock(key="a", who="warehouse", product=0, delta=1).perform(shop)

        again = shop.again(shop.gateway)

        assert again.journal.asked == before
        assert again.products == shop.products
