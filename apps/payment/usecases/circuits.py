"""Whether gateways answer: what each call adds to what all processes know."""

from __future__ import annotations

import datetime as dt

from django.db.models import Value
from django.db.models.functions import Least

from apps.payment.models import Circuit, Operation
from kernel.transactions import transaction_required


@transaction_required
def note_silence(*, gateway: str, why: str, at: dt.datetime) -> bool:
    """Note a call without an answer; return whether the gateway is left alone from now on."""
    return Circuit.note_silence(gateway, error=why, at=at)


@transaction_required
def note_that_it_answers(*, gateway: str, at: dt.datetime) -> None:
    """Note an answer, whatever it says; after a silence, what waited is asked for at once."""
    if Circuit.note_answer(gateway):
        waiting = Operation.objects.filter(payment__gateway=gateway, state=Operation.State.WISHED)
        # Not those that someone is just writing, who may be waiting for the circuit's row.
        free = waiting.select_for_update(skip_locked=True, of=("self",)).values_list(
            "id", flat=True
        )
        Operation.objects.filter(id__in=list(free)).update(
            next_ask_at=Least("next_ask_at", Value(at))
        )
