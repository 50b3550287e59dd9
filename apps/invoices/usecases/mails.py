"""Mails about orders: wished for, written when they are sent, and what became of them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from apps.invoices import events, mails
from apps.invoices.models import (
    BouncedAddress,
    Correspondence,
    CreditNote,
    Invoice,
    KnownUser,
    Mail,
    Seller,
)
from kernel import mail as outgoing
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.signing import sign_order
from kernel.transactions import transaction_required

MAX_LINKS = 5
WINDOW = dt.timedelta(hours=1)


class UnknownMail(Refusal):
    """There is no such mail."""

    status = 404


class MailUnderWay(Refusal):
    """The mail is still to be sent: wait for that."""


@transaction_required
def wish_mail(
    *,
    kind: Mail.Kind,
    order_id: uuid.UUID,
    about: uuid.UUID,
    facts: Mapping[str, str],
    at: dt.datetime,
) -> None:
    """Wish for the one mail that tells this; it waits if the order isn't known yet."""
    order = Correspondence.lock(order_id)
    mail = Mail(kind=kind, order=order, about=about, facts=dict(facts), created_at=at)
    Mail.objects.bulk_create([mail], ignore_conflicts=True)
    if order.placed_at:
        request_mail(mail=Mail.objects.get(kind=kind, about=about, copy_of=None), at=at)


@transaction_required
def wish_link(*, order_id: uuid.UUID, request_id: uuid.UUID, at: dt.datetime) -> None:
    """Wish for a mail with the link to a guest's order; so many within an hour, and no more."""
    order = Correspondence.lock(order_id)
    lately = order.mails.filter(kind=Mail.Kind.LINK, created_at__gt=at - WINDOW)
    if order.customer_id is None and lately.count() < MAX_LINKS:
        wish_mail(kind=Mail.Kind.LINK, order_id=order_id, about=request_id, facts={}, at=at)


@transaction_required
def request_mail(*, mail: Mail, at: dt.datetime) -> None:
    """Let a mail that waits be sent."""
    if mail.follow("needs_met"):
        publish(
            events.MailRequested(
                occurred_at=at, mail_id=mail.id, order_id=mail.order_id, kind=mail.kind
            )
        )


@transaction_required
def wake_mails(*, at: dt.datetime, limit: int) -> int:
    """Let mails be sent that waited for their reader's address; return how many."""
    readers = KnownUser.objects.filter(id=OuterRef("order__customer_id"))
    known = readers.filter(Q(is_erased=True) | ~Q(email=""))
    waiting = Mail.objects.filter(
        Exists(known), state=Mail.State.WAITING, order__placed_at__isnull=False
    )
    found = waiting.select_for_update(of=("self",), skip_locked=True).order_by("id")[:limit]
    for mail in found:
        request_mail(mail=mail, at=at)
    return len(found)


@transaction_required
def write_mail(*, mail_id: uuid.UUID, at: dt.datetime) -> outgoing.Mail | None:
    """
    Return the mail to send, but for its file; None if it is not to be sent, or not yet.

    Its text is made here and now, with the link, so that no table keeps it. A process that ends
    from here on has counted a try.
    """
    mail = Mail.objects.select_related("order").filter(id=mail_id, state=Mail.State.READY).first()
    if mail is None:
        return None
    event, address = _reader(mail.order)
    if not event and BouncedAddress.has(address):
        event = "suppressed"
    if event:
        mail.follow(event)
        _forget_what_was_told(mail)
        return None
    mail.count_try()
    written = mails.write(_told(mail, at))
    return outgoing.Mail(mail.id, address, written.subject, written.text, written.html)


@transaction_required
def note_mail_sent(*, mail_id: uuid.UUID, at: dt.datetime) -> None:
    """Note that the mail server took it."""
    mail = Mail.objects.select_for_update().get(id=mail_id)
    mail.follow("taken", sent_at=at)
    _forget_what_was_told(mail)
    publish(
        events.MailSent(occurred_at=at, mail_id=mail.id, order_id=mail.order_id, kind=mail.kind)
    )


@transaction_required
def note_mail_refused(*, mail_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Note that the mail server found its address to be none.

    Later mails are tried nevertheless: a server says the same when it is set up wrongly.
    """
    mail = Mail.objects.select_for_update().get(id=mail_id)
    if mail.follow("refused"):
        _forget_what_was_told(mail)
        tell_bounced(mail=mail, at=at)


@transaction_required
def tell_bounced(*, mail: Mail, at: dt.datetime) -> None:
    """Say what became of a mail that isn't read."""
    publish(
        events.MailBounced(
            occurred_at=at,
            mail_id=mail.id,
            order_id=mail.order_id,
            kind=mail.kind,
            outcome=mail.state,
        )
    )


@transaction_required
def send_again(*, mail_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Wish for a copy of a mail, which its reader's server takes for another one.

    :raises UnknownMail: if there is none.
    :raises MailUnderWay: if it has not left yet.
    """
    mail = Mail.objects.select_for_update().filter(id=mail_id).first()
    if mail is None:
        raise UnknownMail
    if mail.is_under_way:
        raise MailUnderWay
    copy = Mail.objects.create(
        kind=mail.kind,
        order_id=mail.order_id,
        about=mail.about,
        facts=mail.facts,
        copy_of=mail.copy_of or mail.id,
        created_at=at,
    )
    request_mail(mail=copy, at=at)


def _reader(order: Correspondence) -> tuple[str, str]:
    """Return what keeps the mail from being sent, if anything does, and its reader's address."""
    if order.customer_id is None:
        return ("", order.email) if order.email else ("dropped", "")
    user = KnownUser.objects.filter(id=order.customer_id).first()
    if user and user.is_erased:
        return "dropped", ""
    return ("", user.email) if user and user.email else ("needs_more", "")


def _forget_what_was_told(mail: Mail) -> None:
    if mail.kind == Mail.Kind.PLACED and not mail.is_under_way:
        mail.order.forget_address()


def _told(mail: Mail, at: dt.datetime) -> mails.Told:
    order = mail.order
    ends_at = at + settings.ORDER_LINK_LIFETIME
    return mails.Told(
        kind=mail.kind,
        number=order.number,
        locale=order.locale,
        placed_on=(order.placed_at or at).date(),
        link=_link(order, ends_at),
        link_ends_on=None if order.customer_id else ends_at.date(),
        terms=order.terms or {},
        address=order.address,
        facts={**mail.facts, **_paper_facts(mail)},
        seller=Seller.current().printed(order.locale),
    )


def _link(order: Correspondence, ends_at: dt.datetime) -> str:
    """Return where the storefront shows the order; a guest's link lets in, and is kept nowhere."""
    if order.customer_id:
        return f"{settings.STOREFRONT_URL}/orders/{order.order_id}"
    # Behind the # it goes to no server, and into no log on the way.
    return f"{settings.STOREFRONT_URL}/order#token={sign_order(order.order_id, expires_at=ends_at)}"


def _paper_facts(mail: Mail) -> dict[str, str]:
    """Return what stands on the document that goes with the mail."""
    if mail.kind == Mail.Kind.INVOICE:
        invoice = Invoice.objects.get(id=mail.about)
        facts = {"invoice": invoice.number, "amount": invoice.total, "currency": invoice.currency}
    elif mail.kind == Mail.Kind.CREDIT_NOTE:
        note = CreditNote.objects.select_related("invoice").get(id=mail.about)
        facts = {"credit_note": note.number, "amount": note.amount, "currency": note.currency}
        facts |= {"why": note.reason, "invoice": note.invoice.number}
    else:
        return {}
    return {name: str(value) for name, value in facts.items()}
