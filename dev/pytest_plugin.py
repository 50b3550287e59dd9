"""Starts a PostgreSQL for one test run, before Django reads its settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from dev.postgres import LocalPostgres

_ENVIRONMENT = {
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests-0123456789",
    "QUEUE_URL_PREFIX": "http://127.0.0.1:1/000000000000/shop-",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-north-1",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "ERROR",
}
_MARK = "SHOP_TEST_POSTGRES"  # set for the workers that this run starts
_started: list[LocalPostgres] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment of the tests; nothing of the developer's own shell or `.env` counts."""
    os.environ.update(_ENVIRONMENT)
    if _MARK not in os.environ:
        server = LocalPostgres(Path(tempfile.mkdtemp(prefix="shop-test-")) / "postgres")
        server.start()
        _started.append(server)
        os.environ[_MARK] = "1"
        os.environ["DATABASE_URL"] = server.url()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    for server in _started:
        server.stop()
        shutil.rmtree(server.data.parent, ignore_errors=True)
    _started.clear()
