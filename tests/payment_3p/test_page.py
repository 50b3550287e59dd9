from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

from tests.payment_3p.conftest import Api

pytestmark = pytest.mark.needs("chromium", "apt-get install chromium")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page(viewport={"width": 1120, "height": 900})
        browser.close()


def sold(api: Api, amount: int = 123_456) -> str:
    token = api.preauth(amount=amount)
    api.post("/check", token, key=f"{token}-check", amount=amount)
    api.post("/processPayment", token, key=f"{token}-take", amount=amount - 1_000)
    api.post("/refund", token, amount=5_000)
    return token


def test_shows_payments_with_amounts_and_opens_to_their_entries(api: Api, page: Page) -> None:
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    token = sold(api)

    page.goto(api.url)
    row = page.locator("details", has_text=token[:12])
    row.locator("summary").click()

    for text in ("1,234.56 EUR", "1,224.56 EUR", "50.00 EUR", "17.39 EUR", "processPayment"):
        assert text in row.inner_text()
    assert f"{token}-take" not in page.content().replace(f"<code>{token}-take</code>", "")
    if directory := os.environ.get("PAYMENT_3P_SCREENSHOTS"):
        page.screenshot(path=Path(directory) / "page.png", full_page=True)
    assert problems == []


def test_is_styled_under_its_own_strict_policy(api: Api, page: Page) -> None:
    answer = page.goto(api.url)
    assert answer
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    colour = page.eval_on_selector(".sheet", "each => getComputedStyle(each).borderRadius")
    assert colour == "12px"
    assert page.evaluate("document.querySelectorAll('script, link, img').length") == 0


def test_can_be_used_by_everyone(api: Api, page: Page) -> None:
    sold(api)
    page.goto(api.url)
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in {"serious", "critical"}] == []


def test_turns_its_leaves(api: Api, page: Page) -> None:
    made = [api.preauth(currency="JPY", amount=7) for _ in range(30)]

    page.goto(f"{api.url}/?state=NEW")
    seen = [each.inner_text() for each in page.locator("summary code").all()]
    assert seen == [f"{token[:12]}…" for token in reversed(made[5:])]
    page.get_by_role("link", name="Older").click()
    seen = [each.inner_text() for each in page.locator("summary code").all()]
    assert seen[:5] == [f"{token[:12]}…" for token in reversed(made[:5])]
    page.get_by_role("link", name="Newest").click()
    assert "7 JPY" in page.locator("summary").first.inner_text()


@pytest.mark.parametrize("query", ["before=x", "before=99999999999999999999", "state=LOST"])
def test_takes_nonsense_for_nothing(api: Api, page: Page, query: str) -> None:
    answer = page.goto(f"{api.url}/?{query}")
    assert answer
    assert answer.status == 200
