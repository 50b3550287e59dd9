"""A worker's children, which do the work, export what they see."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from dev.trace.receiver import Span, receiving
from kernel.bus.relay import Relay, SqsCourier
from tests.aws import Aws
from tests.kernel import probe
from tests.kernel.processes import worker

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]


def eventually(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_forked_child_exports_its_spans_and_how_they_ended(
    probed: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probed.create_queue(probe.QUEUE)
    with receiving() as (receiver, endpoint):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with worker(tmp_path, "prefork"):
            probe.ping("", "fail")
            Relay(SqsCourier()).send_due(at=timezone.now())

            def heard() -> list[Span]:
                spans = [span for trace in receiver.traces().values() for span in trace]
                return [span for span in spans if span.name == probe.HANDLER]

            eventually(lambda: {span.has_failed for span in heard()} == {True, False})

    failed = next(span for span in heard() if span.has_failed)
    assert failed.attributes["error.type"] == "ProbeFailed"
