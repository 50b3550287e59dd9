"""Who acts, in which request, moved by which event: what `publish` notes beside each event."""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import uuid
from collections.abc import Iterator

from kernel.ids import new_id


@dataclasses.dataclass(frozen=True)
class Context:
    """The cause of what is being done now."""

    actor: str  # "customer:…", "staff:…", "system", or the handler's name
    correlation_id: str  # the request that began it all
    causation_id: uuid.UUID | None = None  # the event that led here
    traceparent: str = ""  # W3C trace context
    order_id: uuid.UUID | None = None  # that the event belongs to


_current: contextvars.ContextVar[Context | None] = contextvars.ContextVar(
    "bus_context", default=None
)


def current() -> Context:
    """Return the context; outside of any edge, a new one of the system."""
    return _current.get() or Context(actor="system", correlation_id=str(new_id()))


def known() -> Context | None:
    """Return the context if there is one."""
    return _current.get()


@contextlib.contextmanager
def acting(context: Context) -> Iterator[None]:
    """Let the block act in this context."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


def name_actor(actor: str) -> None:
    """Note who acts, once a request has been authenticated."""
    _current.set(dataclasses.replace(current(), actor=actor))
