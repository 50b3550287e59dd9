"""Gives a test run a PostgreSQL and settings of its own, before Django reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from django.db import connections
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dev import ROOT
from dev.postgres import LocalPostgres
from dev.stand_in import STAND_IN
from ecommerce.environment import Environment

TEMPLATE = "shop_template"
_WHOLE_SHOP = "tests/whole/"
_MARK = "SHOP_TEST_POSTGRES"  # set for the workers that this run starts
_TEMPLATE_MARK = "SHOP_TEST_TEMPLATE"
_started: list[LocalPostgres] = []
_directories: list[tempfile.TemporaryDirectory[str]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Set the environment of the tests; nothing of the developer's own shell or `.env` counts."""
    if _MARK in os.environ:
        return
    for name in Environment.model_fields:
        os.environ.pop(name.upper(), None)
    os.environ.update(STAND_IN)
    directory = tempfile.TemporaryDirectory(prefix="shop-test-")
    _directories.append(directory)
    server = LocalPostgres(Path(directory.name) / "postgres")
    server.start()
    _started.append(server)
    os.environ[_MARK] = "1"
    os.environ["DATABASE_URL"] = server.url()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Migrate one database for several workers, and let each clone it."""
    config.addinivalue_line(
        "markers", "needs(program, install): skipped without the program; CI fails instead"
    )
    if _started and config.getoption("numprocesses", None):
        _make_template(_started[0])
        os.environ[_TEMPLATE_MARK] = TEMPLATE


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each test to whoever is free; those that share the running shop, first, to one."""

    def _split_scope(self, nodeid: str) -> str:
        return _WHOLE_SHOP if nodeid.startswith(_WHOLE_SHOP) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Choose who runs which test."""
    return Scheduling(config, log)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let a worker's database begin as a copy of the migrated one."""
    if template := os.environ.get(_TEMPLATE_MARK):
        connections["default"].settings_dict["TEST"]["TEMPLATE"] = template


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs more than this machine has; where all is installed, let it fail."""
    for mark in item.iter_markers("needs"):
        program, install = mark.args
        if shutil.which(program) is None:
            verdict = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            verdict(f"{program} is not installed: {install}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    for server in _started:
        server.stop()
        server.forget()
    for directory in _directories:
        directory.cleanup()
    _started.clear()
    _directories.clear()


def _make_template(server: LocalPostgres) -> None:
    server.prepare(TEMPLATE)
    environment = {**os.environ, "DATABASE_URL": server.url(TEMPLATE)}
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
