"""A gateway in memory that behaves as payment_3p does; both pass the same tests."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Mapping

import orjson
from django.utils import timezone

from apps.payment.gateway.books import BookEntry, BooksPage
from apps.payment.gateway.interface import (
    Accepted,
    Answer,
    Gateway,
    NotFound,
    Refused,
    Unknown,
    Wish,
)
from apps.payment.gateway.webhooks import reference_of, sign
from apps.payment.models import Kind

GOOD_CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"
INSUFFICIENT_FUNDS_CARD = "4000000000009995"
CAPTURE_REFUSED_CARD = "4000000000000341"
SILENT_CARDS = {"4000000000000259": "late", "4000000000000119": "status 500"}
BOOKS_PAGE = 100
WEBHOOK_SECRET = "of-the-fake"  # noqa: S105 -- nothing that the fake signs is believed elsewhere
_NO_MONEY = {DECLINED_CARD: "card_declined", INSUFFICIENT_FUNDS_CARD: "insufficient_funds"}


@dataclasses.dataclass
class Account:
    """What the fake's books say of one token."""

    card: str
    limit: int
    currency: str
    state: str = "NEW"
    held: int = 0
    captured: int = 0
    refunded: int = 0


def _nothing(wish: Wish) -> None:
    """Let the call go on."""


class FakeGateway(Gateway):
    """
    Keeps its books in memory, honours keys, and knows the same special cards as payment_3p.

    `before_work` and `after_work` are called with each wish, outside of the fake's lock: a test
    can wait there, or raise what a dying process would.
    """

    has_books = True

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.answers: dict[uuid.UUID, Accepted | Refused] = {}
        self.done: dict[uuid.UUID, Accepted] = {}
        self.entries: list[BookEntry] = []
        self.calls: list[Wish] = []
        self.before_work: Callable[[Wish], None] = _nothing
        self.after_work: Callable[[Wish], None] = _nothing
        self._lock = threading.Lock()

    def preauth(self, card: str = GOOD_CARD, *, amount: int, currency: str = "EUR") -> str:
        """Give a token for a card, as the storefront would get it."""
        token = f"tok_{len(self.accounts) + 1:032x}"
        self.accounts[token] = Account(card=card, limit=amount, currency=currency)
        return token

    def call(self, wish: Wish) -> Answer:
        """Do it, once for each key."""
        self.calls.append(wish)
        self.before_work(wish)
        with self._lock:
            is_replay = wish.id in self.answers
            answer = self.answers[wish.id] if is_replay else self._work(wish)
            is_new = wish.id in self.answers and not is_replay
        self.after_work(wish)
        account = self.accounts.get(wish.token)
        if is_new and account and account.card in SILENT_CARDS:
            return Unknown(SILENT_CARDS[account.card])
        return answer

    def find(self, wish: Wish) -> Accepted | NotFound | Unknown:
        """Look into the books."""
        return self.done.get(wish.id, NotFound())

    def forget_keys(self) -> None:
        """Let a day go by: the books stay."""
        self.answers.clear()

    def books(self, on: dt.date, *, after: str = "") -> BooksPage | Unknown:
        """Read a page of the day's books."""
        of_day = [each for each in self.entries if each.made_at.astimezone(dt.UTC).date() == on]
        begin = int(after or 0)
        page, rest = of_day[begin : begin + BOOKS_PAGE], of_day[begin + BOOKS_PAGE :]
        return BooksPage(tuple(page), after=str(begin + len(page)) if rest else "")

    def webhook(self, wish: Wish, *, at: dt.datetime) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of the message that tells of a wish which was done."""
        body = orjson.dumps({"type": wish.kind.lower(), "reference": str(wish.id)})
        return body, sign(body, secret=WEBHOOK_SECRET, at=at)

    def read_webhook(
        self, body: bytes, headers: Mapping[str, str], *, at: dt.datetime
    ) -> uuid.UUID | None:
        """
        Return the wish's id.

        :raises UntrustedWebhook:
        """
        return reference_of(body, headers, secret=WEBHOOK_SECRET, at=at)

    def _work(self, wish: Wish) -> Accepted | Refused:
        account = self.accounts.get(wish.token)
        held = account.held if account else 0
        reason = _WORK[Kind(wish.kind)](account, wish) if account else "unknown_token"
        fee = fee_of(wish.amount) if wish.kind == Kind.CAPTURE else None
        answer = Refused(reason) if reason else Accepted(fee=fee)
        if isinstance(answer, Accepted):
            self.done[wish.id] = answer
        if reason not in {"unknown_token", "wrong_state"}:  # payment_3p judges these anew
            self.answers[wish.id] = answer
        if account and isinstance(answer, Accepted):
            self._enter(wish, account, answer.fee, released=held)
        return answer

    def _enter(self, wish: Wish, account: Account, fee: int | None, *, released: int) -> None:
        entry = BookEntry(
            id=str(len(self.entries) + 1),
            reference=str(wish.id),
            token=wish.token,
            kind=wish.kind,
            amount=released if wish.kind == Kind.VOID else wish.amount,
            currency=account.currency,
            fee=fee or 0,
            made_at=timezone.now(),
        )
        self.entries.append(entry)


def fee_of(amount: int) -> int:
    """Return what payment_3p keeps of a capture: 1.4 % and 0.25, nothing of nothing."""
    return (amount * 14 + 500) // 1_000 + 25 if amount else 0


def _authorize(account: Account, wish: Wish) -> str:
    if account.state != "NEW":
        return "token_used"
    if account.currency != wish.currency:
        return "currency_mismatch"
    if account.card in _NO_MONEY:
        return _NO_MONEY[account.card]
    if wish.amount > account.limit:
        return "amount_above_limit"
    account.state, account.held = "HELD", wish.amount
    return ""


def _amend(account: Account, wish: Wish) -> str:
    if account.state != "HELD":
        return "wrong_state"
    if wish.amount > account.held:
        return "amount_too_high"
    account.held = wish.amount
    return ""


def _capture(account: Account, wish: Wish) -> str:
    if account.state != "HELD":
        return "wrong_state"
    if account.card == CAPTURE_REFUSED_CARD:
        return "capture_refused"
    if wish.amount > account.held:
        return "amount_too_high"
    account.state, account.captured, account.held = "CAPTURED", wish.amount, 0
    return ""


def _void(account: Account, wish: Wish) -> str:
    if account.state == "CAPTURED":
        return "wrong_state"
    account.state, account.held = "CANCELLED", 0
    return ""


def _refund(account: Account, wish: Wish) -> str:
    if account.state != "CAPTURED":
        return "wrong_state"
    if wish.amount > account.captured - account.refunded:
        return "amount_too_high"
    account.refunded += wish.amount
    return ""


_WORK = {
    Kind.AUTHORIZE: _authorize,
    Kind.AMEND: _amend,
    Kind.CAPTURE: _capture,
    Kind.VOID: _void,
    Kind.REFUND: _refund,
}
