"""A gateway in memory that behaves as payment_3p does; both pass the same tests."""

from __future__ import annotations

import dataclasses
import datetime as dt
import threading
import uuid
from collections.abc import Callable, Mapping

import orjson

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

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.answers: dict[uuid.UUID, Accepted | Refused] = {}
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
        return Accepted() if self.answers.get(wish.id) == Accepted() else NotFound()

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
        reason = _WORK[Kind(wish.kind)](account, wish) if account else "unknown_token"
        answer = Refused(reason) if reason else Accepted()
        if reason not in {"unknown_token", "wrong_state"}:  # payment_3p judges these anew
            self.answers[wish.id] = answer
        return answer


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
