"""What users does when it has spoken itself: it sends the mails that it wished for."""

from __future__ import annotations

from django.utils import timezone

from apps.users import gateway, usecases
from apps.users.events import LetterRequested
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles
from kernel.transactions import transaction


@handles(LetterRequested, outside=True)
def send_letter(event: LetterRequested, answered: Answered) -> None:
    # A process that ends between the call and the answer sends it twice, under the same id.
    with transaction():
        mail = usecases.write_letter(letter_id=event.letter_id, at=timezone.now())
    is_taken = mail is not None and gateway.post().send(mail)
    note = usecases.note_letter_sent if is_taken else usecases.forget_letter
    with answered():
        note(letter_id=event.letter_id, at=timezone.now())
