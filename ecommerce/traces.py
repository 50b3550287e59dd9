"""
Traces by OpenTelemetry: only imported where OTEL_EXPORTER_OTLP_ENDPOINT says where they go.

OpenTelemetry's own settings (OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, …) are read by its library.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kernel import tracing

_KINDS = {
    "server": SpanKind.SERVER,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}
_VERB = re.compile(r"(\w+)")
_TABLE = re.compile(r'\b(?:FROM|INTO|UPDATE) "?(\w+)')
_w3c = TraceContextTextMapPropagator()


def start() -> None:
    """Export this process's spans by OTLP over HTTP; a process that is forked does so too."""
    listen(OTLPSpanExporter())


def listen(exporter: SpanExporter) -> TracerProvider:
    """Make spans for `exporter`, which gets them in batches."""
    os.environ.setdefault("OTEL_SERVICE_NAME", "shop")
    provider = TracerProvider(resource=Resource.create())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing.listen(_begin_with(provider.get_tracer("shop")))
    return provider


def _begin_with(tracer: trace.Tracer) -> tracing.Begin:
    def begin(name: str, kind: tracing.Kind, cause: str) -> Span:
        context = _w3c.extract({"traceparent": cause}, context=Context())
        return Span(tracer, tracer.start_span(name, context, kind=_KINDS[kind]))

    return begin


class Span(tracing.Span):
    """A span of OpenTelemetry's."""

    def __init__(self, tracer: trace.Tracer, span: trace.Span) -> None:
        super().__init__(_traceparent(span))
        self._tracer, self._span = tracer, span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def note(self, **attributes: tracing.Value) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def fail(self, error: str) -> None:
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            stack.callback(_open.reset, _open.set(self))
            if _note_statement not in connection.execute_wrappers:
                stack.enter_context(connection.execute_wrapper(_note_statement))
            yield

    def end(self) -> None:
        self._span.end()

    def statement(self, sql: object) -> Span | None:
        """Begin a statement as a part of this: its text alone is noted, no value."""
        if not self._span.is_recording():
            return None
        text = sql if isinstance(sql, str) else type(sql).__name__
        begun = self._tracer.start_span(
            _name(text),
            trace.set_span_in_context(self._span, Context()),
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "db.query.text": text},
        )
        return Span(self._tracer, begun)


_open: contextvars.ContextVar[Span] = contextvars.ContextVar("span")


def _note_statement(execute: Callable[..., Any], sql: Any, *arguments: Any) -> Any:
    """Run a statement, as Django lets one be wrapped, as a part of the span that is open."""
    span = _open.get().statement(sql)
    if span is None:
        return execute(sql, *arguments)
    with tracing.failing(span):
        return execute(sql, *arguments)


def _name(sql: str) -> str:
    """Return what a statement does, and with which table."""
    verb, table = _VERB.search(sql), _TABLE.search(sql)
    return " ".join(found[1] for found in (verb, table) if found) or "SQL"


def _traceparent(span: trace.Span) -> str:
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, trace.set_span_in_context(span, Context()))
    return carrier.get("traceparent", "")
