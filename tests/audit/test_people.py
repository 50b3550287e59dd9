"""All that concerns a person, which a function of the database tells."""

from __future__ import annotations

import base64
import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from django.db import connection

from apps.audit.models import Record
from apps.users.events import UserRegistered
from kernel.bus import context
from kernel.ids import new_id
from kernel.staff import StaffActed
from tests.audit.conftest import NOON, captured, placed

pytestmark = pytest.mark.django_db
URL, ADA = "/api/v1/audit/events", "ada@example.com"


def registered(user_id: uuid.UUID, email: str) -> UserRegistered:
    return UserRegistered(
        occurred_at=NOON, user_id=user_id, version=1, email=email, name_of_user="Ada"
    )


def changed_by_staff(user_id: uuid.UUID) -> StaffActed:
    return StaffActed(
        occurred_at=NOON + dt.timedelta(minutes=1),
        about_id=user_id,
        action="change",
        model="users.user",
        object_id=str(user_id),
    )


@pytest.fixture
def concerned(heard: Callable[..., None]) -> list[Record]:
    """Return what concerns Ada, the oldest first: many at the same time, other people's between."""
    ada, bob = new_id(), new_id()
    heard(registered(ada, ADA), registered(bob, "bob@example.com"))
    of_ada, of_bob = [new_id() for _ in range(3)], [new_id() for _ in range(3)]
    for customer, orders in ((ada, of_ada), (bob, of_bob)):
        with context.acting(context.Context("system", f"request-of-{customer}")):
            heard(*(placed(order, customer) for order in orders))
        heard(*(captured(order, minutes=n) for n in (1, 2) for order in orders))
        heard(changed_by_staff(customer))
    found = [
        record
        for record in Record.objects.all()
        if ada in {record.subject, record.person_id} or record.order_id in of_ada
    ]
    assert len(found) == 11
    return sorted(found, key=lambda record: (record.occurred_at, record.event_id))


def pages(client: Any, **query: Any) -> list[str]:
    """Return the ids on all pages, of two records each."""
    found: list[str] = []
    answer = client.get(URL, {"email": ADA, "limit": 2, **query})
    for _ in range(10):
        assert answer.status_code == 200, answer.json()
        found += [event["id"] for event in answer.json()["results"]]
        if not (url := answer.json()["next"]):
            return found
        answer = client.get(url)
    raise AssertionError("The list has no end.")


LATER = NOON + dt.timedelta(minutes=1)
# What is asked beside the address, of one of the records, and which records meet it.
FILTERS: dict[str, tuple[Callable[[Record], dict[str, Any]], Callable[[Record, Record], bool]]] = {
    "nothing": (lambda of: {}, lambda each, of: True),
    "type": (lambda of: {"type": of.name}, lambda each, of: each.name == of.name),
    "subject": (lambda of: {"subject": of.subject}, lambda each, of: each.subject == of.subject),
    "order": (lambda of: {"order": of.order_id}, lambda each, of: each.order_id == of.order_id),
    "request": (
        lambda of: {"request_id": of.request_id},
        lambda each, of: each.request_id == of.request_id,
    ),
    "ok": (lambda of: {"outcome": "ok"}, lambda each, of: True),
    "failure": (lambda of: {"outcome": "failure"}, lambda each, of: False),
    "since": (lambda of: {"since": LATER.isoformat()}, lambda each, of: each.occurred_at >= LATER),
    "until": (lambda of: {"until": LATER.isoformat()}, lambda each, of: each.occurred_at < LATER),
}


@pytest.mark.parametrize("ordering", ["asc", "desc"])
@pytest.mark.parametrize("name", FILTERS)
def test_what_concerns_a_person_is_read_page_by_page_both_ways(
    client_for: Any, concerned: list[Record], name: str, ordering: str
) -> None:
    query, meets = FILTERS[name]
    of = next(record for record in concerned if record.order_id)
    expected = [str(each.event_id) for each in concerned if meets(each, of)]
    seen = pages(client_for("support"), ordering=ordering, **query(of))
    assert seen == (expected if ordering == "asc" else expected[::-1])


def test_a_place_that_there_can_not_be_is_refused(client_for: Any, concerned: list[Record]) -> None:
    for place in (["soon", str(new_id())], [NOON.isoformat(), "x"], [1, 2]):
        cursor = base64.urlsafe_b64encode(orjson.dumps(place)).decode()
        answer = client_for("support").get(URL, {"email": ADA, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), place


def test_its_plan_is_made_once_for_a_session(concerned: list[Record], client_for: Any) -> None:
    support = client_for("support")
    support.get(URL, {"email": ADA})
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        assert cursor.fetchone() == ("auto",)  # elsewhere plans are what they were
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = 'audit_of_person'")
        assert cursor.fetchone() == (["plan_cache_mode=force_generic_plan"],)
