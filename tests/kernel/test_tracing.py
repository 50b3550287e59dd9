"""Spans: nothing of them where nobody listens, and no values where somebody does."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import structlog
from django.db import DatabaseError, connection
from django.http import HttpResponse
from django.test import RequestFactory
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rest_framework.test import APIClient

from apps.orders.events import OrderShipped
from dev import ROOT
from dev.stand_in import STAND_IN
from ecommerce import traces
from ecommerce.logs import trace_ids
from kernel import tracing
from kernel.bus import context, spans
from kernel.bus.envelope import Envelope
from kernel.bus.subscriptions import hearers_of
from kernel.ids import new_id
from kernel.rest.request_id import RequestIdMiddleware
from tests.conftest import NOON

CAUSE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = CAUSE[:-1] + "0"

Seen = Callable[[], list[ReadableSpan]]


@pytest.fixture
def seen() -> Iterator[Seen]:
    """Listen, and return what was seen so far."""
    exporter = InMemorySpanExporter()
    provider = traces.listen(exporter)

    def finished() -> list[ReadableSpan]:
        provider.force_flush()
        return list(exporter.get_finished_spans())

    yield finished
    tracing.listen(lambda name, kind, cause: tracing.Span(cause))
    provider.shutdown()


def imported(**changes: str) -> str:
    code = "import django, sys; django.setup(); print('opentelemetry' in sys.modules)"
    environment = {**os.environ, **STAND_IN, **changes}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_nothing_of_opentelemetry_is_imported_unless_traces_go_somewhere() -> None:
    assert imported() == "False"
    assert imported(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") == "True"


def test_where_nobody_listens_a_span_hands_on_its_cause() -> None:
    with tracing.span("work", "internal", cause=CAUSE, shop__order_id="1") as span:
        span.rename("other work")
        assert span.traceparent == CAUSE


def test_a_span_lies_below_its_cause(seen: Seen) -> None:
    with tracing.span("work", "consumer", cause=CAUSE) as span:
        version, trace_id, span_id, flags = span.traceparent.split("-")

    [work] = seen()
    assert (version, trace_id, flags) == ("00", CAUSE.split("-")[1], "01")
    assert work.context
    assert work.parent
    assert f"{work.context.span_id:016x}" == span_id
    assert f"{work.parent.span_id:016x}" == CAUSE.split("-")[2]


@pytest.mark.parametrize("cause", ["", "00-trace", "nonsense"])
def test_without_a_cause_that_makes_sense_a_span_begins_a_trace(seen: Seen, cause: str) -> None:
    with tracing.span("work", "internal", cause=cause):
        pass

    [work] = seen()
    assert work.parent is None


def test_what_is_not_sampled_is_not_seen_but_handed_on(seen: Seen) -> None:
    with tracing.span("work", "internal", cause=UNSAMPLED) as span:
        assert span.traceparent.startswith("00-0af7651916cd43dd8448eb211c80319c-")
        assert span.traceparent.endswith("-00")

    assert seen() == []


@pytest.mark.django_db
def test_a_statement_is_seen_with_its_text_and_none_of_its_values(seen: Seen) -> None:
    with tracing.span("work", "internal"), connection.cursor() as cursor:
        cursor.execute("SELECT email FROM users_user WHERE email = %s", ["ada@example.com"])

    statement, work = seen()
    assert (statement.name, work.name) == ("SELECT users_user", "work")
    assert dict(statement.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.query.text": "SELECT email FROM users_user WHERE email = %s",
    }


@pytest.mark.django_db
def test_spans_within_each_other_see_a_statement_once(seen: Seen) -> None:
    with (
        tracing.span("outer", "internal") as outer,
        tracing.span("inner", "internal", cause=outer.traceparent),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1")

    assert [span.name for span in seen()] == ["SELECT", "inner", "outer"]


@pytest.mark.django_db
def test_a_failure_is_told_by_its_name_alone_for_its_text_quotes_rows(seen: Seen) -> None:
    with (
        pytest.raises(DatabaseError),
        tracing.span("work", "internal"),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT %s::int", ["ada@example.com"])

    for span in seen():
        assert (span.attributes or {})["error.type"] == "DataError"
        assert (span.status.is_ok, span.status.description, list(span.events)) == (False, None, [])


def test_what_ends_early_for_a_good_reason_has_not_failed(seen: Seen) -> None:
    with pytest.raises(tracing.NoFailure), tracing.span("work", "internal"):
        raise tracing.NoFailure

    [work] = seen()
    assert "error.type" not in (work.attributes or {})


@pytest.mark.django_db
def test_a_request_is_named_by_its_route_and_what_was_asked_for_is_not_told(
    seen: Seen, anyone: APIClient
) -> None:
    anyone.get("/api/v1/products?q=ada@example.com", headers={"traceparent": CAUSE})

    [request] = [span for span in seen() if span.kind.name == "SERVER"]
    assert request.name == "GET /api/v1/products"
    assert request.parent
    told = dict(request.attributes or {})
    told.pop("shop.request_id")
    assert told == {
        "http.request.method": "GET",
        "http.route": "/api/v1/products",
        "http.response.status_code": 200,
    }


def test_a_path_that_leads_nowhere_is_not_told(seen: Seen) -> None:
    through = RequestIdMiddleware(lambda request: HttpResponse(status=404))
    through(RequestFactory().get("/nothing/ada@example.com"))

    [request] = seen()
    assert (request.name, request.parent) == ("GET (no route)", None)


@pytest.mark.django_db
def test_health_checks_are_not_seen(seen: Seen, anyone: APIClient) -> None:
    anyone.get("/api/v1/health/ready")

    assert seen() == []


def test_a_line_of_the_log_says_where_it_belongs() -> None:
    assert trace_ids(CAUSE) == {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
    }
    assert trace_ids("") == trace_ids("00-trace") == {}


def test_a_line_of_a_handler_names_the_event_and_its_order(lines: io.StringIO) -> None:
    event_id, order_id = new_id(), new_id()
    envelope = Envelope(
        sequence=1,
        event_id=event_id,
        name=OrderShipped.name,
        subject=order_id,
        order_id=order_id,
        payload={},
        occurred_at=NOON,
        recorded_at=NOON,
        actor="system",
        correlation_id="request-1",
        causation_id=None,
        traceparent="",
    )
    [handler, *_] = hearers_of(OrderShipped)
    with spans.hearing(handler, envelope):
        structlog.get_logger("test").warning("said")

    told = json.loads(lines.getvalue())
    assert told["actor"] == handler.name
    assert told["request_id"] == "request-1"
    assert told["causation_id"] == str(event_id)
    assert told["order_id"] == str(order_id)


def test_a_callers_trace_is_taken_only_in_its_right_form() -> None:
    kept = []

    def get_response(request: object) -> object:
        found = context.known()
        kept.append(found.traceparent if found else None)
        return HttpResponse()

    middleware = RequestIdMiddleware(get_response)  # type: ignore[arg-type]
    for given in (CAUSE, "00-trace", CAUSE.upper(), f"{CAUSE}-more"):
        middleware(RequestFactory().get("/", headers={"traceparent": given}))

    assert kept == [CAUSE, "", "", ""]
