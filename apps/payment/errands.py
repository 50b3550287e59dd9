"""
Errands: several calls to a gateway, each answer written in a transaction of its own.

An edge that runs one can end anywhere: what was written is enough for another to go on.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import structlog
from django.utils import timezone

from apps.payment import gateway as gateways
from apps.payment import usecases
from apps.payment.gateway import Accepted, BooksPage, NotFound, Refused, Unknown, Wish
from apps.payment.usecases import LookUp, ReadBooks
from kernel.transactions import transaction

log = structlog.get_logger(__name__)


class GatewaySilent(Exception):
    """The gateway gave no answer that says what it did: the errand must be run again."""


def ask_until_settled(wish: Wish | None) -> None:
    """
    Ask the gateway, write its answer, and so on until nothing is wished of it.

    :raises GatewaySilent: the wish stays open, and is asked again with the same id.
    """
    while wish:
        answer = _ask(wish)
        with transaction():
            wish = usecases.take_answer(
                order_id=wish.order_id, operation_id=wish.id, answer=answer, at=timezone.now()
            )


def remedy(difference_id: uuid.UUID) -> None:
    """
    Ask the gateway for what mends a difference, and for what follows from it.

    :raises GatewaySilent: the difference waits to be mended.
    """
    with transaction():
        wish = usecases.begin_remedy(difference_id=difference_id, at=timezone.now())
    if wish is None:
        return
    answer = _ask(wish)
    with transaction():
        following = usecases.finish_remedy(
            difference_id=difference_id, answer=answer, at=timezone.now()
        )
    ask_until_settled(following)


def reconcile(reconciliation_id: uuid.UUID) -> Iterator[None]:
    """
    Compare a gateway's books with ours, and yield after each step.

    :raises GatewaySilent: what was compared is written down.
    """
    while True:
        with transaction():
            step = usecases.next_step(reconciliation_id=reconciliation_id, at=timezone.now())
        match step:
            case ReadBooks():
                _read(reconciliation_id, step)
            case LookUp():
                _look_up(reconciliation_id, step)
            case _:
                return
        yield


def _read(reconciliation_id: uuid.UUID, step: ReadBooks) -> None:
    page = gateways.read_books(step.gateway, step.on, after=step.after)
    if not isinstance(page, BooksPage):
        raise GatewaySilent(f"the books of {step.gateway}: {page.why}")
    with transaction():
        usecases.note_books(
            reconciliation_id=reconciliation_id, asked=step, page=page, at=timezone.now()
        )


def _look_up(reconciliation_id: uuid.UUID, step: LookUp) -> None:
    answers: dict[uuid.UUID, Accepted | NotFound] = {}
    for wish in step.wishes:
        answer = gateways.find(wish)
        if isinstance(answer, Unknown):
            raise GatewaySilent(f"{wish.kind} at {wish.gateway}: {answer.why}")
        answers[wish.id] = answer
    with transaction():
        usecases.note_lookups(
            reconciliation_id=reconciliation_id, answers=answers, at=timezone.now()
        )


def _ask(wish: Wish) -> Accepted | Refused:
    answer = gateways.carry_out(wish)
    if isinstance(answer, Unknown):
        _note_silence(wish, answer)
        raise GatewaySilent(f"{wish.kind} at {wish.gateway}: {answer.why}")
    return answer


def _note_silence(wish: Wish, answer: Unknown) -> None:
    with transaction():
        is_left_alone = usecases.note_silence(
            gateway=wish.gateway, why=f"{wish.kind}: {answer.why}", at=timezone.now()
        )
    if is_left_alone:
        log.error("gateway_left_alone", gateway=wish.gateway, why=answer.why)
