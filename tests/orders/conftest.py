from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import time_machine
from rest_framework.test import APIClient

from tests.orders.scenes import NOON, Scene


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    """Let every test run at noon, so that whole events can be compared."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def scene(db: None, noon: time_machine.Traveller, client_for: Callable[..., APIClient]) -> Scene:
    return Scene(client_for(), client_for("support"))
