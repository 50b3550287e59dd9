from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import time_machine
from django.contrib.auth import hashers

from apps.users.usecases import accounts
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON

EMAIL, PASSWORD = "anna@example.com", "correct horse battery"


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Argon2 take a thousandth of its memory: some tests try many passwords."""
    for name, value in (("memory_cost", 100), ("time_cost", 1), ("parallelism", 1)):
        monkeypatch.setattr(hashers.Argon2PasswordHasher, name, value)


@pytest.fixture
def registered(clock: time_machine.Traveller, cheap_hashes: None) -> uuid.UUID:
    """Anna, who registered at noon."""
    user_id = new_id()
    with transaction():
        accounts.register(user_id=user_id, email=EMAIL, password=PASSWORD, name="Anna", at=NOON)
    return user_id
