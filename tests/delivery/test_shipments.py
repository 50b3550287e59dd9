"""Shipments: sent, arrived or failed; followed by anyone who has the number."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError

from apps.delivery.events import DeliveryCompleted, DeliveryFailed, ShipmentStarted
from apps.delivery.models import Shipment, Zone, is_tracking_number, new_tracking_number
from apps.delivery.models.tracking import ALPHABET
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.delivery import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client_for: Callable[..., Any]) -> Any:
    return client_for("delivery")


@pytest.fixture
def order_id() -> uuid.UUID:
    order_id = new_id()
    scenes.tell(scenes.placed(order_id), scenes.packed(order_id))
    return order_id


class TestStaff:
    def test_see_all_that_they_need_to_send_it(self, staff: Any, order_id: uuid.UUID) -> None:
        answer = staff.get(scenes.url(order_id))
        shipment = Shipment.objects.get()

        assert answer.json() == {
            "order_id": str(order_id),
            "shipment_id": str(shipment.id),
            "state": "NEW",
            "tracking_number": shipment.tracking_number,
            "address": scenes.HOME.model_dump(),
            "lines": [{"product_id": str(scenes.PRODUCT_ID), "quantity": 2}],
            "failure_reason": "",
            "packed_at": answer.json()["packed_at"],
            "started_at": None,
            "finished_at": None,
            "version": 3,
        }
        etag = {"If-None-Match": answer.headers["ETag"]}
        assert staff.get(scenes.url(order_id), headers=etag).status_code == 304

    def test_start_and_complete(self, staff: Any, order_id: uuid.UUID) -> None:
        started = staff.post(scenes.url(order_id, "/start"))
        completed = staff.post(scenes.url(order_id, "/complete"))

        assert (started.status_code, started.json()["state"]) == (200, "IN_PROGRESS")
        assert (completed.status_code, completed.json()["state"]) == (200, "COMPLETED")
        [event] = published(DeliveryCompleted)
        assert event.subject == order_id

    def test_start_once_with_one_key(self, staff: Any, order_id: uuid.UUID) -> None:
        key = {"Idempotency-Key": "start-1"}
        first = staff.post(scenes.url(order_id, "/start"), headers=key)
        again = staff.post(scenes.url(order_id, "/start"), headers=key)

        assert (again.status_code, again.json()) == (200, first.json())
        assert len(published(ShipmentStarted)) == 1

    def test_say_why_it_failed(self, staff: Any, order_id: uuid.UUID) -> None:
        staff.post(scenes.url(order_id, "/start"))
        answer = staff.post(scenes.url(order_id, "/fail"), {"reason": "nobody at home"})

        assert (answer.json()["state"], answer.json()["failure_reason"]) == (
            "FAILED",
            "nobody at home",
        )
        [event] = published(DeliveryFailed)
        assert event == DeliveryFailed(
            occurred_at=event.occurred_at, order_id=order_id, reason="nobody at home"
        )

    @pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 201}])
    def test_must_give_a_reason(self, staff: Any, order_id: uuid.UUID, body: Any) -> None:
        staff.post(scenes.url(order_id, "/start"))
        answer = staff.post(scenes.url(order_id, "/fail"), body)

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "reason")
        assert published(DeliveryFailed) == []

    def test_see_a_list_filtered_and_paged(self, staff: Any, order_id: uuid.UUID) -> None:
        later = new_id()
        scenes.tell(scenes.placed(later), scenes.packed(later))
        staff.post(scenes.url(order_id, "/start"))

        def listed(query: str) -> list[str]:
            answer = staff.get(f"/api/v1/delivery/shipments{query}")
            return [row["order_id"] for row in answer.json()["results"]]

        assert listed("?state=new") == [str(later)]
        assert listed("?state=in_progress") == [str(order_id)]
        first = staff.get("/api/v1/delivery/shipments?limit=1").json()
        second = staff.get(first["next"]).json()
        assert [row["order_id"] for row in first["results"] + second["results"]] == [
            str(order_id),
            str(later),
        ]
        assert staff.get("/api/v1/delivery/shipments?state=odd").status_code == 400

    def test_get_the_list_in_one_query(
        self, staff: Any, order_id: uuid.UUID, django_assert_num_queries: Any
    ) -> None:
        for _ in range(2):
            with django_assert_num_queries(1):
                assert staff.get("/api/v1/delivery/shipments").status_code == 200
            for _ in range(5):
                scenes.tell(scenes.packed(new_id()))

    def test_are_those_of_delivery(
        self, client_for: Callable[..., Any], anyone: Any, order_id: uuid.UUID
    ) -> None:
        paths = [
            ("get", "/api/v1/delivery/shipments"),
            ("get", scenes.url(order_id)),
            ("post", scenes.url(order_id, "/start")),
            ("post", scenes.url(order_id, "/complete")),
            ("post", scenes.url(order_id, "/fail")),
        ]
        for method, path in paths:
            assert getattr(anyone, method)(path).status_code == 401
            assert getattr(client_for(), method)(path).status_code == 403
            assert getattr(client_for("warehouse"), method)(path).status_code == 403
        assert client_for("admin").get(scenes.url(order_id)).status_code == 200


class TestTracking:
    def test_shows_state_and_times_and_nothing_else(
        self, anyone: Any, staff: Any, order_id: uuid.UUID
    ) -> None:
        staff.post(scenes.url(order_id, "/start"))
        number = Shipment.objects.get().tracking_number or ""
        body = anyone.get(f"/api/v1/delivery/tracking/{number}").json()

        assert body == {
            "tracking_number": number,
            "state": "IN_PROGRESS",
            "packed_at": body["packed_at"],
            "started_at": body["started_at"],
            "finished_at": None,
        }
        written = f"{number[:4].lower()}-{number[4:]}"
        assert anyone.get(f"/api/v1/delivery/tracking/{written}").json() == body

    def test_of_a_mistyped_number_costs_no_query(
        self, anyone: Any, order_id: uuid.UUID, django_assert_num_queries: Any
    ) -> None:
        number = Shipment.objects.get().tracking_number or ""
        wrong = ("3" if number[0] == "2" else "2") + number[1:]
        with django_assert_num_queries(0):
            answer = anyone.get(f"/api/v1/delivery/tracking/{wrong}")

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_shipment")

    def test_of_a_number_that_is_not_ours_finds_nothing(self, anyone: Any) -> None:
        answer = anyone.get(f"/api/v1/delivery/tracking/{new_tracking_number()}")

        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_shipment")


class TestATrackingNumber:
    def test_notices_every_single_wrong_sign(self) -> None:
        number = new_tracking_number()
        assert is_tracking_number(number)
        wrong = [
            number[:place] + sign + number[place + 1 :]
            for place in range(len(number))
            for sign in ALPHABET
            if sign != number[place]
        ]

        assert not any(is_tracking_number(text) for text in wrong)

    @pytest.mark.parametrize("text", ["", "2", "O" * 17, "2" * 18, "é" * 17])
    def test_has_its_form(self, text: str) -> None:
        assert not is_tracking_number(text)

    def test_is_not_drawn_twice(self) -> None:
        assert len({new_tracking_number() for _ in range(1000)}) == 1000


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("change", "guard"),
        [
            ({"state": "IN_PROGRESS"}, "was_started"),
            ({"tracking_number": None}, "has_package"),
            ({"packed_at": None}, "has_package"),
        ],
    )
    def test_refuses_a_state_without_its_facts(
        self, order_id: uuid.UUID, change: dict[str, Any], guard: str
    ) -> None:
        with pytest.raises(IntegrityError, match=guard), transaction():
            Shipment.objects.filter(order_id=order_id).update(**change)

    def test_refuses_a_second_shipment_of_an_order(self, order_id: uuid.UUID) -> None:
        at = scenes.NOON
        with pytest.raises(IntegrityError, match="unique"), transaction():
            Shipment.objects.create(order_id=order_id, created_at=at, updated_at=at)


class TestTheAdmin:
    @pytest.fixture
    def browser(self, client: Any) -> Any:
        client.force_login(
            get_user_model().objects.create_superuser(  # type: ignore[attr-defined]
                email="ada@example.org", password="unusual words 42", name="Ada"
            )
        )
        return client

    def act(self, browser: Any, name: str, order_id: uuid.UUID) -> list[str]:
        selected = str(Shipment.objects.get(order_id=order_id).id)
        answer = browser.post(
            "/admin/delivery/shipment/",
            {"action": name, "_selected_action": [selected]},
            follow=True,
        )
        return [str(message) for message in answer.context["messages"]]

    @pytest.mark.parametrize("name", ["shipment", "product", "zone", "zonecountry"])
    def test_opens_and_searches_every_list(
        self, browser: Any, order_id: uuid.UUID, name: str
    ) -> None:
        scenes.make_zones()
        scenes.product()
        for query in ("", "?q=SE", f"?q={order_id}"):
            assert browser.get(f"/admin/delivery/{name}/{query}").status_code == 200

    def test_sends_and_fails_a_shipment(self, browser: Any, order_id: uuid.UUID) -> None:
        assert self.act(browser, "complete", order_id) == [f"{order_id}: The shipment is new."]
        assert self.act(browser, "start", order_id) == [f"{order_id}: done."]
        assert self.act(browser, "fail", order_id) == [f"{order_id}: done."]
        assert Shipment.objects.get().state == "FAILED"
        assert len(published(DeliveryFailed)) == 1

    def test_lets_staff_edit_a_zone(self, browser: Any) -> None:
        scenes.make_zones()
        zone = Zone.objects.get(name="Nordics")
        countries = list(zone.countries.order_by("country"))
        form = {
            "name": "North",
            "fee_per_box": "250",
            "currency": "EUR",
            "countries-TOTAL_FORMS": str(len(countries) + 1),
            "countries-INITIAL_FORMS": str(len(countries)),
            f"countries-{len(countries)}-country": "GL",
            f"countries-{len(countries)}-zone": str(zone.id),
        }
        for index, row in enumerate(countries):
            form[f"countries-{index}-id"] = str(row.id)
            form[f"countries-{index}-zone"] = str(zone.id)
            form[f"countries-{index}-country"] = row.country
        answer = browser.post(f"/admin/delivery/zone/{zone.id}/change/", form)

        assert answer.status_code == 302
        assert Zone.of_country("GL") == zone
        assert Zone.objects.get(name="North").fee_per_box == 250
