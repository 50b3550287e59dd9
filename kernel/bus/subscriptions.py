"""Which function hears which event, and on which queue."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from kernel.bus.event import Event

F = TypeVar("F", bound=Callable[..., None])

# What stands for the name of a handler that this code doesn't have.
UNKNOWN = "unknown"


class DuplicateHandler(Exception):
    """Two functions carry the same handler name."""


@dataclasses.dataclass(frozen=True)
class Handler:
    """One function of one app, bound to one event. Its name is in the inbox: never rename it."""

    name: str  # "warehouse.reserve_stock"
    app: str  # "warehouse"
    event: type[Event]
    run: Callable[..., None]
    is_outside: bool = False  # talks to the outside world: no transaction, a queue of its own
    is_pack: bool = False  # takes the envelopes of a pack at once, in one transaction
    replica: str = ""  # the model of its app that it fills, and it does nothing else

    def __post_init__(self) -> None:
        if self.replica and (self.is_outside or self.is_pack):
            raise TypeError(f"{self.name}: a replica is filled by one event at a time, at home.")

    @property
    def is_replica(self) -> bool:
        """Whether it may hear an event again, since all that it does is to fill a replica."""
        return bool(self.replica)

    @property
    def queue(self) -> str:
        """The queue on which this handler's events come."""
        return f"{self.app}-outside" if self.is_outside else self.app


_HANDLERS: dict[str, Handler] = {}


def handles(
    *events: type[Event],
    outside: bool = False,
    pack: bool = False,
    replica: str = "",
) -> Callable[[F], F]:
    """
    Subscribe the decorated function, which lives in `apps/<app>/handlers.py`.

    It gets the event. With `outside` it gets the event and `answered` (see `inbox.Answered`)
    and runs outside of a transaction; with `pack` it gets a list of `Envelope`s.
    `replica="CatalogueItem"` promises that it fills this model of its app and does nothing else,
    however often and in whichever order it hears: `bus replay` and `bus rebuild` rely on it.
    `handles(Event)` hears every event.

    :raises DuplicateHandler: if the app has a handler of this name.
    """

    def subscribe(func: F) -> F:
        app = func.__module__.split(".")[1]
        for event in events:
            suffix = f".{event.name}" if len(events) > 1 else ""
            _register(
                Handler(
                    name=f"{app}.{func.__name__}{suffix}",
                    app=app,
                    event=event,
                    run=func,
                    is_outside=outside,
                    is_pack=pack,
                    replica=replica,
                )
            )
        return func

    return subscribe


def _register(handler: Handler) -> None:
    if handler.name in _HANDLERS:
        raise DuplicateHandler(handler.name)
    _HANDLERS[handler.name] = handler
    hearers_of.cache_clear()


def all_handlers() -> list[Handler]:
    """Return every handler, by name."""
    return [_HANDLERS[name] for name in sorted(_HANDLERS)]


@functools.cache
def hearers_of(event: type[Event]) -> tuple[Handler, ...]:
    """Return who hears the event, by name; handlers of `Event` hear all."""
    return tuple(handler for handler in all_handlers() if issubclass(event, handler.event))


def queues_of(event: type[Event]) -> list[str]:
    """Return the queues that should hear the event."""
    return sorted({handler.queue for handler in hearers_of(event)})


def handlers_on(queue: str, event: type[Event]) -> list[Handler]:
    """Return who hears the event on this queue, by name."""
    return [handler for handler in hearers_of(event) if handler.queue == queue]


def forget(name: str) -> Any:
    """Take a handler back: for tests that declare their own."""
    hearers_of.cache_clear()
    return _HANDLERS.pop(name, None)
