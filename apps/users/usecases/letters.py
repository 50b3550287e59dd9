"""Mails: asked for, written when they are sent, and what following their links gives."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import ClassVar, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.crypto import salted_hmac

from apps.users import events
from apps.users.models import Letter, LoginAttempts, NotedAddress, User
from kernel.bus.outbox import publish
from kernel.mail import Mail
from kernel.refusals import Refusal
from kernel.signing import ExpiredSignature, InvalidSignature, sign, unsign
from kernel.transactions import transaction_required

Kind = Letter.Kind
MAX_LETTERS = 5
WINDOW = dt.timedelta(hours=1)


class TooManyLetters(Refusal):
    """So many mails were asked for that the next must wait."""

    status = 429
    members: ClassVar = {"retry_after": int}

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after


class LinkNotValid(Refusal):
    """The link was used, or replaced, or has expired: ask for a new one."""

    status = 422


class _Form(NamedTuple):
    lifetime: dt.timedelta
    subject: str
    path: str  # of the storefront's page that the link opens; it finds the token behind the #


_FORMS = {
    Kind.VERIFY_EMAIL: _Form(dt.timedelta(days=3), "Confirm your e-mail address", "verify-email"),
    Kind.ACCOUNT_EXISTS: _Form(dt.timedelta(days=1), "You have an account already", ""),
    Kind.RESET_PASSWORD: _Form(dt.timedelta(hours=1), "Choose a new password", "reset-password"),
    Kind.PASSWORD_CHANGED: _Form(dt.timedelta(days=1), "Your password was changed", ""),
}


@transaction_required
def ask_for_letter(*, kind: Letter.Kind, email: str, at: dt.datetime) -> TooManyLetters | None:
    """
    Wish for a mail, unless enough of its kind were asked for this address: then return that.

    It costs the same whether or not the address has an account.
    """
    key = salted_hmac(f"users.letter.{kind}", email, algorithm="sha256").hexdigest()
    asked, since = LoginAttempts.count(key, at=at, window=WINDOW)
    if asked > MAX_LETTERS:
        return TooManyLetters(retry_after=math.ceil((since + WINDOW - at).total_seconds()))
    letter = Letter.objects.create(
        kind=kind, email=email, created_at=at, expires_at=at + _FORMS[kind].lifetime
    )
    publish(events.LetterRequested(occurred_at=at, letter_id=letter.id, kind=kind.value))
    return None


@transaction_required
def write_letter(*, letter_id: uuid.UUID, at: dt.datetime) -> Mail | None:
    """
    Return the mail to send; None if it was sent, or its time is over, or it reaches nobody.

    The link is signed here and now, so that no table and no log can give it away.
    """
    letter = Letter.objects.filter(id=letter_id, sent_at=None, used_at=None).first()
    if letter is None or letter.expires_at <= at or reader_of(letter=letter) is None:
        return None
    if NotedAddress.refuses_mail(letter.email):
        return None
    form = _FORMS[Kind(letter.kind)]
    # Behind the # a token reaches neither the logs of servers nor the sites that the page links.
    token = sign({"letter": str(letter.id)}, purpose=_purpose(letter), expires_at=letter.expires_at)
    values = {
        "link": f"{settings.STOREFRONT_URL}/{form.path}#token={token}" if form.path else "",
        "shop": settings.STOREFRONT_URL,
        "hours": int(form.lifetime.total_seconds()) // 3600,
        "subject": form.subject,
    }
    return Mail(
        id=letter.id,
        to=letter.email,
        subject=form.subject,
        text=render_to_string(f"users/mail/{letter.kind}.txt", values),
        html=render_to_string(f"users/mail/{letter.kind}.html", values),
    )


@transaction_required
def note_letter_sent(*, letter_id: uuid.UUID, at: dt.datetime) -> None:
    """Note that the mail server took it."""
    Letter.objects.filter(id=letter_id, sent_at=None).update(sent_at=at)


@transaction_required
def note_address(*, address_id: uuid.UUID, takes_mail: bool, at: dt.datetime) -> None:
    """Remember whether an address takes mail: where there is no mailbox, none is sent."""
    NotedAddress.learn(id=address_id, takes_mail=takes_mail, noted_at=at)


@transaction_required
def forget_letter(*, letter_id: uuid.UUID, at: dt.datetime) -> None:
    """Forget a letter that reaches no one; one that was sent stays, since its link may be used."""
    Letter.objects.filter(id=letter_id, sent_at=None).delete()


@transaction_required
def use_letter(*, kind: Letter.Kind, token: str, at: dt.datetime) -> User:
    """
    Use a mail's link up, and return its reader's account, locked.

    :raises LinkNotValid: if it is not good, or no longer.
    """
    try:
        letter_id = uuid.UUID(unsign(token, purpose=f"users.{kind}")["letter"])
    except (InvalidSignature, ExpiredSignature) as error:
        raise LinkNotValid from error
    letter = Letter.objects.filter(id=letter_id).first()
    reader = letter and reader_of(letter=letter)
    if letter is None or reader is None:
        raise LinkNotValid
    # The account is locked first, as everywhere; of two who follow the link one finds it used.
    user = User.objects.select_for_update().get(id=reader.id)
    letter.refresh_from_db()
    if not (user.is_active and letter.is_good(at=at)):
        raise LinkNotValid
    letter.use(at=at)
    return user


@transaction_required
def reader_of(*, letter: Letter) -> User | None:
    """Return the open account that has the letter's address, if there is one."""
    return User.objects.filter(email=letter.email, is_active=True).first()


@transaction_required
def forget_old_letters(*, at: dt.datetime) -> None:
    """Delete mails whose time is over."""
    Letter.objects.filter(expires_at__lte=at).delete()


def _purpose(letter: Letter) -> str:
    return f"users.{letter.kind}"
