"""Quotes: the fee of the country's zone for each box, signed."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import IntegrityError

from apps.delivery.models import Product, Zone, ZoneCountry, boxes_for
from apps.products.events import (
    Package,
    ProductCreated,
    ProductDeleted,
    ProductState,
    ProductUpdated,
)
from kernel.ids import new_id
from kernel.money import Money
from kernel.signing import ExpiredSignature, InvalidSignature, unsign
from kernel.transactions import transaction
from tests.delivery import scenes

pytestmark = pytest.mark.django_db
URL = "/api/v1/delivery/quotes"


@pytest.fixture(autouse=True)
def zones(db: None) -> None:
    scenes.make_zones()


def ask(client: Any, lines: dict[uuid.UUID, int], country: str = "DE", /, **more: Any) -> Any:
    address = {**scenes.HOME.model_dump(), "country": country}
    wanted = [{"product_id": str(key), "quantity": n} for key, n in lines.items()]
    return client.post(URL, {"lines": wanted, "address": address, **more})


def price(client: Any, lines: dict[uuid.UUID, int], country: str = "DE") -> int:
    return ask(client, lines, country).json()["price"]["amount"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("volume", "weight", "boxes"),
    [
        (1, 1, 1),
        (500**3, 12_000, 1),
        (500**3 + 1, 12_000, 2),
        (500**3, 12_001, 2),
        (3 * 500**3, 25_000, 3),
        (1, 36_001, 4),
    ],
)
def test_boxes_are_the_larger_of_volume_and_weight(volume: int, weight: int, boxes: int) -> None:
    assert boxes_for(volume, weight) == boxes


@pytest.mark.parametrize(
    ("country", "amount"),
    [("SE", 0), ("IS", 0), ("DE", 1000), ("IE", 1000), ("US", 1500), ("JP", 2500), ("GB", 2500)],
)
def test_the_zone_of_the_country_sets_the_fee(anyone: Any, country: str, amount: int) -> None:
    assert price(anyone, {scenes.product(): 1}, country) == amount


class TestAQuote:
    def test_counts_quantities(self, anyone: Any) -> None:
        bulky = scenes.product((500, 500, 250), 100)
        heavy = scenes.product((10, 10, 10), 6_000)

        assert price(anyone, {bulky: 2}) == 1000
        assert price(anyone, {bulky: 3}) == 2000
        assert price(anyone, {heavy: 2}) == 1000
        assert price(anyone, {heavy: 3}) == 2000
        assert price(anyone, {bulky: 2, heavy: 2}) == 2000

    @time_machine.travel(scenes.NOON, tick=False)
    def test_is_signed_for_country_and_lines(self, anyone: Any) -> None:
        one, two = sorted([scenes.product(), scenes.product()])
        address = {**scenes.HOME.model_dump(), "country": "DE"}
        lines = [(two, 1), (one, 1), (two, 2)]
        wanted = [{"product_id": str(key), "quantity": n} for key, n in lines]
        answer = anyone.post(URL, {"lines": wanted, "address": address})

        assert answer.status_code == 200
        body = answer.json()
        assert body == {
            "quote": body["quote"],
            "price": {"amount": 1000, "currency": settings.CURRENCY},
            "expires_at": "2026-03-01T12:30:00Z",
        }
        assert unsign(body["quote"], purpose="delivery-quote") == {
            "country": "DE",
            "lines": [[str(one), 1], [str(two), 3]],
            "amount": 1000,
            "currency": settings.CURRENCY,
        }

    def test_expires_and_is_for_one_purpose(self, anyone: Any) -> None:
        with time_machine.travel(scenes.NOON, tick=False):
            quote = ask(anyone, {scenes.product(): 1}).json()["quote"]
        with time_machine.travel(scenes.NOON + dt.timedelta(minutes=29), tick=False):
            unsign(quote, purpose="delivery-quote")
            with pytest.raises(InvalidSignature):
                unsign(quote, purpose="order-link")
        with (
            time_machine.travel(scenes.NOON + dt.timedelta(minutes=30), tick=False),
            pytest.raises(ExpiredSignature),
        ):
            unsign(quote, purpose="delivery-quote")

    def test_is_refused_for_products_that_are_unknown_or_gone(self, anyone: Any) -> None:
        known, gone, unknown = scenes.product(), scenes.product(), new_id()
        scenes.tell(ProductDeleted(occurred_at=scenes.NOON, product_id=gone, version=2))
        answer = ask(anyone, {known: 1, gone: 1, unknown: 1})

        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_product")
        assert answer.json()["products"] == sorted([str(gone), str(unknown)])

    def test_is_refused_where_no_zone_reaches(self, anyone: Any) -> None:
        Zone.objects.filter(is_rest=True).delete()
        answer = ask(anyone, {scenes.product(): 1}, "JP")

        assert (answer.status_code, answer.json()["code"]) == (422, "country_not_served")
        assert price(anyone, {scenes.product(): 1}, "DE") == 1000

    def test_is_refused_for_more_than_ships_carry(self, anyone: Any) -> None:
        answer = ask(anyone, {scenes.product((6_000, 500, 500)): 999})

        assert (answer.status_code, answer.json()["code"]) == (422, "too_much_to_deliver")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"lines": []}, "lines"),
            ({"lines": [{"product_id": "x", "quantity": 1}]}, "lines.0.product_id"),
            ({"lines": [{"product_id": str(new_id()), "quantity": 0}]}, "lines.0.quantity"),
            ({"lines": [{"product_id": str(new_id()), "quantity": 1}] * 101}, "lines"),
            ({"address": {**scenes.HOME.model_dump(), "country": "XX"}}, "address.country"),
            ({"address": None}, "address"),
            ({"price": 0}, "price"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, anyone: Any, body: dict[str, Any], field: str
    ) -> None:
        answer = ask(anyone, {scenes.product(): 1}, "SE", **body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert {error["field"] for error in answer.json()["errors"]} == {field}

    def test_costs_the_same_for_one_and_for_many_lines(
        self, anyone: Any, django_assert_num_queries: Any
    ) -> None:
        for count in (1, 50):
            lines = {scenes.product(): 1 for _ in range(count)}
            with django_assert_num_queries(4):  # products and zone, between BEGIN and COMMIT
                assert ask(anyone, lines).status_code == 200


class TestZones:
    def test_begin_as_designed(self) -> None:
        found = {
            zone.name: (zone.fee_per_box, zone.is_rest, zone.countries.count())
            for zone in Zone.objects.all()
        }
        assert found == {
            "Nordics": (0, False, 5),
            "European Union": (1000, False, 24),
            "Canada and the United States": (1500, False, 2),
            "Rest of the world": (2500, True, 0),
        }

    def test_change_the_price_when_staff_edit_them(self, anyone: Any) -> None:
        Zone.objects.filter(name="European Union").update(fee_per_box=700)

        assert price(anyone, {scenes.product(): 1}, "DE") == 700

    def test_that_serve_the_rest_are_at_most_one(self) -> None:
        with pytest.raises(IntegrityError, match="one_rest"), transaction():
            Zone.objects.filter(name="Nordics").update(is_rest=True)

    def test_do_not_share_a_country(self) -> None:
        zone = Zone.objects.get(name="European Union")
        with pytest.raises(IntegrityError, match="unique"), transaction():
            ZoneCountry.objects.create(zone=zone, country="SE")

    @pytest.mark.parametrize(
        ("change", "guard"),
        [({"fee_per_box": 10_000_001}, "zone_fee"), ({"currency": "eur"}, "zone_currency")],
    )
    def test_refuse_what_makes_no_sense(self, change: dict[str, Any], guard: str) -> None:
        with pytest.raises(IntegrityError, match=guard), transaction():
            Zone.objects.update(**change)


def state(weight: int) -> ProductState:
    return ProductState(
        code="LAMP",
        name="Lamp",
        description="Gives light.",
        model="L1",
        category="lamps",
        package=Package(width=1, length=2, height=3, weight=weight),
        price=Money(amount=1000, currency="EUR"),
        is_active=True,
    )


class TestTheReplica:
    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_holds_the_newest_whichever_way_the_events_fall(self, order: tuple[int, ...]) -> None:
        about: dict[str, Any] = {"occurred_at": scenes.NOON, "product_id": new_id()}
        old = state(100)
        events = [
            ProductCreated(**about, version=1, product=old),
            ProductUpdated(**about, version=2, old=old, new=state(200), changed=("package",)),
            ProductUpdated(**about, version=3, old=old, new=state(300), changed=("package",)),
        ]
        for index in order:
            scenes.tell(events[index])

        assert Product.objects.values().get() == {
            "id": about["product_id"],
            "code": "LAMP",
            "width": 1,
            "length": 2,
            "height": 3,
            "weight": 300,
            "version": 3,
            "is_deleted": False,
        }

    def test_does_not_bring_back_what_was_deleted(self) -> None:
        product_id = new_id()
        scenes.tell(
            ProductDeleted(occurred_at=scenes.NOON, product_id=product_id, version=2),
            ProductCreated(
                occurred_at=scenes.NOON, product_id=product_id, version=1, product=state(1)
            ),
        )

        assert Product.objects.values_list("version", "is_deleted").get() == (2, True)
