from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.payment_3p.conftest import Api
from tests.payment_3p.server import SHOP_ORIGIN, SLOW_SECONDS

DECLINED, NO_FUNDS, NO_CAPTURE = "4000000000000002", "4000000000009995", "4000000000000341"
SLOW, BROKEN = "4000000000000259", "4000000000000119"
OK = {"ok": True}


def taken(fee: int) -> dict[str, Any]:
    return {"ok": True, "fee": fee}


def no(reason: str) -> dict[str, Any]:
    return {"ok": False, "reason": reason}


def held(api: Api, amount: int = 5_000, card: str = "4242424242424242") -> str:
    token = api.preauth(card, amount=amount)
    assert api.post("/check", token, amount=amount).json() == OK
    return token


def captured(api: Api, amount: int = 5_000) -> str:
    token = held(api, amount)
    assert api.post("/processPayment", token).json()["ok"]
    return token


def test_health_answers(api: Api) -> None:
    assert httpx.get(f"{api.url}/health").json() == OK


class TestTheWholeWay:
    def test_holds_lowers_captures_and_refunds(self, api: Api) -> None:
        token = api.preauth(amount=5_000)
        assert api.books(token) == {"state": "NEW", "held": 0, "captured": 0, "refunded": 0}

        assert api.post("/check", token, amount=5_000, currency="EUR").json() == OK
        assert api.post("/updateAmount", token, amount=4_000).json() == OK
        assert api.post("/processPayment", token, amount=3_500).json() == taken(fee=49 + 25)
        assert api.post("/refund", token, amount=500).json() == OK
        assert api.post("/refund", token, key="second", amount=1_000).json() == OK

        assert api.books(token) == {
            "state": "CAPTURED",
            "held": 0,
            "captured": 3_500,
            "refunded": 1_500,
        }
        entries = api.http.get(f"/payments/{token}").json()["entries"]
        assert [(e["operation"], e["amount"], e["fee"], e["reference"]) for e in entries] == [
            ("check", 5_000, 0, ""),
            ("updateAmount", 4_000, 0, ""),
            ("processPayment", 3_500, 74, ""),
            ("refund", 500, 0, ""),
            ("refund", 1_000, 0, "second"),
        ]

    def test_captures_all_that_is_held_when_no_amount_is_named(self, api: Api) -> None:
        assert api.books(captured(api, 700))["captured"] == 700

    def test_cancels_once_and_again(self, api: Api) -> None:
        token = held(api)
        assert api.post("/cancelPayment", token).json() == OK
        assert api.post("/cancelPayment", token).json() == OK
        assert api.books(token)["state"] == "CANCELLED"

    def test_a_free_order_can_be_held_and_captured(self, api: Api) -> None:
        assert api.books(captured(api, 0)) == {
            "state": "CAPTURED",
            "held": 0,
            "captured": 0,
            "refunded": 0,
        }


class TestRefusals:
    @pytest.mark.parametrize(
        ("card", "reason"), [(DECLINED, "card_declined"), (NO_FUNDS, "insufficient_funds")]
    )
    def test_a_bad_card_is_refused_at_check(self, api: Api, card: str, reason: str) -> None:
        token = api.preauth(card)
        assert api.post("/check", token, amount=100).json() == no(reason)
        assert api.books(token)["held"] == 0

    def test_a_token_is_held_once(self, api: Api) -> None:
        assert api.post("/check", held(api), amount=100).json() == no("token_used")

    def test_no_more_is_held_than_the_customer_agreed_to(self, api: Api) -> None:
        token = api.preauth(amount=100)
        assert api.post("/check", token, amount=101).json() == no("amount_above_limit")

    def test_the_currency_must_be_the_tokens(self, api: Api) -> None:
        token = api.preauth(currency="SEK")
        answer = api.post("/check", token, amount=100, currency="EUR")
        assert answer.json() == no("currency_mismatch")

    def test_the_amount_is_only_lowered(self, api: Api) -> None:
        token = held(api, 100)
        assert api.post("/updateAmount", token, amount=101).json() == no("amount_too_high")

    def test_no_more_is_captured_than_is_held(self, api: Api) -> None:
        token = held(api, 100)
        assert api.post("/processPayment", token, amount=101).json() == no("amount_too_high")

    def test_no_more_is_refunded_than_was_captured(self, api: Api) -> None:
        token = captured(api, 100)
        assert api.post("/refund", token, amount=60).json() == OK
        assert api.post("/refund", token, amount=41).json() == no("amount_too_high")

    def test_one_card_can_be_held_but_not_captured(self, api: Api) -> None:
        token = held(api, card=NO_CAPTURE)
        assert api.post("/processPayment", token).json() == no("capture_refused")
        assert api.books(token)["state"] == "HELD"

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/updateAmount", {"amount": 1}),
            ("/processPayment", {}),
            ("/refund", {"amount": 1}),
        ],
    )
    def test_an_operation_in_the_wrong_state_is_an_error(
        self, api: Api, path: str, body: dict[str, Any]
    ) -> None:
        answer = api.post(path, api.preauth(), **body)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")

    def test_a_captured_payment_is_not_cancelled(self, api: Api) -> None:
        assert api.post("/cancelPayment", captured(api)).status_code == 409

    def test_an_unknown_token_is_not_found(self, api: Api) -> None:
        answer = api.post("/check", "tok_nobody", amount=1)
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_token")
        assert api.http.get("/payments/tok_nobody").status_code == 404

    @pytest.mark.parametrize("path", ["/check", "/refund", "/payments", "/payments/tok_x"])
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
    def test_nobody_is_let_in_without_the_key(
        self, api: Api, path: str, headers: dict[str, str]
    ) -> None:
        method = "GET" if path.startswith("/payments") else "POST"
        assert httpx.request(method, api.url + path, headers=headers).status_code == 401

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{",
            b'{"cardNumber": "4242", "amount": 1}',
            b'{"cardNumber": "4242424242424242", "amount": -1}',
            b'{"cardNumber": "4242424242424242", "amount": 1.5}',
            b'{"cardNumber": "4242424242424242", "amount": "1"}',
            b'{"cardNumber": "4242424242424242", "amount": 10000000000000}',
            b'{"cardNumber": "4242424242424242", "amount": 1, "currency": "euro"}',
            b'{"cardNumber": "4242424242424242", "amount": 1, "cvc": "123"}',
        ],
    )
    def test_what_is_not_valid_is_refused(self, api: Api, body: bytes) -> None:
        answer = httpx.post(f"{api.url}/preauth", content=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_a_path_that_is_not_there_and_a_wrong_method_are_json_too(self, api: Api) -> None:
        assert api.http.get("/nothing").json()["code"] == "not_found"
        assert api.http.get("/check").json()["code"] == "method_not_allowed"


class TestIdempotency:
    def test_the_same_key_acts_once_and_answers_the_same(self, api: Api) -> None:
        token = captured(api)
        answers = [api.post("/refund", token, key=f"{token}-r", amount=100).json() for _ in "123"]
        assert answers == [OK, OK, OK]
        assert api.books(token)["refunded"] == 100

    def test_a_refusal_is_repeated_too(self, api: Api) -> None:
        token = held(api, 100)
        key = f"{token}-k"
        refused = no("amount_too_high")
        assert api.post("/processPayment", token, key=key, amount=101).json() == refused
        assert api.post("/processPayment", token, key=key, amount=101).json() == refused

    def test_the_key_of_another_request_is_refused(self, api: Api) -> None:
        token = captured(api)
        api.post("/refund", token, key=f"{token}-x", amount=100)
        answer = api.post("/refund", token, key=f"{token}-x", amount=200)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert api.books(token)["refunded"] == 100

    def test_eight_at_once_act_once(self, api: Api) -> None:
        token = captured(api)

        def refund(_: int) -> Any:
            return api.post("/refund", token, key=f"{token}-many", amount=100).json()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(refund, range(8)))
        assert answers == [OK] * 8
        assert api.books(token)["refunded"] == 100

    def test_eight_refunds_at_once_never_give_back_too_much(self, api: Api) -> None:
        token = captured(api, 300)
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda _: api.post("/refund", token, amount=100).json(), range(8))
            )
        assert sorted(answers, key=str) == [no("amount_too_high")] * 5 + [OK] * 3


class TestTroublesomeCards:
    def test_one_does_the_work_and_answers_500_and_a_replay_answers_well(self, api: Api) -> None:
        token = api.preauth(BROKEN)
        assert api.post("/check", token, key=f"{token}-c", amount=100).status_code == 500
        assert api.books(token)["held"] == 100
        assert api.post("/check", token, key=f"{token}-c", amount=100).json() == OK

    def test_one_does_the_work_and_answers_late_and_a_replay_answers_at_once(
        self, api: Api
    ) -> None:
        token = api.preauth(SLOW)
        with pytest.raises(httpx.ReadTimeout):
            api.http.post(
                "/check",
                json={"paymentToken": token, "amount": 100},
                headers={"Idempotency-Key": f"{token}-c"},
                timeout=SLOW_SECONDS / 4,
            )
        assert api.books(token)["held"] == 100
        began = time.monotonic()
        assert api.post("/check", token, key=f"{token}-c", amount=100).json() == OK
        assert time.monotonic() - began < SLOW_SECONDS


def test_the_books_are_paged(api: Api) -> None:
    made = {api.preauth() for _ in range(3)}
    found, after, pages = set(), 0, 0
    while after is not None:
        page = api.http.get("/payments", params={"limit": 2, "after": after}).json()
        found |= {row["paymentToken"] for row in page["results"]}
        after, pages = page["after"], pages + 1
    assert made <= found
    assert pages >= 2
    assert api.http.get("/payments", params={"limit": "many"}).status_code == 400


class TestPagesOfOtherOrigins:
    PREFLIGHT = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    def test_an_allowed_page_may_send_a_card(self, api: Api) -> None:
        headers = {"Origin": SHOP_ORIGIN}
        asked = httpx.options(f"{api.url}/preauth", headers={**headers, **self.PREFLIGHT})
        body = {"cardNumber": "4242424242424242", "amount": 100}
        sent = httpx.post(f"{api.url}/preauth", json=body, headers=headers)

        assert asked.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN
        assert asked.headers["Access-Control-Allow-Headers"] == "content-type"
        assert asked.headers["Access-Control-Allow-Methods"] == "POST"
        assert sent.status_code == 200
        assert sent.headers["Access-Control-Allow-Origin"] == SHOP_ORIGIN

    @pytest.mark.parametrize(
        ("path", "origin"),
        [("preauth", "https://thief.example"), ("payments", SHOP_ORIGIN), ("refund", SHOP_ORIGIN)],
    )
    def test_no_other_page_may_and_nothing_else(self, api: Api, path: str, origin: str) -> None:
        headers = {"Origin": origin, **self.PREFLIGHT}

        answer = httpx.options(f"{api.url}/{path}", headers=headers)

        assert "Access-Control-Allow-Origin" not in answer.headers
