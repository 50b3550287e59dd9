"""What the tests of the bus over SQS may use."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from unittest import mock

import pytest
import structlog

from ecommerce import logs
from tests.aws import Aws, aws, emulator
from tests.kernel import probe

__all__ = ["aws", "emulator"]


@pytest.fixture
def probed(aws: Aws, transactional_db: None) -> Iterator[Aws]:
    """Let the probe's handler hear, over real queues and in real transactions."""
    probe.create_table()
    with probe.declared():
        yield aws


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Let the log be written here as production writes it, and as before afterwards."""
    root = logging.getLogger()
    kept, level = list(root.handlers), root.level
    # Loggers that were used before keep what structlog was told first, and so does who captures.
    with mock.patch.object(structlog, "configure"):
        logs.configure({"format": "json", "level": "WARNING"})
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    handler.setStream(written)
    yield written
    root.handlers, root.level = kept, level
