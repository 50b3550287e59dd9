"""What the mail service reports of mails that it took: they came back, or were called spam."""

from __future__ import annotations

import datetime as dt
import uuid

from apps.invoices.events import AddressNoted
from apps.invoices.models import BouncedAddress, Mail
from apps.invoices.usecases.mails import tell_bounced
from kernel.bus.outbox import publish
from kernel.mail import address_id, digest_of
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

Reason = BouncedAddress.Reason


class UnknownAddress(Refusal):
    """No address of this hash is kept from getting mails."""

    status = 404


@transaction_required
def note_bounce(
    *, mail_id: uuid.UUID | None, email: str, reason: str, is_final: bool, at: dt.datetime
) -> None:
    """Note that a mail came back; if there is no such mailbox, nothing more is sent there."""
    _note(mail_id, "bounced", reason, at)
    if is_final:
        BouncedAddress.note(email, reason=Reason.BOUNCED, mail_id=mail_id, noted_at=at)
        _tell(digest_of(email), takes_mail=False, at=at)


@transaction_required
def note_complaint(*, mail_id: uuid.UUID | None, email: str, at: dt.datetime) -> None:
    """Note that a reader called a mail spam: they get no more about orders, but an account's."""
    _note(mail_id, "complained", "", at)
    BouncedAddress.note(email, reason=Reason.COMPLAINED, mail_id=mail_id, noted_at=at)


@transaction_required
def allow_address(*, digest: str, at: dt.datetime) -> None:
    """
    Let mails be sent to an address again.

    :raises UnknownAddress: if it isn't kept from that.
    """
    if not BouncedAddress.objects.filter(digest=digest).delete()[0]:
        raise UnknownAddress
    _tell(digest, takes_mail=True, at=at)


def _tell(digest: str, *, takes_mail: bool, at: dt.datetime) -> None:
    publish(AddressNoted(occurred_at=at, address_id=address_id(digest), takes_mail=takes_mail))


def _note(mail_id: uuid.UUID | None, event: str, reason: str, at: dt.datetime) -> None:
    # One of another module, or one that was forgotten, tells of the address alone.
    found = Mail.objects.select_for_update()
    mail = found.filter(id=mail_id).first() if mail_id else None
    if mail and mail.follow(event, reason=reason[:100]):
        tell_bounced(mail=mail, at=at)
