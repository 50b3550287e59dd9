"""Reserving: all lines of an order or none, however many ask at once."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import IntegrityError

from apps.warehouse.events import (
    ShortLine,
    StockLevelChanged,
    StockReleased,
    StockReserved,
    StockShort,
)
from apps.warehouse.models import PackagingRequest, Stock
from kernel.bus.event import Event
from kernel.bus.testing import twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.warehouse import scenes


def without_time(events: list[Event]) -> list[dict[str, Any]]:
    return [{"is": type(one), **one.model_dump(exclude={"occurred_at"})} for one in events]


@pytest.mark.django_db
class TestAnOrder:
    def test_gets_all_its_lines_summed_per_product(self) -> None:
        one, two = sorted([scenes.stocked(5), scenes.stocked(3)])
        on_hand = {one: scenes.shelf(one)[0], two: scenes.shelf(two)[0]}
        order_id = new_id()
        said = scenes.tell(scenes.placed(order_id, [(two, 1), (one, 1), (two, 2)]))

        def level(product_id: uuid.UUID, reserved: int) -> dict[str, Any]:
            return {
                "is": StockLevelChanged,
                "product_id": product_id,
                "version": 3,
                "on_hand": on_hand[product_id],
                "reserved": reserved,
                "free": on_hand[product_id] - reserved,
            }

        lines = ({"product_id": one, "quantity": 1}, {"product_id": two, "quantity": 3})
        assert without_time(said) == [
            {"is": StockReserved, "order_id": order_id, "lines": lines},
            level(one, 1),
            level(two, 3),
        ]
        scenes.assert_the_books_agree()

    def test_gets_nothing_if_one_line_is_short(self) -> None:
        enough, scarce, unknown = scenes.stocked(5), scenes.stocked(3), new_id()
        order_id = new_id()
        lines = [(enough, 5), (scarce, 2), (scarce, 2), (unknown, 1)]
        said = scenes.tell(scenes.placed(order_id, lines))

        short = (
            ShortLine(product_id=scarce, wanted=4, free=3),
            ShortLine(product_id=unknown, wanted=1, free=0),
        )
        assert said == [StockShort(occurred_at=said[0].occurred_at, order_id=order_id, lines=short)]
        assert (scenes.shelf(enough), scenes.shelf(scarce)) == ((5, 0), (3, 0))
        assert PackagingRequest.objects.get(order_id=order_id).state == "SHORT"

    def test_that_was_short_frees_nothing_when_it_ends(self) -> None:
        scarce, order_id = scenes.stocked(1), new_id()
        scenes.tell(scenes.placed(order_id, {scarce: 2}))

        assert scenes.tell(scenes.cancelled(order_id)) == []
        assert scenes.shelf(scarce) == (1, 0)

    def test_gives_back_what_was_set_aside_when_it_is_cancelled(self) -> None:
        lamp, order_id = scenes.stocked(4), new_id()
        scenes.tell(scenes.placed(order_id, {lamp: 3}))
        said = scenes.tell(scenes.cancelled(order_id))

        assert without_time(said) == [
            {
                "is": StockReleased,
                "order_id": order_id,
                "lines": ({"product_id": lamp, "quantity": 3},),
            },
            {
                "is": StockLevelChanged,
                "product_id": lamp,
                "version": 4,
                "on_hand": 4,
                "reserved": 0,
                "free": 4,
            },
        ]
        assert scenes.shelf(lamp) == (4, 0)

    @pytest.mark.parametrize("seed", range(12))
    def test_ends_right_whichever_way_its_events_fall(self, seed: int) -> None:
        lamp, chair = scenes.stocked(2), scenes.stocked(9)
        gone, stays, late = new_id(), new_id(), new_id()
        scenes.tell(
            scenes.placed(gone, {chair: 2, lamp: 1}),
            scenes.cancelled(gone),
            scenes.placed(stays, {lamp: 1, chair: 3}),
            scenes.confirmed(stays),
            scenes.placed(late, {chair: 1}),
            scenes.confirmed(late),
            scenes.cancel_asked(late),
            scenes.cancelled(late),
            courier=twice_and_shuffled(seed),
        )

        states = dict(PackagingRequest.objects.values_list("order_id", "state"))
        assert states == {gone: "CANCELLED", stays: "NEW", late: "CANCELLED"}
        assert (scenes.shelf(lamp), scenes.shelf(chair)) == ((2, 1), (9, 3))
        scenes.assert_the_books_agree()


@pytest.mark.django_db
class TestTheDatabase:
    def test_refuses_to_reserve_more_than_there_is(self) -> None:
        lamp = scenes.stocked(1)
        with pytest.raises(IntegrityError, match="no_oversell"), transaction():
            Stock.objects.filter(product_id=lamp).update(reserved=2)

    def test_refuses_a_stock_below_zero(self) -> None:
        lamp = scenes.stocked(1)
        with pytest.raises(IntegrityError, match="check"), transaction():
            Stock.objects.filter(product_id=lamp).update(on_hand=-1)

    def test_refuses_a_request_whose_goods_contradict_its_state(self) -> None:
        lamp, order_id = scenes.stocked(1), new_id()
        scenes.tell(scenes.placed(order_id, {lamp: 1}))
        with pytest.raises(IntegrityError, match="packaging_goods"), transaction():
            PackagingRequest.objects.update(state="COMPLETED")

    def test_refuses_to_pack_more_than_was_ordered(self) -> None:
        lamp, order_id = scenes.stocked(1), new_id()
        scenes.tell(scenes.placed(order_id, {lamp: 1}))
        with pytest.raises(IntegrityError, match="line_packed"), transaction():
            PackagingRequest.objects.get(order_id=order_id).lines.update(packed=2)
