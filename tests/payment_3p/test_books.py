from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.payment_3p.conftest import Api


def captured(api: Api, amount: int) -> str:
    token = api.preauth(amount=amount)
    api.post("/check", token, key=f"{token}-check", amount=amount)
    api.post("/processPayment", token, key=f"{token}-take", amount=amount)
    return token


def put_on(api: Api, token: str, at: str) -> None:
    """Let what was done with a payment have been done at another time."""
    api.execute(
        "UPDATE payment_3p_entry SET made_at = %s FROM payment_3p_payment AS payment"
        " WHERE payment.id = payment_id AND token = %s",
        at,
        token,
    )


def books(api: Api, on: str, limit: int = 100) -> list[dict[str, Any]]:
    found, after, pages = [], 0, 0
    while after is not None:
        query = {"on": on, "limit": limit, "after": after}
        page = api.http.get("/books", params=query).json()
        found, after, pages = found + page["results"], page["after"], pages + 1
    assert pages >= len(found) / limit
    return found


def test_tell_what_was_done_on_a_day_with_the_fees(api: Api) -> None:
    token = captured(api, 10_000)
    put_on(api, token, "2020-01-02 12:00Z")

    entry = {"paymentToken": token, "currency": "EUR", "amount": 10_000}
    entry["madeAt"] = "2020-01-02T12:00:00Z"
    found = books(api, "2020-01-02")
    assert found[0].pop("id") < found[1].pop("id")
    assert found == [
        {**entry, "operation": "check", "fee": 0, "reference": f"{token}-check"},
        {**entry, "operation": "processPayment", "fee": 165, "reference": f"{token}-take"},
    ]


def test_a_day_begins_and_ends_at_midnight_in_utc(api: Api) -> None:
    first, last, next_day = (captured(api, 100) for _ in range(3))
    put_on(api, first, "2020-02-01 00:00Z")
    put_on(api, last, "2020-02-01 23:59:59.999999Z")
    put_on(api, next_day, "2020-02-02 00:00Z")

    tokens = [entry["paymentToken"] for entry in books(api, "2020-02-01")]
    assert tokens == [first, first, last, last]
    assert books(api, "2020-01-31") == []


def test_are_paged(api: Api) -> None:
    tokens = [captured(api, 100) for _ in range(4)]
    for token in tokens:
        put_on(api, token, "2020-03-01 12:00Z")

    found = books(api, "2020-03-01", limit=3)
    assert [entry["paymentToken"] for entry in found] == [t for t in tokens for _ in "12"]


def test_know_today(api: Api) -> None:
    token = captured(api, 100)
    today = timezone.now().astimezone(dt.UTC).date().isoformat()
    assert token in {entry["paymentToken"] for entry in books(api, today)}


@pytest.mark.parametrize(
    ("amount", "fee"),
    [(0, 0), (1, 25), (35, 25), (36, 26), (10_000, 165), (10_035, 165), (10_036, 166)],
)
def test_a_fee_is_a_share_rounded_half_up_and_a_fixed_part(api: Api, amount: int, fee: int) -> None:
    token = api.preauth(amount=amount)
    api.post("/check", token, amount=amount)
    assert api.post("/processPayment", token).json() == {"ok": True, "fee": fee}


@pytest.mark.parametrize(
    "query",
    [{}, {"on": "today"}, {"on": "2020-01-01", "limit": "0"}, {"on": "2020-01-01", "after": "²"}],
)
def test_a_question_that_is_none_is_refused(api: Api, query: dict[str, str]) -> None:
    answer = api.http.get("/books", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
