"""An event with all that is known about it, and its form on the wire: CloudEvents 1.0 JSON."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from typing import Any

from kernel.bus.event import Event, event_class
from kernel.bus.models import OutboxEvent
from kernel.bus.personal import Keys, seal, unseal


class UnknownEvent(Exception):
    """This code declares no event of this name and version."""


@dataclasses.dataclass(frozen=True)
class Envelope:
    """
    One event of the log.

    `payload` is JSON with personal fields sealed; `event()` opens it.
    """

    sequence: int
    event_id: uuid.UUID
    name: str
    subject: uuid.UUID
    order_id: uuid.UUID | None
    payload: dict[str, Any]
    occurred_at: dt.datetime
    recorded_at: dt.datetime
    actor: str
    correlation_id: str
    causation_id: uuid.UUID | None
    traceparent: str

    def event(self, keys: Keys) -> Event:
        """
        Return the event, its personal fields opened with these keys.

        :raises UnknownEvent: if this code doesn't know it.
        :raises pydantic.ValidationError: if the payload doesn't fit.
        """
        cls = event_class(self.name)
        if cls is None:
            raise UnknownEvent(self.name)
        fields = dict(self.payload)
        key = keys.get(self.person_id) if self.person_id else None
        for field in cls.personal_fields & fields.keys():
            fields[field] = unseal(fields[field], key)
        return cls.model_validate({**fields, "occurred_at": self.occurred_at})

    @property
    def person_id(self) -> uuid.UUID | None:
        """The person whose data the event holds, if any."""
        cls = event_class(self.name)
        if cls is None or not cls.person_field:
            return None
        found = self.payload.get(cls.person_field)
        return uuid.UUID(found) if found else None

    @classmethod
    def of(cls, row: OutboxEvent) -> Envelope:
        """Take the envelope from its row in the log."""
        return cls(**{field.name: getattr(row, field.name) for field in dataclasses.fields(cls)})


def payload_of(event: Event, key: bytes | None) -> dict[str, Any]:
    """Return the event's own fields as JSON, personal ones sealed with the key."""
    payload = event.model_dump(mode="json", exclude={"occurred_at"})
    for field in event.personal_fields:
        payload[field] = seal(payload[field], key)
    return payload


def to_wire(envelope: Envelope) -> dict[str, Any]:
    """Write an envelope as CloudEvents 1.0 JSON; extension attributes are lower case."""
    wire = {
        "specversion": "1.0",
        "id": str(envelope.event_id),
        "source": f"/{envelope.name.split('.')[0]}",
        "type": envelope.name,
        "subject": str(envelope.subject),
        "time": envelope.occurred_at.isoformat(),
        "datacontenttype": "application/json",
        "data": envelope.payload,
        "sequence": str(envelope.sequence),
        "recordedtime": envelope.recorded_at.isoformat(),
        "actor": envelope.actor,
        "correlationid": envelope.correlation_id,
        "causationid": str(envelope.causation_id) if envelope.causation_id else None,
        "orderid": str(envelope.order_id) if envelope.order_id else None,
        "traceparent": envelope.traceparent or None,
    }
    return {name: value for name, value in wire.items() if value is not None}


def from_wire(wire: dict[str, Any]) -> Envelope:
    """Read an envelope; attributes that aren't known are dropped."""
    causation, order = wire.get("causationid"), wire.get("orderid")
    return Envelope(
        sequence=int(wire["sequence"]),
        event_id=uuid.UUID(wire["id"]),
        name=wire["type"],
        subject=uuid.UUID(wire["subject"]),
        order_id=uuid.UUID(order) if order else None,
        payload=wire["data"],
        occurred_at=dt.datetime.fromisoformat(wire["time"]),
        recorded_at=dt.datetime.fromisoformat(wire["recordedtime"]),
        actor=wire["actor"],
        correlation_id=wire["correlationid"],
        causation_id=uuid.UUID(causation) if causation else None,
        traceparent=wire.get("traceparent", ""),
    )
