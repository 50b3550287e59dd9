from __future__ import annotations

import pytest
from described import Templates, described

from shop.environments import ENVIRONMENTS
from shop.registry import Registry, read_registry


@pytest.fixture(params=ENVIRONMENTS)
def templates(request: pytest.FixtureRequest) -> Templates:
    """One environment after the other."""
    return described(request.param)


@pytest.fixture
def prod() -> Templates:
    return described("prod")


@pytest.fixture
def dev() -> Templates:
    return described("dev")


@pytest.fixture(scope="session")
def registry() -> Registry:
    return read_registry()
