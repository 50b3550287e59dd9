"""Takes spans as OpenTelemetry's exporters send them: OTLP over HTTP, in protobuf."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status

Attributes = dict[str, str | int]


@dataclasses.dataclass(frozen=True)
class Span:
    """One span; `service` is the process that it was in, times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str  # "server", "consumer", …
    began: int
    ended: int
    attributes: Attributes
    has_failed: bool


class Receiver:
    """What was received; may be read while more comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: dict[str, list[Span]] = defaultdict(list)
        self._last = time.monotonic()

    def take(self, body: bytes) -> None:
        """Take what an exporter posted."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            self._last = time.monotonic()
            for span in _spans(request):
                self._spans[span.trace_id].append(span)

    def traces(self) -> dict[str, list[Span]]:
        """Return what has come, by trace, each in the order of its beginnings."""
        with self._lock:
            return {
                trace: sorted(spans, key=lambda span: span.began)
                for trace, spans in self._spans.items()
            }

    def quiet_for(self) -> float:
        """Return the seconds since anything came."""
        with self._lock:
            return time.monotonic() - self._last


@contextlib.contextmanager
def receiving(port: int = 0) -> Iterator[tuple[Receiver, str]]:
    """Listen while the block runs; give it what comes, and the endpoint for exporters."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            receiver.take(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the traces."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for of_process in request.resource_spans:
        service = str(_attributes(of_process.resource.attributes).get("service.name", ""))
        for scope in of_process.scope_spans:
            for sent in scope.spans:
                yield Span(
                    trace_id=sent.trace_id.hex(),
                    span_id=sent.span_id.hex(),
                    parent_id=sent.parent_span_id.hex(),
                    service=service,
                    name=sent.name,
                    kind=Sent.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_").lower(),
                    began=sent.start_time_unix_nano,
                    ended=sent.end_time_unix_nano,
                    attributes=_attributes(sent.attributes),
                    has_failed=sent.status.code == Status.STATUS_CODE_ERROR,
                )


def _attributes(sent: Iterator[KeyValue]) -> Attributes:
    found: Attributes = {}
    for pair in sent:
        kind = pair.value.WhichOneof("value")
        found[pair.key] = getattr(pair.value, kind) if kind else ""
    return found
