"""One order is one tree, through web, relay, queues and workers."""

from __future__ import annotations

import re

import pytest

from dev.trace.picture import as_html
from dev.trace.receiver import Receiver, Span
from dev.trace.tree import as_text
from tests.whole.machine import Machine, eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]

PLACED = "POST /api/v1/orders"
# The last that the request causes, before people are waited for.
LAST = "warehouse.confirm_order"
# All that is ever told of a span: a new one is to be thought about.
TOLD = {
    "db.query.text",
    "db.system.name",
    "error.type",
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "messaging.destination.name",
    "messaging.message.id",
    "messaging.operation.type",
    "messaging.system",
    "shop.event",
    "shop.order_id",
    "shop.request_id",
}


@pytest.fixture(scope="module")
def told(machine: Machine) -> str:
    """Play an order, and return what was told of it."""
    done = machine.demo("fulfilled")
    assert done.returncode == 0, done.stdout + machine.told()
    return done.stdout


@pytest.fixture(scope="module")
def spans(told: str, received: tuple[Receiver, str]) -> list[Span]:
    """Return the spans of one placed order, once all are there."""

    def trace() -> list[Span]:
        traces = received[0].traces().values()
        return next(
            (t for t in traces if {PLACED, LAST} <= {span.name for span in t} and _is_whole(t)), []
        )

    assert eventually(lambda: bool(trace()), 20), sorted(received[0].traces())
    return trace()


def _is_whole(spans: list[Span]) -> bool:
    return len([span for span in spans if span.parent_id not in {s.span_id for s in spans}]) == 1


def test_an_order_is_one_tree_whose_root_is_the_request(spans: list[Span]) -> None:
    known = {span.span_id: span for span in spans}
    [root] = [span for span in spans if span.parent_id not in known]

    assert (root.name, root.kind, root.parent_id, root.service) == (PLACED, "server", "", "web")
    assert root.attributes["http.response.status_code"] == 201


def test_it_goes_through_web_relay_and_the_workers_of_at_least_four_modules(
    spans: list[Span],
) -> None:
    handlers = {span.name for span in spans if span.kind == "consumer"}

    assert {name.split(".")[0] for name in handlers} >= {
        *("orders", "warehouse", "payment", "delivery", "invoices", "audit")
    }
    assert {span.service for span in spans} == {
        *("web", "relay", "worker-flow", "worker-outside", "worker-rest")
    }


def test_each_step_lies_below_the_one_that_caused_it(spans: list[Span]) -> None:
    known = {span.span_id: span for span in spans}

    def way_to(name: str) -> list[str]:
        [span] = [span for span in spans if span.name == name]
        way = [span.name]
        while span := known.get(span.parent_id):  # type: ignore[assignment]
            way.append(span.name)
        return way[::-1]

    assert way_to("payment_3p AUTHORIZE") == [
        PLACED,
        "publish orders.order_placed.v1",
        "send orders.order_placed.v1",
        "payment.authorize_payment",
        "payment_3p AUTHORIZE",
    ]
    assert way_to(LAST)[-3:] == [
        "publish orders.order_confirmed.v1",
        "send orders.order_confirmed.v1",
        LAST,
    ]


def test_every_span_of_the_order_names_it_but_for_the_request_and_sql(spans: list[Span]) -> None:
    told = {span.attributes.get("shop.order_id") for span in spans if span.kind != "server"}
    [order_id] = {value for value in told if value}

    assert re.fullmatch(r"[0-9a-f-]{36}", str(order_id))


def test_statements_lie_below_the_request_and_below_each_handler(spans: list[Span]) -> None:
    askers = {span.parent_id for span in spans if "db.system.name" in span.attributes}

    without = [
        span.name
        for span in spans
        if span.kind in {"server", "consumer"} and span.span_id not in askers
    ]
    assert set(without) <= {"audit.record_events"}  # a pack's statements stand in one of its traces


def test_nothing_is_told_that_is_not_on_the_list_and_nothing_personal(
    told: str, received: tuple[Receiver, str]
) -> None:
    [email] = set(re.findall(r"[\w.]+@example\.com", told))
    everything = [span for spans in received[0].traces().values() for span in spans]

    assert {name for span in everything for name in span.attributes} <= TOLD
    values = " ".join(str(value) for span in everything for value in span.attributes.values())
    assert email not in values
    assert not re.search(r"\w@\w", values)  # `@@` is a search in SQL


def test_health_checks_and_what_nobody_waits_for_leave_no_trace(
    received: tuple[Receiver, str],
) -> None:
    everything = [span for spans in received[0].traces().values() for span in spans]

    assert [span for span in everything if "/health/" in span.name] == []
    assert {span.kind for span in everything if not span.parent_id} <= {
        *("server", "producer", "consumer", "internal")
    }


def test_a_tree_is_printed_and_drawn(spans: list[Span]) -> None:
    printed, drawn = as_text(spans), as_html(spans)

    assert printed.count("\n") + 1 == len(
        [s for s in spans if "db.system.name" not in s.attributes]
    )
    assert re.match(rf" +0\.0 ms  {re.escape(PLACED)} +[\d.]+ ms, \d+ SQL\n", printed)
    assert drawn.count('<div class="row') == len(spans)
