"""Replay: one handler hears events of the log again, in the log's order, in this process."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.event import event_class, event_names
from kernel.bus.history import Selection, batches
from kernel.bus.models import Delivery, InboxMark
from kernel.bus.personal import Keys, keys_of
from kernel.bus.subscriptions import Handler

Advance = Callable[[int], None]
MOST_FAILURES = 20


class Fate(enum.Enum):
    """What a replay does with an event."""

    RUN = "run"  # the handler has not taken it yet
    AGAIN = "again"  # it has, and takes it once more
    TAKEN = "taken"  # it has, and is left alone
    DISCARDED = "discarded"  # someone decided that it shall not be taken


@dataclasses.dataclass(frozen=True)
class Failure:
    """An event that its handler could not take."""

    event_id: uuid.UUID
    name: str
    error: str


@dataclasses.dataclass
class Tally:
    """How many events met which fate; `failures` are the first of those that failed."""

    seen: int = 0
    run: int = 0
    again: int = 0
    taken: int = 0
    discarded: int = 0
    failed: int = 0
    failures: list[Failure] = dataclasses.field(default_factory=list)

    def count(self, fate: Fate, events: int) -> None:
        """Note that so many more events met this fate."""
        setattr(self, fate.value, getattr(self, fate.value) + events)


@dataclasses.dataclass(frozen=True)
class Replay:
    """
    Which handler hears which events again.

    What the handler has not taken yet it takes now, and its mark is set. What it has taken it
    takes again if it does nothing but fill a replica. Any other handler must be forced to, since
    the effect happens a second time; what was discarded by hand is taken only if forced.
    """

    handler: Handler
    selection: Selection
    is_forced: bool = False

    @classmethod
    def of(cls, handler: Handler, selection: Selection, *, is_forced: bool = False) -> Replay:
        """Return the replay of what is selected and what the handler hears."""
        classes = ((name, event_class(name)) for name in event_names())
        heard = [n for n, event in classes if event and issubclass(event, handler.event)]
        return cls(handler, dataclasses.replace(selection, names=heard), is_forced)

    def count(self, tally: Tally, advance: Advance) -> None:
        """Count what `run` would do; nothing is changed."""
        for batch in self._batches(advance):
            for fate, envelopes in self._steps(batch):
                tally.seen += len(envelopes)
                tally.count(fate, len(envelopes))

    def run(self, tally: Tally, advance: Advance) -> Iterator[Failure]:
        """
        Let the handler hear; yield what fails, and go on if asked for more.

        Each event has its own transaction, in which all of its effect commits or none;
        a handler of packs takes a batch in one.
        """
        for batch in self._batches(advance):
            keys = keys_of(person for envelope in batch if (person := envelope.person_id))
            for fate, envelopes in self._steps(batch):
                error = self._hear(fate, envelopes, keys)
                tally.seen += len(envelopes)
                if not error:
                    tally.count(fate, len(envelopes))
                    continue
                tally.failed += len(envelopes)
                failures = [Failure(e.event_id, e.name, error) for e in envelopes]
                tally.failures += failures[: MOST_FAILURES - len(tally.failures)]
                yield from failures

    def _batches(self, advance: Advance) -> Iterator[list[Envelope]]:
        after, upto = self.selection.span()
        for batch in batches(self.selection, after=after, upto=upto):
            yield [Envelope.of(row) for row in batch.rows]
            advance(batch.position - after)
            after = batch.position

    def _steps(self, batch: Sequence[Envelope]) -> Iterator[tuple[Fate, list[Envelope]]]:
        """Return what is to be done at once, in order: an event, or neighbours for a pack."""
        fates = self._fates(batch)
        for fate, envelopes in itertools.groupby(batch, key=lambda e: fates[e.event_id]):
            if self.handler.is_pack:
                yield fate, list(envelopes)
            else:
                yield from ((fate, [envelope]) for envelope in envelopes)

    def _fates(self, batch: Sequence[Envelope]) -> dict[uuid.UUID, Fate]:
        marks = InboxMark.objects.filter(**self._of(batch))
        discards = Delivery.objects.filter(**self._of(batch), state=Delivery.State.DISCARDED)
        taken = set(marks.values_list("event_id", flat=True))
        discarded = set(discards.values_list("event_id", flat=True))
        ids = [envelope.event_id for envelope in batch]
        return {id_: self._fate(is_taken=id_ in taken, is_out=id_ in discarded) for id_ in ids}

    def _fate(self, *, is_taken: bool, is_out: bool) -> Fate:
        if is_out and not self.is_forced:
            return Fate.DISCARDED
        if not is_taken:
            return Fate.RUN
        return Fate.AGAIN if self.is_forced or self.handler.is_replica else Fate.TAKEN

    def _hear(self, fate: Fate, envelopes: list[Envelope], keys: Keys) -> str:
        """Do what is to be done; return the error's name, if there is one."""
        if fate is Fate.AGAIN:
            return inbox.hear_again(self.handler, envelopes, keys)
        if fate is Fate.RUN:
            deliveries = Delivery.objects.filter(**self._of(envelopes))
            if self.is_forced:  # the inbox leaves out what is discarded
                discards = deliveries.filter(state=Delivery.State.DISCARDED)
                discards.update(state=Delivery.State.FAILED, updated_at=timezone.now())
            if not inbox.hear(self.handler, envelopes, keys):
                # Without a row, another process has taken it in this moment.
                return deliveries.values_list("error", flat=True).first() or ""
        return ""

    def _of(self, envelopes: Sequence[Envelope]) -> dict[str, Any]:
        return {"event_id__in": [e.event_id for e in envelopes], "handler": self.handler.name}
