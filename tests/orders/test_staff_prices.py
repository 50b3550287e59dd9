"""Coupons and tax rates as administrators keep them, over REST and in the admin."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from apps.orders.events import CouponChanged, TaxRateChanged
from apps.orders.models import Coupon, TaxRate
from kernel.bus.testing import published
from kernel.money import Money
from tests.orders.scenes import NOON, ORDERS, body, on_sale

pytestmark = pytest.mark.django_db
COUPONS, RATES = "/api/v1/coupons", "/api/v1/tax-rates"
TEN = {"code": "summer10", "kind": "percent", "percent": "10"}
SHOWN = {
    "code": "SUMMER10",
    "kind": "percent",
    "percent": "10",
    "amount": None,
    "minimum": None,
    "valid_from": "2026-03-01T12:00:00Z",
    "valid_until": None,
    "limit": None,
    "limit_per_customer": None,
    "used": 0,
    "is_active": True,
    "version": 1,
}


@pytest.fixture
def boss(client_for: Callable[..., APIClient]) -> APIClient:
    return client_for("admin")


@pytest.mark.parametrize("roles", [(), ("support",), ("operator",), ("warehouse",)])
def test_nobody_else_sees_or_makes_them(
    client_for: Callable[..., APIClient], anyone: APIClient, roles: tuple[str, ...]
) -> None:
    Coupon.objects.create(code="SECRET", kind="free_delivery")
    for client, status in ((client_for(*roles), 403), (anyone, 401)):
        answers = [
            client.get(COUPONS),
            client.post(COUPONS, TEN),
            client.get(f"{COUPONS}/SECRET"),
            client.patch(f"{COUPONS}/SECRET", {}, headers={"If-Match": '"v1"'}),
            client.get(RATES),
            client.get(f"{RATES}/SE/standard"),
            client.put(f"{RATES}/SE/zero", {"percent": "1"}),
            client.delete(f"{RATES}/SE/standard", headers={"If-Match": '"v1"'}),
        ]
        assert [answer.status_code for answer in answers] == [status] * len(answers)
    assert published() == []


class TestCoupons:
    def test_are_made_told_and_read(self, boss: APIClient) -> None:
        answer = boss.post(COUPONS, TEN)

        assert (answer.status_code, answer.json()) == (201, SHOWN)
        assert answer.headers["Location"] == f"{COUPONS}/SUMMER10"
        read = boss.get(f"{COUPONS}/Summer10")
        assert (read.json(), read.headers["ETag"]) == (SHOWN, answer.headers["ETag"])
        known = boss.get(f"{COUPONS}/SUMMER10", headers={"If-None-Match": read.headers["ETag"]})
        assert known.status_code == 304
        [told] = published()
        assert told == CouponChanged(
            occurred_at=NOON,
            coupon_id=Coupon.objects.get().id,
            version=1,
            code="SUMMER10",
            kind="percent",
            percent="10",
            amount=None,
            minimum=0,
            currency="",
            valid_from=NOON,
            valid_until=None,
            limit=None,
            limit_per_customer=None,
            is_active=True,
        )

    def test_are_changed_by_whoever_has_seen_them(self, boss: APIClient) -> None:
        tag = boss.post(COUPONS, TEN).headers["ETag"]
        change = {
            "kind": "amount",
            "percent": None,
            "amount": {"amount": 500, "currency": "EUR"},
            "limit": 3,
        }

        answer = boss.patch(f"{COUPONS}/SUMMER10", change, headers={"If-Match": tag})
        late = boss.patch(f"{COUPONS}/SUMMER10", {"limit": 4}, headers={"If-Match": tag})
        blind = boss.patch(f"{COUPONS}/SUMMER10", {"limit": 4})

        assert answer.json() == {**SHOWN, **change, "version": 2}
        assert (late.status_code, blind.status_code) == (412, 428)
        assert [event.version for event in published()] == [1, 2]  # type: ignore[attr-defined]

    def test_show_another_tag_once_they_are_used(self, boss: APIClient) -> None:
        tag = boss.post(COUPONS, TEN).headers["ETag"]
        lamp = on_sale()
        assert boss.post(ORDERS, body({lamp: 1}, coupon="SUMMER10")).status_code == 201

        read = boss.get(f"{COUPONS}/SUMMER10", headers={"If-None-Match": tag})
        assert (read.status_code, read.json()["used"]) == (200, 1)
        # The version is still the one that may be changed.
        limit = boss.patch(f"{COUPONS}/SUMMER10", {"limit": 1}, headers={"If-Match": tag})
        assert (limit.status_code, limit.json()["used"]) == (200, 1)

    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"code": "SUMMER10"}, 409, "coupon_code_taken"),
            ({"percent": None}, 422, "coupon_value_wrong"),
            ({"kind": "amount"}, 422, "coupon_value_wrong"),
            ({"kind": "free_delivery"}, 422, "coupon_value_wrong"),
            ({"amount": {"amount": 1, "currency": "EUR"}}, 422, "coupon_value_wrong"),
            (
                {"kind": "amount", "percent": None, "amount": {"amount": 0, "currency": "EUR"}},
                422,
                "coupon_value_wrong",
            ),
            (
                {
                    "kind": "amount",
                    "percent": None,
                    "amount": {"amount": 1, "currency": "EUR"},
                    "minimum": {"amount": 1, "currency": "SEK"},
                },
                422,
                "coupon_currencies_differ",
            ),
            ({"valid_until": "2026-03-01T12:00:00Z"}, 422, "coupon_period_wrong"),
            ({"percent": "100.01"}, 400, "invalid"),
            ({"percent": "0"}, 400, "invalid"),
            ({"percent": "1.001"}, 400, "invalid"),
            ({"code": "A B"}, 400, "invalid"),
            ({"limit": 0}, 400, "invalid"),
            ({"used": 0}, 400, "invalid"),
        ],
        ids=str,
    )
    def test_that_make_no_sense_are_refused(
        self, boss: APIClient, fields: dict[str, Any], status: int, code: str
    ) -> None:
        boss.post(COUPONS, TEN)

        answer = boss.post(COUPONS, {**TEN, "code": "OTHER", **fields})

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (Coupon.objects.count(), len(published())) == (1, 1)

    def test_keep_a_limit_that_is_not_below_their_uses(self, boss: APIClient) -> None:
        Coupon.objects.create(code="USED", kind="free_delivery", used=3)

        answer = boss.patch(f"{COUPONS}/USED", {"limit": 2}, headers={"If-Match": '"v1"'})

        assert (answer.status_code, answer.json()["code"]) == (409, "coupon_limit_below_uses")
        assert published() == []

    @pytest.mark.parametrize("code", ["NOBODY", "a" * 300, "%F0%9F%8E%81"])
    def test_that_there_are_not_are_not_found(self, boss: APIClient, code: str) -> None:
        for answer in (
            boss.get(f"{COUPONS}/{code}"),
            boss.patch(f"{COUPONS}/{code}", {}, headers={"If-Match": '"v1"'}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "coupon_not_found")

    def test_are_listed_newest_first_in_one_query(
        self, boss: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(30):
            Coupon.objects.create(code=f"C-{n:02}", kind="free_delivery")

        with django_assert_num_queries(1):
            first = boss.get(COUPONS).json()

        codes = [row["code"] for row in first["results"]]
        codes += [row["code"] for row in boss.get(first["next"]).json()["results"]]
        assert codes == [f"C-{n:02}" for n in reversed(range(30))]


class TestTaxRates:
    def test_are_set_replaced_and_taken_away(self, boss: APIClient) -> None:
        url = f"{RATES}/US/standard"
        made = boss.put(url, {"name": "Sales tax", "percent": "8.875"})
        shown = {
            "country": "US",
            "tax_class": "standard",
            "name": "Sales tax",
            "percent": "8.875",
            "version": 1,
        }
        assert (made.status_code, made.json()) == (201, shown)
        assert boss.get(url).json() == shown
        rate = TaxRate.objects.get(country="US")

        assert boss.put(url, {"percent": "9"}).status_code == 428
        tag = {"If-Match": made.headers["ETag"]}
        changed = boss.put(url, {"percent": "9"}, headers=tag)
        assert changed.json() == {**shown, "name": "VAT", "percent": "9", "version": 2}
        assert boss.put(url, {"percent": "10"}, headers=tag).status_code == 412
        assert boss.delete(url, headers=tag).status_code == 412
        assert boss.delete(url).status_code == 428
        gone = boss.delete(url, headers={"If-Match": changed.headers["ETag"]})
        assert (gone.status_code, boss.get(url).status_code) == (204, 404)
        facts = {"occurred_at": NOON, "tax_rate_id": rate.id, "country": "US"}
        facts["tax_class"] = "standard"
        assert published() == [
            TaxRateChanged(**facts, version=1, tax_name="Sales tax", percent="8.875"),
            TaxRateChanged(**facts, version=2, tax_name="VAT", percent="9"),
            TaxRateChanged(**facts, version=2, tax_name="VAT", percent=None),
        ]

    @pytest.mark.parametrize("place", ["XX/standard", "se/standard", "SE/luxury"])
    def test_are_there_for_countries_and_classes_alone(self, boss: APIClient, place: str) -> None:
        for answer in (
            boss.get(f"{RATES}/{place}"),
            boss.put(f"{RATES}/{place}", {"percent": "1"}),
            boss.delete(f"{RATES}/{place}", headers={"If-Match": '"v1"'}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, "tax_rate_not_found")

    @pytest.mark.parametrize("percent", ["-1", "99.001", "1.0001", "many", None])
    def test_lie_between_nought_and_ninety_nine(self, boss: APIClient, percent: Any) -> None:
        answer = boss.put(f"{RATES}/US/zero", {"percent": percent})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert published() == []

    def test_are_listed_by_country_in_one_query(
        self, boss: APIClient, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(1):
            first = boss.get(RATES).json()
        rows = [*first["results"], *boss.get(first["next"]).json()["results"]]

        places = [(row["country"], row["tax_class"]) for row in rows]
        assert places[:3] == [("AT", "reduced"), ("AT", "standard"), ("BE", "reduced")]
        assert len(set(places)) == len(places) == min(48, TaxRate.objects.count())
        swedish = boss.get(RATES, {"country": "SE"}).json()["results"]
        assert [row["percent"] for row in swedish] == ["12", "25"]


class TestTheAdmin:
    @pytest.fixture
    def staff(self) -> Client:
        user = get_user_model().objects.create_superuser("root@example.com", "secret", name="R")
        client = Client()
        client.force_login(user)
        return client

    def coupon_form(self, **changes: Any) -> dict[str, Any]:
        return {
            "code": "spring5",
            "kind": "amount",
            "amount": 500,
            "minimum": 2000,
            "currency": "EUR",
            "valid_from_0": "2026-03-01",
            "valid_from_1": "12:00",
            "is_active": "on",
            "version": 1,
            "uses-TOTAL_FORMS": 0,
            "uses-INITIAL_FORMS": 0,
            **changes,
        }

    def test_makes_a_coupon_and_changes_it_by_the_use_cases(self, staff: Client) -> None:
        add = reverse("admin:orders_coupon_add")

        assert staff.post(add, self.coupon_form()).status_code == 302
        made = Coupon.objects.get()
        assert (made.code, made.amount, made.minimum, made.version) == ("SPRING5", 500, 2000, 1)
        change = reverse("admin:orders_coupon_change", args=[made.pk])
        assert staff.post(change, self.coupon_form(limit=7)).status_code == 302
        made.refresh_from_db()
        assert (made.limit, made.version) == (7, 2)
        assert [event.version for event in published()] == [1, 2]  # type: ignore[attr-defined]
        late = staff.post(change, self.coupon_form(limit=8), follow=True)
        assert "Someone changed this since you read it" in late.content.decode()
        assert len(published()) == 2

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"percent": 5}, "A coupon has the value of its kind and no other."),
            ({"valid_until_0": "2026-02-01", "valid_until_1": "12:00"}, "a time after it begins"),
            ({"currency": ""}, "An amount and a minimum have a currency."),
            ({"code": "A B"}, "Enter a valid value."),
        ],
    )
    def test_says_what_is_wrong_with_a_coupon(
        self, staff: Client, changes: dict[str, Any], words: str
    ) -> None:
        add = reverse("admin:orders_coupon_add")
        answer = staff.post(add, self.coupon_form(**changes), follow=True)

        assert words in answer.content.decode()
        assert (Coupon.objects.count(), published()) == (0, [])

    def test_shows_who_has_used_a_coupon(self, staff: Client, boss: APIClient) -> None:
        coupon = Coupon.objects.create(
            code="TEN", kind="percent", percent=Decimal(10), valid_from=NOON
        )
        lamp = on_sale(price=Money(amount=1000, currency="EUR"))
        number = boss.post(ORDERS, body({lamp: 1}, coupon="TEN")).json()["number"]

        page = staff.get(reverse("admin:orders_coupon_change", args=[coupon.pk]))
        listed = staff.get(reverse("admin:orders_couponuse_changelist"), {"q": "TEN"})

        assert number in page.content.decode()
        assert number in listed.content.decode()
        assert staff.get(reverse("admin:orders_coupon_changelist")).status_code == 200

    def test_sets_a_tax_rate_and_takes_it_away(self, staff: Client) -> None:
        form = {"country": "CH", "tax_class": "standard", "name": "VAT", "percent": "8.1"}
        add = reverse("admin:orders_taxrate_add")
        assert staff.post(add, {**form, "country": "XX", "version": 1}).status_code == 200
        assert staff.post(add, {**form, "version": 1}).status_code == 302
        rate = TaxRate.objects.get(country="CH")
        change = reverse("admin:orders_taxrate_change", args=[rate.pk])
        assert staff.post(change, {**form, "percent": "8.2", "version": 1}).status_code == 302
        rate.refresh_from_db()
        assert (rate.percent, rate.version) == (Decimal("8.2"), 2)
        chosen = {"action": "drop", "_selected_action": [rate.pk]}
        staff.post(reverse("admin:orders_taxrate_changelist"), chosen)

        assert not TaxRate.objects.filter(country="CH").exists()
        told = [event.percent for event in published()]  # type: ignore[attr-defined]
        assert told == ["8.1", "8.2", None]
