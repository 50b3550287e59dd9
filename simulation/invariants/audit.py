"""The audit has kept every word, and nobody has bent it."""

from __future__ import annotations

from collections.abc import Iterator

from apps.audit import queries
from apps.audit.models import Record
from apps.audit.queries import Breach
from simulation.invariants.books import Books


def audit_is_whole(books: Books) -> Iterator[str]:
    """Every chain holds, and there is one record for each event, word for word."""
    for chain in queries.chains():
        for found in queries.verify(chain):
            if isinstance(found, Breach):
                yield f"The audit's chain {chain.name} breaks at {found.seq}: {found.detail}."
    yield from _records(books)


def _records(books: Books) -> Iterator[str]:
    records = {record.event_id: record for record in Record.objects.all()}
    for event in books.events:
        record = records.pop(event.event_id, None)
        if record is None:
            yield f"The audit has no record of {event.name} of {books.subject(event)}."
        elif (record.name, record.payload) != (event.name, event.payload):
            yield f"The audit tells {event.name} of {books.subject(event)} otherwise than the log."
    for event_id, record in records.items():
        yield f"The audit has recorded {record.name}, event {event_id}, which the log doesn't have."
