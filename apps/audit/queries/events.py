"""The list of what happened."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q

from apps.audit.models import Record
from apps.audit.queries.people import OfPerson
from apps.audit.queries.rows import ROWS, Rows
from kernel.bus.personal import is_sealed

MOST = 1_000
_NEWEST = ("-occurred_at", "-event_id")
_LOOKUPS = {
    "type": "name",
    "subject": "subject",
    "order": "order_id",
    "request_id": "request_id",
    "outcome": "outcome",
    "since": "occurred_at__gte",
    "until": "occurred_at__lt",
}


def events(
    *,
    type: str | None = None,  # noqa: A002 -- the filters bear the names of the query
    subject: uuid.UUID | None = None,
    order: uuid.UUID | None = None,
    email: str | None = None,
    request_id: str | None = None,
    outcome: str | None = None,
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
) -> Rows | OfPerson:
    """Return what meets every condition given; `until` itself is not in it."""
    values = (type, subject, order, request_id, outcome, since, until)
    asked = {name: value for name, value in zip(_LOOKUPS, values, strict=True) if value is not None}
    if email is not None:
        return OfPerson(email, asked)
    return ROWS.filter(**{_LOOKUPS[name]: value for name, value in asked.items()})


def newest_of_person(email: str) -> Q:
    """Return the condition for the newest of what concerns a person, a thousand at most."""
    return _in(OfPerson(email).keys(MOST))


def newest_of_term(term: str) -> Q:
    """Return the same for what an id leads to: of an event, a subject, an order or a request."""
    conditions: dict[str, Any] = {"request_id": term}
    with contextlib.suppress(ValueError):  # what is no id may still be a request's
        known = uuid.UUID(term)
        conditions |= dict.fromkeys(("event_id", "subject", "order_id"), known)
    # One by one: all at once, PostgreSQL would read the whole table.
    parts = [Record.objects.filter(**{name: value}) for name, value in conditions.items()]
    keys = ("occurred_at", "event_id", "chain_id")
    found = {key for part in parts for key in part.order_by(*_NEWEST).values_list(*keys)[:MOST]}
    return _in([key[1:] for key in sorted(found, reverse=True)[:MOST]])


def _in(keys: Collection[tuple[uuid.UUID, str]]) -> Q:
    # The chains leave out the partitions that have none of them.
    return Q(event_id__in=[key for key, _ in keys], chain_id__in={chain for _, chain in keys})


def render(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record as the API shows it."""
    payload = without_sealed(row["payload"])
    return {
        "id": row["event_id"],
        "type": row["name"],
        **{name: row[name] for name in ("subject", "order_id", "actor", "request_id")},
        "trace_id": row["traceparent"].split("-")[1] if row["traceparent"] else None,
        "causation_id": row["causation_id"],
        "occurred_at": row["occurred_at"],
        "recorded_at": row["recorded_at"],
        "outcome": row["outcome"],
        "changes": changes(payload),
        "payload": payload,
    }


def changes(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was before and after, of each field that an event says to differ."""
    old, new = payload.get("old") or {}, payload.get("new") or {}
    return [
        {
            "field": name,
            "before": old.get(name, payload.get(f"old_{name}")),
            "after": new.get(name, payload.get(f"new_{name}")),
        }
        for name in payload.get("changed", ())
        if name in old or name in new or f"new_{name}" in payload
    ]


def without_sealed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload with null where it holds personal data."""
    return {name: None if is_sealed(value) else value for name, value in payload.items()}
