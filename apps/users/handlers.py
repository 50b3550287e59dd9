"""What users does: it sends its mails where they can be read, and gathers what others hold."""

from __future__ import annotations

from django.utils import timezone

from apps.delivery import events as delivery
from apps.invoices import events as invoices
from apps.orders import events as orders
from apps.users import usecases
from apps.users.events import LetterRequested
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles
from kernel.mail import post, sending
from kernel.transactions import transaction

Gathered = (
    orders.PersonalDataGathered | delivery.PersonalDataGathered | invoices.PersonalDataGathered
)


@handles(LetterRequested, outside=True)
def send_letter(event: LetterRequested, answered: Answered) -> None:
    # A process that ends between the call and the answer sends it twice, under the same id.
    with sending(event.letter_id):
        with transaction():
            mail = usecases.write_letter(letter_id=event.letter_id, at=timezone.now())
        is_taken = mail is not None and post().send(mail)
        note = usecases.note_letter_sent if is_taken else usecases.forget_letter
        with answered():
            note(letter_id=event.letter_id, at=timezone.now())


@handles(invoices.AddressNoted)
def note_address(event: invoices.AddressNoted) -> None:
    usecases.note_address(
        address_id=event.address_id, takes_mail=event.takes_mail, at=event.occurred_at
    )


@handles(orders.PersonalDataGathered, delivery.PersonalDataGathered, invoices.PersonalDataGathered)
def note_part(event: Gathered) -> None:
    usecases.note_part(
        export_id=event.export_id,
        module=event.name.partition(".")[0],
        part=event.part,
        parts=event.parts,
        rows=event.rows,
    )
