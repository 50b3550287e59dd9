"""
Traces: what was done for whose sake, and how long it took.

The kernel says where a span begins and ends. Spans are made by whoever listens, where traces are
exported; where nobody does, a span is no more than the cause that was handed in.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

Kind = Literal["server", "producer", "consumer", "client", "internal"]
Value = str | int


class NoFailure(Exception):
    """A way to end what is done early that is no error of it."""


class Span:
    """
    One thing that is done, and what is to be handed on to what follows from it.

    This one is seen by nobody: it hands on what it was given.
    """

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent  # W3C trace context; empty where there is none

    def rename(self, name: str) -> None:
        """Call it what is only known now."""

    def note(self, **attributes: Value) -> None:
        """Add what is known of it now; `__` in a name stands for a dot. No personal data."""

    def fail(self, error: str) -> None:
        """Say that it failed, by the error's name: its text may quote rows."""

    def open(self) -> contextlib.AbstractContextManager[None]:
        """Let what the block asks of the database be part of it."""
        return contextlib.nullcontext()

    def end(self) -> None:
        """Say that it is done."""


Begin = Callable[[str, Kind, str], Span]
"""Takes a name, a kind, and the W3C trace context of the cause, which may be empty."""


def _begin_unseen(name: str, kind: Kind, cause: str) -> Span:
    return Span(cause)


_begin: Begin = _begin_unseen


def listen(begin: Begin) -> None:
    """Let spans be made by this function."""
    global _begin  # noqa: PLW0603 -- one listener a process, as with logging
    _begin = begin


def begin(name: str, kind: Kind, *, cause: str, **attributes: Value) -> Span:
    """Begin a span that `end()` ends."""
    span = _begin(name, kind, cause)
    span.note(**attributes)
    return span


@contextlib.contextmanager
def ending(begun: Span) -> Iterator[Span]:
    """Let the block, and what it asks of the database, be what a span is about."""
    with failing(begun), begun.open():
        yield begun


@contextlib.contextmanager
def failing(begun: Span) -> Iterator[None]:
    """End a span with the block; an error that leaves it is its failure."""
    try:
        yield
    except NoFailure:
        raise
    except Exception as error:
        begun.fail(type(error).__qualname__)
        raise
    finally:
        begun.end()


def span(
    name: str, kind: Kind, *, cause: str = "", **attributes: Value
) -> contextlib.AbstractContextManager[Span]:
    """Let the block be a span."""
    return ending(begin(name, kind, cause=cause, **attributes))
