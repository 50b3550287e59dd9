"""Accounts in the storefront: opened, confirmed, rescued, exported, erased."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.whole.letters import link_mailed_to
from tests.whole.machine import Machine
from tests.whole.shopper import ADDRESS, Shopper

pytestmark = [
    pytest.mark.processes,
    pytest.mark.needs("chromium", "apt-get install chromium"),
    pytest.mark.timeout(300),
]
PASSWORD = "a long word, and another"


def register(customer: Shopper, email: str) -> None:
    """Open an account, at the third try."""
    wrong = customer.page.locator("#field-password-wrong")
    customer.open("/register?next=/cart")
    customer.fill(name="Åsa", email=email, password="short")
    customer.page.click("main button.primary")
    expect(wrong).not_to_be_empty()
    customer.fill(password="password123")
    customer.page.click("main button.primary")
    expect(wrong).to_contain_text("too common")
    assert customer.barriers() == []
    customer.take_pictures("register")
    customer.fill(password=PASSWORD)
    customer.page.click("main button.primary")
    expect(customer.page.locator("h1")).to_have_text("Your cart")


def test_who_registers_keeps_the_cart_also_after_a_reload_and_a_login(
    shopper_for: Callable[..., Shopper],
) -> None:
    customer, email = shopper_for(), "asa@example.org"
    customer.open("/?q=mug")
    customer.put_in_cart("Stoneware mug")
    register(customer, email)

    customer.sees("Stoneware mug")
    assert customer.page.evaluate("localStorage.getItem('cart')") is None
    customer.page.reload()  # the access token is gone, the refresh token is not
    customer.sees("Stoneware mug")
    customer.open("/account")
    customer.page.get_by_role("button", name="Log out", exact=True).click()
    expect(customer.page.locator("#to-account")).to_have_text("Log in")
    expect(customer.page.locator("#cart-count")).to_be_hidden()
    customer.open("/login?next=/cart")
    customer.fill(email=email, password=PASSWORD)
    customer.page.click("main button.primary")
    customer.sees("Stoneware mug")
    customer.leave(expected=[400])


def replace_password(customer: Shopper, email: str, machine: Machine) -> None:
    """Forget the password, and log in with another."""
    page = customer.page
    customer.open("/login")
    page.click("text=Forgot your password?")
    page.locator("#field-forgotten").fill(email)
    page.click("text=Send me a link")
    customer.sees("If this address has an account, a link is on its way to it.")
    customer.open(link_mailed_to(email, machine, "reset-password"))
    customer.fill(password=PASSWORD[::-1])
    page.click("text=Set it")
    customer.sees("every login has ended")
    customer.open("/login?next=/account")
    customer.fill(email=email, password=PASSWORD[::-1])
    page.click("main button.primary")
    customer.sees("Hello, Åsa")


def test_an_account_is_confirmed_and_rescued_by_mail_exported_and_erased(
    machine: Machine, shopper_for: Callable[..., Shopper]
) -> None:
    customer, email = shopper_for(accept_downloads=True), "bo@example.org"
    page = customer.page
    register(customer, email)

    customer.open("/account")
    customer.sees(f"{email} is not confirmed yet")
    page.click("text=Add an address")
    customer.fill(**ADDRESS)
    page.click("text=Keep it")
    customer.sees("Åsa Öberg, Storgatan 1, Stockholm, SE")
    assert customer.barriers() == []
    customer.take_pictures("account")
    customer.open(link_mailed_to(email, machine, "verify-email"))
    customer.sees("It is confirmed.")
    replace_password(customer, email, machine)
    expect(page.locator("text=is not confirmed yet")).to_have_count(0)
    with page.expect_download() as download:
        page.click("text=Download all that we hold")
    assert "Storgatan 1" in download.value.path().read_text()
    page.click("text=Erase my account")
    page.locator("#field-erase").fill(email)
    page.click("text=Erase everything")
    expect(page.locator("#to-account")).to_have_text("Log in")
    customer.leave(expected=[400])
