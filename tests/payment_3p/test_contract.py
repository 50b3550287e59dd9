"""What payment asks of a gateway: the fake answers as the real payment_3p does, over real HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

import httpx
import pytest
from django.utils import timezone

from apps.payment.gateway import (
    Accepted,
    BookEntry,
    BooksPage,
    FakeGateway,
    Gateway,
    NotFound,
    Payment3P,
    Refused,
    Unknown,
    UntrustedWebhook,
    Wish,
)
from apps.payment.gateway.fake import fee_of as fake_fee_of
from kernel.ids import new_id
from tests.payment_3p import server
from tests.payment_3p.conftest import Api, Listener

GOOD = "4242424242424242"
DECLINED, NO_FUNDS, NO_CAPTURE = "4000000000000002", "4000000000009995", "4000000000000341"
SLOW, BROKEN = "4000000000000259", "4000000000000119"

SKEW = dt.timedelta(seconds=1)


def fee_of(wish: Wish) -> int:
    return fake_fee_of(wish.amount) if wish.kind == "CAPTURE" else 0


Preauth = Callable[..., str]


class Shop:
    """A gateway, and the storefront's way to a token of it."""

    def __init__(self, gateway: Gateway, preauth: Preauth) -> None:
        self.gateway, self.preauth = gateway, preauth

    def wish(self, kind: str, token: str, amount: int = 1_000, currency: str = "EUR") -> Wish:
        return Wish(
            id=new_id(),
            order_id=new_id(),
            kind=kind,
            gateway="payment_3p",
            token=token,
            amount=amount,
            currency=currency,
        )

    def do(self, kind: str, token: str, amount: int = 1_000, currency: str = "EUR") -> object:
        return self.gateway.call(self.wish(kind, token, amount, currency))

    def books(self, on: dt.date) -> list[BookEntry]:
        found, after = list[BookEntry](), ""
        while True:
            page = self.gateway.books(on, after=after)
            assert isinstance(page, BooksPage)
            found += page.entries
            if not page.after:
                return found
            after = page.after

    def held(self, amount: int = 1_000, card: str = GOOD) -> str:
        token = self.preauth(card, amount=amount)
        assert self.do("AUTHORIZE", token, amount) == Accepted()
        return token

    def captured(self, amount: int = 1_000) -> str:
        token = self.held(amount)
        assert self.do("CAPTURE", token, amount) == Accepted()
        return token


@pytest.fixture(params=["fake", "payment_3p"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "fake":
        fake = FakeGateway()
        yield Shop(fake, fake.preauth)
        return
    api: Api = request.getfixturevalue("api")
    timeout = httpx.Timeout(5, read=server.SLOW_SECONDS * 0.8)
    real = Payment3P(api.url, api_key=server.API_KEY, timeout=timeout)
    yield Shop(real, api.preauth)
    real.close()


def test_authorizes_amends_captures_and_refunds(shop: Shop) -> None:
    token = shop.held(1_000)
    assert shop.do("AMEND", token, 900) == Accepted()
    assert shop.do("CAPTURE", token, 800) == Accepted()
    assert shop.do("REFUND", token, 300) == Accepted()
    assert shop.do("REFUND", token, 500) == Accepted()
    assert shop.do("REFUND", token, 1) == Refused("amount_too_high")


def test_voids_what_is_held_and_again(shop: Shop) -> None:
    token = shop.held()
    assert shop.do("VOID", token) == Accepted()
    assert shop.do("VOID", token) == Accepted()
    assert shop.do("CAPTURE", token) == Refused("wrong_state")


def test_a_free_order_goes_the_same_way(shop: Shop) -> None:
    assert shop.do("VOID", shop.held(0), 0) == Accepted()
    assert shop.do("CAPTURE", shop.held(0), 0) == Accepted()


@pytest.mark.parametrize(
    ("card", "reason"), [(DECLINED, "card_declined"), (NO_FUNDS, "insufficient_funds")]
)
def test_a_bad_card_is_refused(shop: Shop, card: str, reason: str) -> None:
    assert shop.do("AUTHORIZE", shop.preauth(card, amount=1_000)) == Refused(reason)


def test_a_token_is_authorized_once(shop: Shop) -> None:
    assert shop.do("AUTHORIZE", shop.held()) == Refused("token_used")


def test_an_unknown_token_is_refused(shop: Shop) -> None:
    for kind in ("AUTHORIZE", "AMEND", "CAPTURE", "VOID", "REFUND"):
        assert shop.do(kind, "tok_nobody") == Refused("unknown_token")


def test_amount_and_currency_are_those_that_the_customer_agreed_to(shop: Shop) -> None:
    token = shop.preauth(GOOD, amount=1_000, currency="SEK")
    assert shop.do("AUTHORIZE", token, 1_001, "SEK") == Refused("amount_above_limit")
    assert shop.do("AUTHORIZE", token, 1_000, "EUR") == Refused("currency_mismatch")
    assert shop.do("AUTHORIZE", token, 1_000, "SEK") == Accepted()


def test_nothing_is_raised_above_what_is_held(shop: Shop) -> None:
    token = shop.held(1_000)
    assert shop.do("AMEND", token, 1_001) == Refused("amount_too_high")
    assert shop.do("CAPTURE", token, 1_001) == Refused("amount_too_high")


def test_a_capture_can_be_refused_and_the_hold_voided(shop: Shop) -> None:
    token = shop.held(card=NO_CAPTURE)
    assert shop.do("CAPTURE", token) == Refused("capture_refused")
    assert shop.do("VOID", token) == Accepted()


@pytest.mark.parametrize("kind", ["AMEND", "CAPTURE", "REFUND"])
def test_what_was_never_held_is_in_the_wrong_state(shop: Shop, kind: str) -> None:
    assert shop.do(kind, shop.preauth(GOOD, amount=1_000)) == Refused("wrong_state")


def test_what_was_captured_is_not_voided(shop: Shop) -> None:
    assert shop.do("VOID", shop.captured()) == Refused("wrong_state")


def test_the_same_wish_acts_once(shop: Shop) -> None:
    refund = shop.wish("REFUND", shop.captured(1_000), 600)
    assert [shop.gateway.call(refund) for _ in range(3)] == [Accepted()] * 3


def test_a_refused_wish_stays_refused(shop: Shop) -> None:
    token = shop.held(1_000)
    capture = shop.wish("CAPTURE", token, 1_001)
    assert [shop.gateway.call(capture) for _ in range(2)] == [Refused("amount_too_high")] * 2


def test_the_fee_of_a_capture_is_told_now_again_and_by_the_books(shop: Shop) -> None:
    capture = shop.wish("CAPTURE", shop.held(12_345), 12_345)
    answers = [shop.gateway.call(capture), shop.gateway.call(capture), shop.gateway.find(capture)]
    assert [getattr(answer, "fee", None) for answer in answers] == [198, 198, 198]


def test_the_books_of_a_day_tell_what_was_done(shop: Shop) -> None:
    token = shop.preauth(GOOD, amount=9_000)
    steps = [("AUTHORIZE", 9_000), ("AMEND", 8_000), ("CAPTURE", 7_000), ("REFUND", 500)]
    wishes = [shop.wish(kind, token, amount) for kind, amount in steps]
    held = shop.wish("AUTHORIZE", shop.preauth(GOOD, amount=300), 300)
    void = shop.wish("VOID", held.token, 999)  # what is told is what was released
    before = timezone.now()
    for wish in [*wishes, held, void, shop.wish("VOID", "tok_nobody")]:
        shop.gateway.call(wish)

    def books(on: dt.date) -> list[BookEntry]:
        """Leave out what other tests did there, on whatever day."""
        return [each for each in shop.books(on) if each.token in {token, held.token}]

    found = books(before.date())
    assert [(e.reference, e.token, e.kind, e.amount, e.currency, e.fee) for e in found] == [
        *[(str(w.id), token, w.kind, w.amount, "EUR", fee_of(w)) for w in wishes],
        (str(held.id), held.token, "AUTHORIZE", 300, "EUR", 0),
        (str(void.id), held.token, "VOID", 300, "EUR", 0),
    ]
    assert len({each.id for each in found}) == 6
    assert all(before - SKEW <= each.made_at <= timezone.now() + SKEW for each in found)
    assert books(before.date() - dt.timedelta(days=1)) == []


def test_the_books_are_read_page_by_page(shop: Shop) -> None:
    token = shop.captured(1_000)
    refunds = [shop.wish("REFUND", token, 1) for _ in range(120)]
    for wish in refunds:
        shop.gateway.call(wish)

    found = [each for each in shop.books(timezone.now().date()) if each.kind == "REFUND"]
    mine = [each.reference for each in found if each.token == token]
    assert mine == [str(wish.id) for wish in refunds]


@pytest.mark.parametrize("card", [SLOW, BROKEN])
def test_work_without_an_answer_is_unknown_and_the_same_wish_tells_it(
    shop: Shop, card: str
) -> None:
    wish = shop.wish("AUTHORIZE", shop.preauth(card, amount=1_000))
    assert isinstance(shop.gateway.call(wish), Unknown)
    assert shop.gateway.find(wish) == Accepted()
    assert shop.gateway.call(wish) == Accepted()


def test_the_books_tell_what_was_done_and_what_was_not(shop: Shop) -> None:
    token = shop.captured()
    done, refused, never = (shop.wish("REFUND", token, amount) for amount in (100, 9_999, 50))
    shop.gateway.call(done)
    shop.gateway.call(refused)
    assert shop.gateway.find(done) == Accepted()
    assert shop.gateway.find(refused) == NotFound()
    assert shop.gateway.find(never) == NotFound()
    assert shop.gateway.find(shop.wish("VOID", "tok_nobody")) == NotFound()


def test_its_webhook_is_believed_and_tells_the_wish(api: Api, listener: Listener) -> None:
    real = Payment3P(api.url, api_key=server.API_KEY, webhook_secret=server.WEBHOOK_SECRET)
    shop = Shop(real, api.preauth)
    wish = shop.wish("AUTHORIZE", shop.preauth(GOOD, amount=1_000))
    assert real.call(wish) == Accepted()

    received = listener.of(wish.token, "check")

    assert real.read_webhook(received.body, received.headers, at=timezone.now()) == wish.id
    with pytest.raises(UntrustedWebhook):
        real.read_webhook(received.body + b" ", received.headers, at=timezone.now())
    real.close()


class TestAGatewayThatIsNotThere:
    def test_is_unknown_and_nothing_is_raised(self) -> None:
        gateway = Payment3P(f"http://127.0.0.1:{server.free_port()}", api_key="x")
        wish = Shop(gateway, str).wish("CAPTURE", "tok_x")
        assert gateway.call(wish) == Unknown("ConnectError")
        assert gateway.find(wish) == Unknown("ConnectError")
        assert gateway.books(timezone.now().date()) == Unknown("ConnectError")
        gateway.close()

    def test_a_wrong_key_is_our_fault_and_no_verdict_on_the_payment(self, api: Api) -> None:
        gateway = Payment3P(api.url, api_key="wrong")
        wish = Shop(gateway, str).wish("CAPTURE", "tok_x")
        assert gateway.call(wish) == Unknown("status 401")
        assert gateway.find(wish) == Unknown("status 401")
        assert gateway.books(timezone.now().date()) == Unknown("status 401")
        gateway.close()

    def test_another_server_that_answers_nonsense_is_unknown(self, api: Api) -> None:
        gateway = Payment3P(f"{api.url}/elsewhere", api_key=server.API_KEY)
        wish = Shop(gateway, str).wish("CAPTURE", "tok_x")
        assert gateway.call(wish) == Unknown("status 404")
        assert gateway.find(wish) == Unknown("status 404")
        assert gateway.books(timezone.now().date()) == Unknown("status 404")
        gateway.close()
