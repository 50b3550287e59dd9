"""What the tests of the bus over SQS may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.aws import Aws, aws, emulator
from tests.kernel import probe

__all__ = ["aws", "emulator"]


@pytest.fixture
def probed(aws: Aws, transactional_db: None) -> Iterator[Aws]:
    """Let the probe's handler hear, over real queues and in real transactions."""
    probe.create_table()
    with probe.declared():
        yield aws
