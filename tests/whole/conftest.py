"""One running shop for all tests of this directory: `dev/pytest_plugin.py` keeps them together."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from dev.demo_users import demo_password
from dev.trace.receiver import Receiver, receiving
from tests.whole.machine import Machine
from tests.whole.shopper import Shopper
from tests.whole.staff import Staff


@pytest.fixture(scope="package")
def received() -> Iterator[tuple[Receiver, str]]:
    """Return the spans of the whole shop, and where they are to be sent to."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="package")
def machine(
    tmp_path_factory: pytest.TempPathFactory, received: tuple[Receiver, str]
) -> Iterator[Machine]:
    """Return a machine on which the whole shop runs; after the last test Ctrl-C is pressed."""
    state = tmp_path_factory.mktemp("machine") / "state"
    machine = Machine(state, OTEL_EXPORTER_OTLP_ENDPOINT=received[1], OTEL_BSP_SCHEDULE_DELAY="500")
    try:
        machine.start()
        yield machine
    finally:
        status = machine.stop()
    assert (status, machine.processes()) == (0, set())
    assert "nothing is left running" in machine.told()
    machine.shop.forget()
    assert not machine.state.exists()


@pytest.fixture
def staff(machine: Machine) -> Iterator[Staff]:
    staff = Staff(machine.addresses, demo_password(machine.state))
    yield staff
    staff.leave()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def shopper_for(machine: Machine, browser: Browser) -> Callable[..., Shopper]:
    return lambda **options: Shopper(browser, machine.addresses.storefront, **options)
