"""What the buttons have in common: the right, the transaction, the note of who did it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from kernel.bus.admin.wording import count
from kernel.bus.mending import Mended
from kernel.refusals import Refusal
from kernel.staff import tell_act
from kernel.transactions import transaction

R = TypeVar("R")

LOOK, SEND, MEND = "bus.view_outboxevent", "bus.change_outboxevent", "bus.change_delivery"


def demand(request: HttpRequest, right: str) -> None:
    """
    Refuse who lacks a right.

    :raises PermissionDenied:
    """
    if not request.user.has_perm(right):
        raise PermissionDenied


def act(
    request: HttpRequest, call: Callable[[], R], *, on: Collection[Model] = (), noted: str = ""
) -> R | None:
    """
    Make one use-case call, and note in the history of these rows who did so.

    Return what it returned; None if it was refused, which the person is told.
    """
    try:
        with transaction():
            done = call()
            if done and on:
                LogEntry.objects.log_actions(str(request.user.pk), on, CHANGE, noted)
                _tell(on, noted)
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return None
    return done


def _tell(rows: Collection[Model], noted: str) -> None:
    keys = [row.pk for row in rows]
    model = next(iter(rows))._meta.label_lower  # noqa: SLF001 -- Django documents it
    tell_act(action=noted, model=model, objects=keys, at=timezone.now())


def told(mended: Mended) -> str:
    """Say what became of what was stuck, and what that means."""
    if not mended.redriven and not mended.sent:
        return "Nothing was changed: what is not done waits to be sent anyway."
    parts = []
    if mended.redriven:
        parts.append(f"{count(mended.redriven, 'dead delivery', 'dead deliveries')} redriven.")
    if mended.sent:
        parts.append(f"{count(mended.sent, 'event is', 'events are')} sent again.")
    parts.append("Who has taken an event drops the copy; who has not tries now.")
    if mended.redriven:
        parts.append("What fails again is tried for 45 minutes, and then dead again.")
    return " ".join(parts)
