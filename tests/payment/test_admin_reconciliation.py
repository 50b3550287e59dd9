"""The page on which staff decide what becomes of differences, with the rights of their role."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, sync_playwright

from apps.payment import usecases
from apps.payment.gateway import BookEntry, FakeGateway
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD
from apps.payment.models import Difference, Reconciliation
from apps.users import usecases as users
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.payment.scenes import Order, flow, say

PASSWORD = "a long word, and another"
LIST = "admin:payment_difference_changelist"


def replace(fake: FakeGateway, kind: str, **changes: Any) -> None:
    """Let the gateway's books say something else of the last operation of this kind."""
    index = max(i for i, entry in enumerate(fake.entries) if entry.kind == kind)
    fake.entries[index] = dataclasses.replace(fake.entries[index], **changes)


def reconcile() -> None:
    with transaction():
        usecases.request_reconciliation(
            gateway="payment_3p", on=timezone.now().date(), at=timezone.now()
        )
    flow()


def captured(fake: FakeGateway, total: int) -> Order:
    order = Order(fake, total=total)
    say(order.placed(), order.fulfilled())
    return order


@pytest.fixture
def differences(fake: FakeGateway) -> dict[str, Difference]:
    """Let each kind of difference be found once."""
    captured(fake, 12_900)
    replace(fake, "CAPTURE", amount=12_400)
    captured(fake, 4_590)
    replace(fake, "CAPTURE", fee=120)
    refunded = captured(fake, 8_000)
    refund = refunded.refund(1_500)
    flow()
    del fake.done[refund]
    fake.entries = [entry for entry in fake.entries if entry.kind != "REFUND"]
    refused = Order(fake, total=2_450, card=CAPTURE_REFUSED_CARD)
    say(refused.placed(), refused.fulfilled())
    wish = next(wish for wish in reversed(fake.calls) if wish.kind == "CAPTURE")
    stray = fake.preauth(amount=66_000)
    for kind, reference, token, amount in (
        ("CAPTURE", str(wish.id), refused.token, 2_450),
        ("AUTHORIZE", "by hand", stray, 66_000),
    ):
        entry = BookEntry(
            id=f"hand-{kind}",
            reference=reference,
            token=token,
            kind=kind,
            amount=amount,
            currency="EUR",
            fee=0,
            made_at=timezone.now(),
        )
        fake.entries.append(entry)
    reconcile()
    found = {each.kind: each for each in Difference.objects.all()}
    assert set(found) == set(Difference.Kind.values)
    return found


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def press(client: Client, difference: Difference, remedy: str, **form: str) -> str:
    url = reverse("admin:payment_difference_remedy")
    body = {"remedy": f"{difference.id}:{remedy}", **form}
    answer = client.post(url, body, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
class TestWithoutABrowser:
    def test_the_list_shows_what_is_to_be_decided(
        self, admin: Client, differences: dict[str, Difference]
    ) -> None:
        with transaction():
            usecases.accept_difference(
                difference_id=differences["FEE_DIFFERS"].id, reason="so be it", at=timezone.now()
            )
        page = admin.get(reverse(LIST)).content.decode()
        assert page.count("Accept …") == 4
        assert "€129.00" in page
        assert "€124.00" in page
        assert "€45.90" not in page
        assert "€45.90" in admin.get(reverse(LIST), {"state": "all"}).content.decode()

    def test_a_button_takes_over(self, admin: Client, differences: dict[str, Difference]) -> None:
        found = differences["AMOUNT_DIFFERS"]
        assert "taken over" in press(admin, found, "TAKE_OVER")
        assert found.payment
        found.payment.refresh_from_db()
        assert found.payment.captured == 12_400

    def test_accepting_wants_a_reason(
        self, admin: Client, differences: dict[str, Difference]
    ) -> None:
        found = differences["MISSING_HERE"]
        assert "says why" in press(admin, found, "ACCEPT", reason=" ")
        assert "accepted" in press(admin, found, "ACCEPT", reason="A test of the gateway's.")
        found.refresh_from_db()
        assert (found.state, found.reason) == ("ACCEPTED", "A test of the gateway's.")
        assert "The difference is ACCEPTED." in press(admin, found, "UNDO")

    def test_a_refusal_is_shown(self, admin: Client, differences: dict[str, Difference]) -> None:
        assert "can&#x27;t mend" in press(admin, differences["MISSING_HERE"], "TAKE_OVER")

    @pytest.mark.parametrize("remedy", ["", "x", "x:UNDO", f"{UUID(int=0)}:NOTHING"])
    def test_nonsense_changes_nothing(
        self, admin: Client, differences: dict[str, Difference], remedy: str
    ) -> None:
        answer = admin.post(reverse("admin:payment_difference_remedy"), {"remedy": remedy})
        assert (answer.status_code, answer.url) == (302, reverse(LIST))  # type: ignore[attr-defined]
        assert set(Difference.objects.values_list("state", flat=True)) == {"OPEN"}

    def test_what_nobody_knows_is_said_to_be_unknown(self, admin: Client) -> None:
        unknown = Difference(id=new_id())
        url = reverse("admin:payment_difference_remedy")
        answer = admin.post(f"{url}?list", {"remedy": f"{unknown.id}:UNDO"}, follow=True)
        assert "There is no such difference." in answer.content.decode()

    def test_many_are_decided_at_once(
        self, admin: Client, differences: dict[str, Difference]
    ) -> None:
        body = {"action": "take_over", "_selected_action": [d.id for d in differences.values()]}
        admin.post(reverse(LIST), body, follow=True)
        states = dict(Difference.objects.values_list("kind", "state"))
        assert states == {
            "AMOUNT_DIFFERS": "REMEDIED",
            "FEE_DIFFERS": "REMEDIED",
            "STATE_DIFFERS": "REMEDIED",
            "MISSING_HERE": "OPEN",
            "MISSING_AT_GATEWAY": "OPEN",
        }

    def test_a_day_is_compared_again(
        self, admin: Client, differences: dict[str, Difference]
    ) -> None:
        run = Reconciliation.objects.get()
        url = reverse("admin:payment_reconciliation_changelist")
        shown = admin.get(url).content.decode()
        assert ">5</a>" in shown
        admin.post(url, {"action": "compare_again", "_selected_action": [run.id]})
        flow()
        newest = Reconciliation.objects.order_by("-begun_at")[0]
        assert (newest.id != run.id, newest.differences) == (True, 5)
        assert Difference.objects.count() == 5

    def test_the_lists_take_as_many_statements_for_many_as_for_one(
        self, admin: Client, differences: dict[str, Difference], django_assert_max_num_queries: Any
    ) -> None:
        for name in ("difference", "reconciliation", "ledgerentry"):
            with django_assert_max_num_queries(12):
                admin.get(reverse(f"admin:payment_{name}_changelist"))

    @pytest.mark.parametrize("role", ["support", "warehouse"])
    def test_support_decides_and_others_do_not(
        self, client: Client, differences: dict[str, Difference], role: str
    ) -> None:
        hire(role)
        client.login(username=f"{role}@shop.example", password=PASSWORD)
        found = differences["AMOUNT_DIFFERS"]
        url = reverse("admin:payment_difference_remedy")
        answer = client.post(url, {"remedy": f"{found.id}:TAKE_OVER"})
        assert answer.status_code == (302 if role == "support" else 403)
        found.refresh_from_db()
        assert found.state == ("REMEDIED" if role == "support" else "OPEN")


def hire(role: str) -> None:
    with transaction():
        user_id, at = new_id(), timezone.now()
        email = f"{role}@shop.example"
        users.register(user_id=user_id, email=email, password=PASSWORD, name=role, at=at)
        users.set_roles(user_id=user_id, roles=[role], at=at)


@pytest.fixture
def page(live_server: Any) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser.new_page(viewport={"width": 1500, "height": 900})
        browser.close()
        connections.close_all()


def log_in(page: Page, url: str) -> None:
    hire("support")
    page.goto(url)
    page.fill("input[name=username]", "support@shop.example")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")


def take_picture(page: Page, name: str) -> None:
    """Keep how the page looks, where somebody wants to look at it."""
    if directory := os.environ.get("ADMIN_SCREENSHOTS"):
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.needs("chromium", "apt-get install chromium")
def test_support_decides_with_a_click(
    fake: FakeGateway, differences: dict[str, Difference], page: Page, live_server: Any
) -> None:
    log_in(page, live_server.url + reverse(LIST))
    take_picture(page, "differences")

    page.get_by_role("button", name="Undo there").first.click()
    page.wait_for_selector("text=the gateway is asked to undo it")
    assert page.url.split("?")[0].endswith(reverse(LIST))
    flow()
    page.reload()
    assert page.get_by_text("Missing here").count() == 1  # the filter's

    page.get_by_role("row", name="Another fee").get_by_role("link", name="Accept …").click()
    page.fill("input[name=reason]", "The contract was changed.")
    take_picture(page, "difference")
    page.get_by_role("button", name="Accept it").click()
    page.wait_for_selector("text=accepted.")
    take_picture(page, "difference-accepted")
    page.goto(live_server.url + reverse("admin:payment_reconciliation_changelist"))
    take_picture(page, "reconciliations")
    payment = differences["AMOUNT_DIFFERS"].payment
    assert payment
    page.goto(live_server.url + reverse("admin:payment_payment_change", args=[payment.order_id]))
    page.get_by_role("link", name="ledger").first.click()
    take_picture(page, "ledger")

    states = dict(Difference.objects.values_list("kind", "state"))
    assert (states["MISSING_HERE"], states["FEE_DIFFERS"]) == ("REMEDIED", "ACCEPTED")
