"""What audit does when the others speak: it keeps every word."""

from __future__ import annotations

from django.utils import timezone

from apps.audit import usecases
from apps.users.events import UserErased, UserRegistered, UserUpdated
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.subscriptions import handles


@handles(Event, pack=True)
def record_events(pack: list[Envelope]) -> None:
    usecases.record_events(envelopes=pack, at=timezone.now())


@handles(UserRegistered, UserUpdated, replica="KnownUser")
def note_user(event: UserRegistered | UserUpdated) -> None:
    usecases.note_user(user_id=event.user_id, version=event.version, email=event.email)


@handles(UserErased, replica="KnownUser")
def forget_user(event: UserErased) -> None:
    usecases.forget_user(user_id=event.user_id, version=event.version)
