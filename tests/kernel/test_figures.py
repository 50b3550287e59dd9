"""Figures: each event is counted once, and the line is what CloudWatch reads."""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
import time
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone
from structlog import DropEvent

from apps.orders.events import OrderFailed
from apps.payment.events import PaymentCaptured, PaymentWrittenOff
from apps.products.events import ProductRejected
from ecommerce import logs
from kernel.bus import figures, jobs
from kernel.bus.event import Event
from kernel.bus.models import Delivery, FigureTotal, OutboxEvent, Told
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.transactions import TransactionMissing, transaction
from tests.conftest import NOON

pytestmark = pytest.mark.django_db(transaction=True)

SETTLED = figures.SETTLED + dt.timedelta(seconds=1)
UNITS = {
    *("Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Percent"),
    *("Count", "Count/Second", "None"),
}


def happen(*events: Event) -> None:
    with transaction():
        publish(*events)


def count(*, after: dt.timedelta = SETTLED) -> dict[str, float]:
    """Return what is counted so long from now, but for what is nothing."""
    with transaction():
        found = figures.count_up_to(timezone.now() + after - figures.SETTLED)
    return {figure.name: value for figure, value in found.items() if value}


def captured(amount: int) -> PaymentCaptured:
    return PaymentCaptured(occurred_at=NOON, order_id=new_id(), amount=amount, currency="EUR")


def rejected(reason: str) -> ProductRejected:
    return ProductRejected(occurred_at=NOON, product_id=new_id(), code="A-1", reason=reason)


def failed(total: int) -> OrderFailed:
    return OrderFailed(
        occurred_at=NOON,
        order_id=new_id(),
        version=3,
        reason="delivery_failed",
        total=total,
        currency="EUR",
    )


def test_amounts_add_up_and_events_are_counted_once() -> None:
    happen(captured(1200), captured(34), failed(500))

    assert count() == {"AmountCaptured": 1234, "AmountLost": 500, "OrdersFailed": 1}
    assert count() == {}
    happen(captured(1))
    assert count() == {"AmountCaptured": 1}


def test_several_events_add_to_one_figure() -> None:
    written_off = PaymentWrittenOff(
        occurred_at=NOON, order_id=new_id(), amount=70, currency="EUR", reason="lost"
    )
    happen(failed(500), written_off)

    assert count() == {"AmountLost": 570, "OrdersFailed": 1}


def test_only_codes_that_are_taken_are_duplicates() -> None:
    happen(rejected("code_taken"), rejected("family_full"), rejected("code_taken"))

    assert count() == {"DuplicateProductCodes": 2}


def test_what_may_not_be_committed_yet_waits_for_the_next_minute() -> None:
    happen(captured(1200))

    assert count(after=dt.timedelta()) == {}
    assert count() == {"AmountCaptured": 1200}


def test_an_event_from_before_its_field_counts_nothing() -> None:
    happen(failed(500))
    row = OutboxEvent.objects.get()
    del row.payload["total"]
    row.save()

    assert count() == {"OrdersFailed": 1}


def test_a_count_that_is_rolled_back_is_counted_again() -> None:
    happen(captured(1200))

    with pytest.raises(ZeroDivisionError), transaction():
        figures.count_up_to(timezone.now() + SETTLED)
        raise ZeroDivisionError
    assert count() == {"AmountCaptured": 1200}


def test_two_who_count_at_once_count_nothing_twice() -> None:
    happen(captured(1200))
    has_counted, may_commit = threading.Event(), threading.Event()
    found = []

    def first() -> None:
        with transaction():
            found.append(figures.count_up_to(timezone.now() + SETTLED))
            has_counted.set()
            may_commit.wait(10)
        connection.close()

    def second() -> None:
        with transaction():
            found.append(figures.count_up_to(timezone.now() + SETTLED))
        connection.close()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert has_counted.wait(10)
    threads[1].start()
    time.sleep(0.3)  # it waits for the first, or has counted the same
    may_commit.set()
    for thread in threads:
        thread.join()

    assert [sum(each.values()) for each in found] == [1200, 0]
    assert FigureTotal.objects.get(name="AmountCaptured").total == 1200


def test_there_is_one_place_in_the_log_up_to_which_is_counted() -> None:
    with pytest.raises(IntegrityError, match="bus_told_one"), transaction():
        Told.objects.create(id=2, told_to=0)


def test_counting_wants_a_transaction_of_its_edge() -> None:
    with pytest.raises(TransactionMissing):
        figures.count_up_to(NOON)


def test_what_is_so_now_is_looked_at() -> None:
    happen(captured(1))
    Delivery.objects.create(
        event_id=new_id(),
        handler="orders.remember_stock",
        name="warehouse.stock_level_changed.v1",
        state=Delivery.State.DEAD,
        first_failed_at=NOON,
        updated_at=NOON,
    )
    OutboxEvent.objects.update(recorded_at=timezone.now() - dt.timedelta(minutes=5))

    found = {figure.name: value for figure, value in figures.now().items()}
    assert 300 <= found.pop("OutboxAgeSeconds") < 310
    assert found == {"DeadDeliveries": 1, "PaymentDifferences": 0}


def judge(line: dict[str, Any]) -> dict[str, float]:
    """Return the figures of a line, if it follows the rules of the embedded metric format."""
    assert set(line["_aws"]) == {"Timestamp", "CloudWatchMetrics"}
    assert type(line["_aws"]["Timestamp"]) is int
    [told] = line["_aws"]["CloudWatchMetrics"]
    assert set(told) == {"Namespace", "Dimensions", "Metrics"}
    assert 1 <= len(told["Namespace"]) <= 1024
    for dimensions in told["Dimensions"]:
        assert 1 <= len(dimensions) <= 30
        for name in dimensions:
            assert isinstance(line[name], str)
            assert 1 <= len(line[name]) <= 1024
    assert 1 <= len(told["Metrics"]) <= 100
    for metric in told["Metrics"]:
        assert metric.keys() == {"Name", "Unit"}
        assert metric["Unit"] in UNITS
        assert type(line[metric["Name"]]) in {int, float}
    return {metric["Name"]: line[metric["Name"]] for metric in told["Metrics"]}


def test_a_minute_is_one_line_in_the_embedded_metric_format(lines: io.StringIO) -> None:
    happen(captured(1200))
    OutboxEvent.objects.update(recorded_at=timezone.now() - SETTLED, sent_at=timezone.now())
    began = timezone.now()

    assert jobs.run("bus.tell_figures")

    [text] = lines.getvalue().splitlines()
    line = json.loads(text)
    assert (line["message"], line["Environment"]) == ("figures", "local")
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Shop"
    assert line["_aws"]["Timestamp"] >= int(began.timestamp() * 1000)
    assert judge(line) == {
        "AmountCaptured": 1200,
        "AmountLost": 0,
        "AmountRefunded": 0,
        "DeadDeliveries": 0,
        "DuplicateProductCodes": 0,
        "OrdersFailed": 0,
        "OrdersFulfilled": 0,
        "OrdersPlaced": 0,
        "OutboxAgeSeconds": 0,
        "PaymentDifferences": 0,
    }
    assert Told.objects.get().told_to == OutboxEvent.objects.get().sequence


def test_people_are_spared_the_line() -> None:
    with pytest.raises(DropEvent):
        logs._drop_figures(None, "", {"_aws": {}})
    assert logs._drop_figures(None, "", {"event": "request"}) == {"event": "request"}
