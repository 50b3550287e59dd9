"""
How many statements an answer takes: what `operations.txt` says, however many rows it shows.

Savepoints aren't counted: where a test has one, the running shop has BEGIN and COMMIT.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.invoices.models import BouncedAddress
from apps.users.models import NotedAddress, User
from kernel.bus.models import Delivery, FigureTotal
from kernel.ids import new_id
from kernel.rest.models import ThrottleCount
from tests.api.catalogue import TABLE, Rule, lists, rules, undone
from tests.api.copies import ONE_ROW, copy_everything
from tests.api.requests import REQUESTS
from tests.api.world import STAFF, World

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
RULES = rules(TABLE.read_text())
MANY = 100  # the most that a page holds


def counted(ask: Callable[[], Any]) -> tuple[int, Any]:
    """Return how many statements an answer takes, and the answer."""
    with CaptureQueriesContext(connection) as queries:
        answer = ask()
    sent = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    return len(sent), answer


def askers(rule: Rule) -> list[str]:
    """Return who sees something, once for each way of seeing it."""
    if rule.who & {"public", "anyone"}:
        return ["anonymous", "admin"]
    if rule.who & {"own", "account", "logged-in", "cart"}:
        return ["customer", *(role for role in STAFF if role in rule.who)]
    return [role for role in STAFF if role in rule.who]


def test_each_operation_takes_as_many_statements_as_its_budget_says(world: World) -> None:
    taken = {}
    for name, rule in RULES.items():
        with undone():
            taken[name], answer = counted(REQUESTS[name].prepared(world, name, askers(rule)[0]))
        assert answer.status_code < 400, (name, answer)

    assert taken == {name: rule.queries for name, rule in RULES.items()}


def test_a_list_takes_the_same_for_one_row_and_for_a_hundred(
    world: World, schema: dict[str, Any]
) -> None:
    def look(limit: int) -> dict[tuple[str, str], tuple[int, int]]:
        found = {}
        for name, is_paged in lists(schema).items():
            for who in askers(RULES[name]):
                query = {"limit": limit} if is_paged else {}
                taken, answer = counted(REQUESTS[name].prepared(world, name, who, **query))
                found[name, who] = taken, len(answer.json()["results"])
        return found

    few = look(limit=1)
    shown = {
        "delivery.Shipment": {"order_id": world.things["packed"]},
        "products.Category": {"slug": "lamps"},
        "products.Picture": {"product_id": world.things["rug"]},
        "orders.TimelineEntry": {"order_id": world.things["placed"]},
    }
    with undone():
        copy_everything(MANY, such=shown)
        many = look(limit=MANY)

    assert {place: rows for place, (_, rows) in few.items() if rows != 1} == {}
    assert {place: rows for place, (_, rows) in many.items() if rows < MANY} == {}
    budget = {(name, who): RULES[name].queries for name, who in few}
    assert {place: taken for place, (taken, _) in few.items()} == budget
    assert {place: taken for place, (taken, _) in many.items()} == budget


def test_a_page_of_the_admin_takes_the_same_for_one_row_and_for_a_hundred(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_something_go_wrong()  # tables that are empty where nothing does
    client.force_login(User.objects.get(id=world.id_of("admin")))
    pages = {model._meta.label: page for model, page in admin.site._registry.items()}

    def look(limit: int) -> dict[str, tuple[int, int]]:
        found = {}
        for label, page in pages.items():
            monkeypatch.setattr(page, "list_per_page", limit)
            url = f"/admin/{label.lower().replace('.', '/')}/"
            taken, answer = counted(lambda url=url: client.get(url))
            assert answer.status_code == 200, (label, answer)
            found[label] = taken, len(answer.context_data["cl"].result_list)
        return found

    few = look(limit=1)
    with undone():
        copy_everything(MANY, such={})
        many = look(limit=MANY)

    assert len(pages) >= 40
    assert {label: rows for label, (_, rows) in few.items() if rows != 1} == {}
    assert {label for label, (_, rows) in many.items() if rows != MANY} == ONE_ROW
    assert {label: taken for label, (taken, _) in many.items()} == {
        label: taken for label, (taken, _) in few.items()
    }


def let_something_go_wrong() -> None:
    at = timezone.now()
    Delivery.objects.create(
        event_id=new_id(), handler="a", name="b", first_failed_at=at, updated_at=at
    )
    FigureTotal.objects.create(name="orders_placed", total=1)
    NotedAddress.learn(id=new_id(), takes_mail=False, noted_at=at)
    BouncedAddress.note("a@b.example", reason="BOUNCED", mail_id=None, noted_at=at)
    FigureTotal.objects.create(name="OrdersPlaced", total=1)
    ThrottleCount.objects.create(key=new_id(), scope="read", taken=1, ends_at=at)
