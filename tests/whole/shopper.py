"""Somebody who uses the storefront in a browser, and sees whatever goes wrong there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Response, expect

ADDRESS = {
    "address__name": "Åsa Öberg",
    "address__street_address": "Storgatan 1",
    "address__post_code": "111 51",
    "address__city": "Stockholm",
    "address__country": "SE",
    "address__phone_number": "+46701234567",
}
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PATIENCE_SECONDS = 15
_NOT_LOADED = re.compile(r"^Failed to load resource: the server responded with a status of (\d+)")

_IN_SIGHT = """all => all
    .filter(each => each.getBoundingClientRect().top < innerHeight)
    .map(each => ({complete: each.complete, width: each.naturalWidth}))"""


class Shopper:
    """A browser of their own: no cookies, no storage, nothing remembered."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport=WIDE, **options)
        self.context.set_default_timeout(1000 * PATIENCE_SECONDS)
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", self._note_failure)
        self.page.on("response", self._note_response)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)
        self.settled()

    def settled(self) -> None:
        """Wait until nothing is being looked for, and the pictures in sight are there."""
        expect(self.page.locator("main h1")).not_to_have_count(0)
        expect(self.page.locator("[aria-busy], .waiting")).to_have_count(0)

    def sees(self, text: str | re.Pattern[str], within: str = "main") -> None:
        expect(self.page.locator(within)).to_contain_text(text)

    def search(self, text: str) -> None:
        self.page.fill("#q", text)
        self.page.press("#q", "Enter")
        expect(self.page.locator("h1")).to_have_text(f"“{text}”")
        self.settled()

    def search_from_home(self, text: str) -> None:
        self.open("/")
        self.search(text)

    def fill(self, **fields: str) -> None:
        """Fill fields of a form, by their names; `__` is a full stop."""
        for name, value in fields.items():
            field = self.page.locator(f"main [name='{name.replace('__', '.')}']").first
            if field.evaluate("element => element.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def put_in_cart(self, name: str) -> None:
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.page.locator("h1")).to_have_text(name)
        self.page.click("text=Add to cart")
        self.sees("It is in your cart.")

    def pictures(self) -> list[int]:
        """Return the widths of the pictures in sight as they were drawn; 0 is none."""
        for _ in range(20 * PATIENCE_SECONDS):
            found = self.page.eval_on_selector_all("main img", _IN_SIGHT)
            if all(each["complete"] for each in found):
                break
            self.page.wait_for_timeout(50)
        return [each["width"] for each in found]

    def barriers(self) -> list[str]:
        """Return what keeps somebody from using this page, by axe's rules."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{each['id']}: {node['target']}"
            for each in found
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]

    def take_pictures(self, name: str) -> None:
        """Keep how the page looks, where somebody wants to look at it."""
        if not (directory := os.environ.get("STOREFRONT_SCREENSHOTS")):
            return
        for size in (NARROW, WIDE):
            self.page.set_viewport_size(size)
            path = Path(directory) / f"{name}-{size['width']}.png"
            self.page.screenshot(path=path, full_page=True)

    def leave(self, *, expected: Collection[int] = ()) -> None:
        """Go, and see that nothing went wrong; `expected` are refusals that were meant to be."""
        self.context.close()
        meant = {f"status {number}" for number in expected}
        unmeant = [each for each in self.wrong if each not in meant]
        assert not unmeant, unmeant

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"} and not _NOT_LOADED.match(message.text):
            self.wrong.append(f"{message.type}: {message.text}")

    def _note_failure(self, request: Request) -> None:
        # A page that is left gives up what it was reading.
        if request.failure != "net::ERR_ABORTED":
            self.wrong.append(f"{request.failure}: {request.url.split('?')[0]}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"status {response.status}")
