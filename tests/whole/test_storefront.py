"""Customers buy in the storefront: headless Chromium against the real processes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.whole.letters import link_mailed_to
from tests.whole.machine import Machine
from tests.whole.shopper import ADDRESS, Shopper
from tests.whole.staff import Staff, product_body

pytestmark = [
    pytest.mark.processes,
    pytest.mark.needs("chromium", "apt-get install chromium"),
    pytest.mark.timeout(300),
]
GOOD_CARD, DECLINED_CARD = "4242 4242 4242 4242", "4000 0000 0000 0002"
SCRIPT = "<img src=x onerror=\"document.title='owned'\"> & <mark>Lamp</mark>"


def place_order(guest: Shopper, card: str) -> str:
    """Go from the cart through the checkout, and return the order's id."""
    guest.page.click("text=To the checkout")
    guest.fill(email="asa@example.com", **ADDRESS)
    guest.page.locator("main [name=card]").fill(card)
    expect(guest.page.locator("dt:has-text('Delivery') + dd")).to_have_text("Free")
    assert guest.barriers() == []
    guest.take_pictures(f"checkout-{card[-4:]}")
    language = guest.page.get_by_label("Language")
    expect(language).to_have_value("en")
    language.select_option("de")
    guest.page.click("text=Buy now")
    guest.page.wait_for_url(re.compile(r"/orders/"))
    return guest.page.url.rpartition("/")[2]


def look_around(guest: Shopper) -> None:
    """See the list, its second part, and what filters leave of it."""
    page = guest.page
    guest.open("/")
    cards = page.locator("article.card")
    expect(cards).to_have_count(24)
    assert 0 not in guest.pictures()
    assert guest.barriers() == []
    guest.take_pictures("home")
    page.click("text=Show more")
    expect(cards).to_have_count(48)
    page.get_by_label("€20 \u2013 €50").check()
    expect(page).to_have_url(re.compile("price_min=2000&price_max=4999"))
    guest.sees("show all")
    prices = [float(text[1:].split()[0]) for text in page.locator(".card .price").all_inner_texts()]
    assert prices
    assert all(20 <= price < 50 for price in prices)
    categories = page.get_by_role("navigation", name="Categories")
    categories.get_by_role("link", name="Kitchen").click()
    expect(page.locator("h1")).to_have_text("Kitchen")


def look_for_headphones(guest: Shopper) -> None:
    """Find them with a slip and without one, and put one in the cart."""
    guest.search("headphnes")
    guest.sees("Studio headphones")
    guest.take_pictures("search-with-a-typo")
    guest.search("headphones")
    found = re.compile("headphone", re.IGNORECASE)
    expect(guest.page.locator(".card mark").first).to_have_text(found)
    guest.put_in_cart("Studio headphones")
    assert 0 not in guest.pictures()
    assert guest.barriers() == []
    guest.take_pictures("product")


def take_two_with_a_coupon(guest: Shopper) -> None:
    page = guest.page
    page.click("text=To the cart")
    page.get_by_label("Quantity of Studio headphones").fill("2")
    page.get_by_label("Quantity of Studio headphones").press("Tab")
    guest.sees("€358.00")
    page.get_by_label("Coupon").fill("welcome10")
    page.get_by_role("button", name="Add").click()
    guest.sees("\u2212€35.80")
    guest.sees("€322.20")
    expect(page.locator("#cart-count")).to_contain_text("2")
    assert guest.barriers() == []
    guest.take_pictures("cart")


def test_a_guest_searches_buys_and_sees_the_order_happen(
    staff: Staff, shopper_for: Callable[..., Shopper], tmp_path: Path
) -> None:
    guest = shopper_for(accept_downloads=True)
    look_around(guest)
    look_for_headphones(guest)
    take_two_with_a_coupon(guest)

    order_id = place_order(guest, GOOD_CARD)
    expect(guest.page.locator("#state[data-state=CONFIRMED]")).to_be_visible()
    guest.take_pictures("order-confirmed")
    staff.send(order_id)
    expect(guest.page.locator("#state[data-state=FULFILLED]")).to_be_visible()

    expect(guest.page.locator("#timeline")).to_contain_text("Paid")
    assert guest.page.locator("#timeline span").all_inner_texts() == [
        "We have your order",
        "Stock and payment are settled",
        "Packed",
        "On its way to you",
        "Delivered",
        "Paid",
    ]
    expect(guest.page.locator(".total dd")).to_have_text("€322.20")
    with guest.page.expect_download() as download:
        guest.page.click("#invoice")
    download.value.save_as(tmp_path / "invoice.pdf")
    number = guest.page.locator("h1").inner_text().removeprefix("Order ")
    pages = PdfReader(tmp_path / "invoice.pdf").pages
    text = "".join(each.extract_text() for each in pages)
    assert (number in text, "Rechnung" in text) == (True, True)
    assert guest.barriers() == []
    guest.take_pictures("order-fulfilled")
    guest.leave()


def test_whoever_has_a_guests_link_sees_the_order(shopper_for: Callable[..., Shopper]) -> None:
    guest, other = shopper_for(), shopper_for()
    guest.open("/?q=mug")
    guest.put_in_cart("Stoneware mug")
    guest.page.click("text=To the cart")
    order_id = place_order(guest, GOOD_CARD)
    expect(guest.page.locator("#state[data-state=CONFIRMED]")).to_be_visible()
    token = guest.page.evaluate(f"sessionStorage.getItem('order {order_id}')")

    other.open(f"/orders/{order_id}")
    expect(other.page.locator("h1")).to_have_text("Whose order is it?")
    other.open(f"/order#token={token}")
    expect(other.page.locator("h1")).to_have_text(guest.page.locator("h1").inner_text())
    assert "token" not in other.page.url
    other.page.click("text=Cancel this order")
    guest.sees("It was cancelled as asked. Nothing was charged.")
    other.leave()
    guest.leave()


def test_who_lost_the_link_is_sent_another_in_the_browsers_language(
    machine: Machine, shopper_for: Callable[..., Shopper]
) -> None:
    guest, email = shopper_for(locale="fr-CA"), "lost@example.com"
    guest.open("/?q=mug")
    guest.put_in_cart("Stoneware mug")
    guest.page.click("text=To the cart")
    guest.page.click("text=To the checkout")
    expect(guest.page.get_by_label("Language")).to_have_value("fr")
    guest.fill(email=email, card=GOOD_CARD, **ADDRESS)
    guest.page.click("text=Buy now")
    guest.page.wait_for_url(re.compile(r"/orders/"))
    expect(guest.page.locator("#state[data-state=CONFIRMED]")).to_be_visible()
    order = guest.page.locator("h1").inner_text()

    later = shopper_for()
    later.open(guest.page.url.removeprefix(guest.url))
    later.page.click("text=Lost the link?")
    ask_for_link(later, order.removeprefix("Order "), "nobody@example.com")
    ask_for_link(later, order.removeprefix("Order "), email)
    later.open(link_mailed_to(email, machine, "order", subject="Le lien"))
    expect(later.page.locator("h1")).to_have_text(order)
    later.leave()
    guest.leave()


def ask_for_link(guest: Shopper, number: str, email: str) -> None:
    """Ask, and get the answer that everyone gets."""
    guest.open("/lost-link")
    assert guest.barriers() == []
    guest.take_pictures("lost-link")
    guest.fill(number=number, email=email)
    guest.page.click("text=Send me the link")
    guest.sees("If an order of this number was placed with this address")
    guest.take_pictures("lost-link-sent")


def test_a_declined_card_is_said_clearly_and_the_cart_can_be_had_again(
    shopper_for: Callable[..., Shopper],
) -> None:
    guest = shopper_for(color_scheme="dark")
    guest.open("/?q=mug")
    guest.put_in_cart("Stoneware mug")
    guest.page.click("text=To the cart")
    place_order(guest, DECLINED_CARD)

    guest.sees("The card was declined, and nothing was charged.")
    assert guest.barriers() == []
    guest.take_pictures("order-declined")
    guest.page.click("#again")
    expect(guest.page.locator("h1")).to_have_text("Your cart")
    guest.sees("Stoneware mug")
    guest.leave()


def test_a_price_that_changes_is_told_once_and_agreed_to_before_it_is_paid(
    staff: Staff, shopper_for: Callable[..., Shopper]
) -> None:
    product = staff.sell("TEAPOT", name="Enamel teapot")
    guest = shopper_for()
    guest.open(f"/products/{product['id']}")
    guest.page.click("text=Add to cart")
    guest.sees("It is in your cart.")
    staff.price(product, 2190)

    told = "Enamel teapot costs €21.90 now; it was €19.90."
    guest.open("/cart")
    guest.sees(told)
    guest.open("/cart")
    expect(guest.page.locator("main")).not_to_contain_text(told)

    guest.page.click("text=To the checkout")
    guest.fill(email="asa@example.com", card=GOOD_CARD, **ADDRESS)
    guest.sees("€21.90")
    staff.price(product, 2390)
    guest.page.click("text=Buy now")
    guest.sees("It comes to €23.90 now. Press again if that is right.")
    guest.page.click("text=Buy now")
    guest.page.wait_for_url(re.compile(r"/orders/"))
    expect(guest.page.locator(".total dd")).to_have_text("€23.90")
    guest.leave(expected=[409])


def test_what_others_have_written_is_text(
    staff: Staff, shopper_for: Callable[..., Shopper]
) -> None:
    staff.sell("XSS", name=SCRIPT, description=SCRIPT)
    guest = shopper_for()

    guest.search_from_home("lamp")
    guest.sees(SCRIPT)
    guest.page.get_by_role("link", name=SCRIPT, exact=True).click()
    expect(guest.page.locator("h1")).to_have_text(SCRIPT)
    guest.page.click("text=Add to cart")
    guest.sees("It is in your cart.")
    guest.page.click("text=To the cart")
    guest.sees(SCRIPT)

    assert guest.page.title() != "owned"
    assert guest.page.locator("img[src=x]").count() == 0
    guest.leave()


def test_options_lead_to_the_sibling_that_has_them(
    staff: Staff, shopper_for: Callable[..., Shopper]
) -> None:
    admin = staff("admin")
    family = admin.post("/families", {"name": "Blanket", "options": ["colour", "size"]})
    for colour, size in (("grey", "large"), ("grey", "small"), ("red", "large")):
        body = product_body(f"BLANKET-{colour}-{size}", name=f"Blanket, {colour}, {size}")
        admin.post(
            "/products",
            {**body, "family": family["id"], "attributes": {"colour": colour, "size": size}},
        )
    guest = shopper_for()

    guest.search_from_home("blanket grey small")
    guest.page.get_by_role("link", name="Blanket, grey, small", exact=True).click()
    guest.page.get_by_role("link", name="red").click()
    expect(guest.page.locator("h1")).to_have_text("Blanket, red, large")
    expect(guest.page.get_by_role("link", name="red")).to_have_attribute("aria-current", "true")
    guest.page.get_by_role("link", name="grey").click()
    expect(guest.page.locator("h1")).to_have_text("Blanket, grey, large")
    guest.take_pictures("options")
    guest.leave()


def test_the_server_of_the_pages_gives_nothing_else_away(machine: Machine) -> None:
    url = machine.addresses.storefront
    page, config = httpx.get(f"{url}/products/anything"), httpx.get(f"{url}/config.json")

    assert page.text.startswith("<!doctype html>")
    assert config.json() == {
        "api": f"{machine.addresses.shop}/api/v1",
        "payment": machine.addresses.payment_3p,
    }
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "require-trusted-types-for 'script'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("/js/nothing.js", "/js/%2e%2e/%2e%2e/%2e%2e/pyproject.toml", "/../../x.toml"):
        assert httpx.get(url + path).status_code == 404
    assert httpx.get(f"{url}/js/").text == page.text
