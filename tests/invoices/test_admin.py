from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.invoices.admin.months import last_months
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import CreditNote, Invoice, Logo, Seller, SellerText
from kernel.ids import new_id
from kernel.money import display
from tests.invoices.scenes import captured, fulfilled, refunded
from tests.invoices.test_api import FORM
from tests.invoices.test_words import RECT, SVG, png

pytestmark = pytest.mark.django_db
SELLER = "/admin/invoices/seller/1/change/"


def saved(client: Client, **changes: Any) -> Any:
    return client.post(SELLER, {**FORM, **changes})


def errors(page: Any) -> dict[str, list[str]]:
    return dict(page.context["adminform"].form.errors)


def test_a_logo_is_taken_shown_printed_and_taken_away(
    admin_client: Client, heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    file = SimpleUploadedFile("logo.png", png(), content_type="image/png")
    assert saved(admin_client, new_logo=file).status_code == 302
    logo = Logo.objects.get()
    assert logo.sha256 == hashlib.sha256(png()).hexdigest()
    assert (bytes(logo.content), logo.is_svg, Seller.current().logo) == (png(), False, logo)
    assert b'<img src="data:image/png;base64,' in admin_client.get(SELLER).content

    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id), refunded(order_id))
    for paper in (Invoice.objects.get(), CreditNote.objects.get()):
        assert paper.seller["logo"] == logo.sha256
    assert all(b"/Subtype /Image" in content for content in store.documents.values())

    assert saved(admin_client, is_without_logo="on").status_code == 302
    assert Seller.current().logo is None
    assert Logo.objects.count() == 1  # what was issued names it


def test_what_an_invoice_says_is_shown_by_names_and_as_money(
    admin_client: Client, heard: Callable[..., None], store: FakeDocumentStore
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id))
    invoice = Invoice.objects.get()

    page = admin_client.get(f"/admin/invoices/invoice/{invoice.id}/change/").text
    assert f"<dt>street address</dt><dd>{invoice.buyer['street_address']}</dd>" in page
    assert f"<dt>total</dt><dd>{display(invoice.total, invoice.currency)}</dd>" in page
    line = invoice.terms["lines"][0]
    assert f"<dt>quantity</dt><dd>{line['quantity']}</dd>" in page
    assert f"<dt>unit price</dt><dd>{display(line['unit_price'], invoice.currency)}</dd>" in page


def test_a_logo_stays_when_something_else_is_changed(admin_client: Client) -> None:
    saved(admin_client, new_logo=SimpleUploadedFile("logo.svg", SVG % RECT))
    saved(admin_client, name="The Better Shop")

    seller = Seller.current()
    assert seller.name == "The Better Shop"
    assert seller.logo
    assert seller.logo.is_svg


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"new_logo": SimpleUploadedFile("x.svg", b"<svg/><script/>")}, "new_logo", "This SVG"),
        ({"new_logo": SimpleUploadedFile("x.png", b"no")}, "new_logo", "A logo is a PNG"),
        ({"iban": "SE4550000000058398257465"}, "iban", "slip"),
        ({"iban": "se45 5000"}, "iban", "Capital letters"),
        ({"iban": "SE45\N{DEVANAGARI DIGIT ONE}0000000058398257466"}, "iban", "Capital letters"),
        ({"bic": "X"}, "bic", "Eight or eleven"),
        ({"vat_number": "12"}, "vat_number", "country's code"),
        ({"country": "Sweden"}, "country", "at most 2"),
        ({"invoice_prefix": "inv-"}, "invoice_prefix", "ten capital"),
        ({"invoice_prefix": "CN"}, "__all__", "need a series each"),
        ({"vat_number": ""}, "__all__", "invoices need one"),
    ],
)
def test_what_is_wrong_with_a_seller_is_said(
    admin_client: Client, changes: dict[str, Any], field: str, message: str
) -> None:
    page = saved(admin_client, **changes)
    assert page.status_code == 200
    assert message in errors(page)[field][0]
    assert Seller.current().printed("en") == Seller().printed("en")


@pytest.mark.parametrize("iban", ["SE4550000000058398257466", "DE89370400440532013000", ""])
def test_an_account_whose_digits_are_right_is_taken(admin_client: Client, iban: str) -> None:
    assert saved(admin_client, iban=iban).status_code == 302
    assert Seller.current().iban == iban


def test_a_new_prefix_begins_a_series_of_its_own(
    admin_client: Client, heard: Callable[..., None]
) -> None:
    first, second = new_id(), new_id()
    heard(fulfilled(first), captured(first))
    saved(admin_client, invoice_prefix="RE")
    heard(fulfilled(second), captured(second))

    numbers = Invoice.objects.order_by("id").values_list("number", flat=True)
    year = Invoice.objects.all()[0].issued_on.year
    assert list(numbers) == [f"INV-{year}-000001", f"RE-{year}-000001"]


def test_a_seller_speaks_each_language(admin_client: Client, heard: Callable[..., None]) -> None:
    text = {"closing_words": "Danke sehr!", "untaxed_reason": "Steuerfrei."}
    assert admin_client.post("/admin/invoices/sellertext/de/change/", text).status_code == 302
    for locale in ("de-AT", "sv"):
        order_id = new_id()
        heard(fulfilled(order_id, locale=locale), captured(order_id))

    said = Invoice.objects.order_by("id").values_list("seller__closing_words", flat=True)
    assert list(said) == ["Danke sehr!", "Thank you for your order."]
    SellerText.objects.all().delete()
    assert SellerText.of("fr").closing_words == "Thank you for your order."


def test_months_are_offered_and_sent_to_who_may_see_invoices(
    admin_client: Client, client: Client, heard: Callable[..., None]
) -> None:
    order_id = new_id()
    heard(fulfilled(order_id), captured(order_id))
    number, month = Invoice.objects.get().number, f"{Invoice.objects.get().issued_on:%Y-%m}"
    offered = admin_client.get("/admin/invoices/invoice/").content.decode()

    for kind in ("zip", "csv"):
        url = f"/admin/invoices/invoice/months/{month}.{kind}"
        assert f'href="{url}"' in offered
        answer: Any = admin_client.get(url)
        assert number.encode() in b"".join(answer.streaming_content)
        assert client.get(url).status_code == 302  # to the login
    assert [str(each) for each in last_months(dt.date(2026, 3, 31))][:4] == [
        "2026-03",
        "2026-02",
        "2026-01",
        "2025-12",
    ]


def test_staff_who_may_not_see_invoices_get_no_month(
    client: Client, django_user_model: Any
) -> None:
    user = django_user_model.objects.create(email="w@example.com", is_staff=True)
    client.force_login(user)
    assert client.get("/admin/invoices/invoice/months/2026-03.zip").status_code == 403
