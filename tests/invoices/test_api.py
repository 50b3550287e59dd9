from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.invoices import queries
from apps.invoices.events import InvoiceIssued
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import CreditNote, Document, Invoice, Logo, Seller, SellerText
from apps.users.events import UserUpdated
from kernel.bus import inbox
from kernel.bus.testing import envelopes
from kernel.ids import new_id
from kernel.signing import sign_order
from tests.invoices.scenes import LAMP, NOON, captured, flow, fulfilled, refunded, registered, tell
from tests.invoices.test_issuing import BUYER, SELLER

pytestmark = pytest.mark.django_db
URL = "/api/v1/invoices"
SHOWN_SELLER = {
    name: value for name, value in SELLER.items() if name not in {"logo", "untaxed_reason"}
}
FORM = {**SHOWN_SELLER, "invoice_prefix": "INV", "credit_note_prefix": "CN"}
TABLES = (
    "billing",
    "creditnote",
    "document",
    "invoice",
    "knownuser",
    "logo",
    "refund",
    "seller",
    "sellertext",
    "series",
)


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def bought(customer_id: uuid.UUID) -> Invoice:
    order_id = new_id()
    tell(fulfilled(order_id, customer_id=customer_id), captured(order_id))
    flow()
    return Invoice.objects.get(order_id=order_id)


def found(client: APIClient, **query: Any) -> list[str]:
    response = client.get(URL, query)
    assert response.status_code == 200, response.json()
    return [invoice["number"] for invoice in response.json()["results"]]


def test_an_invoice_is_shown_whole(client_for: Any, heard: Callable[..., None]) -> None:
    customer = client_for()
    heard(registered(customer.user_id))
    invoice = bought(customer.user_id)
    refund = refunded(invoice.order_id)
    heard(refund)
    note = CreditNote.objects.get()

    body = customer.get(f"{URL}/{invoice.id}").json()
    assert body == {
        "id": str(invoice.id),
        "number": invoice.number,
        "order_id": str(invoice.order_id),
        "order_number": "7KQ2-M3XP",
        "issued_on": invoice.issued_on.isoformat(),
        "paid_on": "2026-03-01",
        "delivered_on": "2026-03-01",
        "seller": SHOWN_SELLER,
        "buyer": BUYER,
        "lines": [
            {
                "product_id": str(LAMP),
                "code": "L-1",
                "name": "Lamp",
                "quantity": 2,
                "unit_price": eur(4990),
                "amount": eur(9980),
                "discount": eur(500),
                "tax": {"rate_percent": "25", "amount": eur(1896)},
            }
        ],
        "prices_include_tax": True,
        "tax_lines": [{"name": "VAT", "rate_percent": "25", "net": eur(8384), "amount": eur(2096)}],
        "discounts": [{"code": "SPRING", "amount": eur(500)}],
        "delivery_price": eur(1000),
        "total": eur(10480),
        "currency": "EUR",
        "credit_notes": [
            {
                "id": str(note.id),
                "number": note.number,
                "issued_on": note.issued_on.isoformat(),
                "amount": eur(4990),
                "tax_lines": [
                    {"name": "VAT", "rate_percent": "25", "net": eur(3992), "amount": eur(998)}
                ],
                "reason": "Arrived broken",
                "pdf": f"http://testserver{URL}/{invoice.id}/credit-notes/{note.id}/pdf",
            }
        ],
        "pdf": f"http://testserver{URL}/{invoice.id}/pdf",
    }
    assert customer.get(URL).json() == {"results": [body], "next": None}


def test_a_customer_sees_their_own_and_support_all(client_for: Any) -> None:
    ada, bob = client_for(), client_for()
    hers, his = bought(ada.user_id), bought(bob.user_id)

    assert found(ada) == [hers.number]
    assert found(bob) == [his.number]
    assert found(client_for("support")) == [his.number, hers.number]
    assert found(client_for("admin")) == [his.number, hers.number]
    assert found(client_for("warehouse")) == []
    for path in ("", "/pdf"):
        response = bob.get(f"{URL}/{hers.id}{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert client_for("support").get(f"{URL}/{hers.id}").status_code == 200


def test_nobody_sees_nothing(anyone: APIClient) -> None:
    for path in ("", f"/{new_id()}", f"/{new_id()}/pdf"):
        assert anyone.get(f"{URL}{path}").status_code == 401


def test_support_finds_by_order_number_and_address(
    client_for: Any, heard: Callable[..., None]
) -> None:
    customer_id, support = new_id(), client_for("support")
    heard(registered(customer_id))
    wanted = bought(customer_id)
    bought(new_id())

    assert found(support, order=wanted.order_id) == [wanted.number]
    assert found(support, number=wanted.number) == [wanted.number]
    assert found(support, email="ADA@example.com") == [wanted.number]
    assert found(support, email="nobody@example.com") == []
    day = wanted.issued_on
    before, after = day - dt.timedelta(days=1), day + dt.timedelta(days=1)
    assert found(support, number=wanted.number, since=day, until=day) == [wanted.number]
    assert found(support, since=after) == found(support, until=before) == []
    assert found(support, email="ada@example.com", since=before) == [wanted.number]
    response = support.get(URL, {"order": "x"})
    assert [error["field"] for error in response.json()["errors"]] == ["order"]


def test_an_address_finds_what_bears_it_and_what_its_holder_bought(
    client_for: Any, heard: Callable[..., None], django_assert_num_queries: Any
) -> None:
    holder, support, guest_order = new_id(), client_for("support"), new_id()
    heard(registered(holder, "ada@example.com"))
    hers = bought(holder)
    event = fulfilled(guest_order, email="Ada@Example.com").model_copy(update={"customer_id": None})
    heard(event, captured(guest_order))
    as_guest = Invoice.objects.get(order_id=guest_order)
    update = {"occurred_at": NOON, "version": 2, "name_of_user": "Ada"}
    heard(UserUpdated(user_id=holder, email="countess@example.com", **update))
    bought(new_id())

    with django_assert_num_queries(3):
        assert found(support, email="ada@example.com") == [as_guest.number, hers.number]
    assert found(support, email="countess@example.com") == [hers.number]
    assert found(client_for(), email="ada@example.com") == []


def test_invoices_of_an_address_and_of_days_are_found_by_an_index(
    heard: Callable[..., None],
) -> None:
    reach = {"owner": None, "guest_order": None}
    asked = {
        "invoices_invoice_email": {"email": "ada@example.com"},
        "invoices_invoice_issued": {"since": NOON.date(), "until": NOON.date()},
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_indexscan = off")
    for index, condition in asked.items():
        assert index in queries.invoices(**reach, **condition).explain()


def test_a_list_costs_the_same_however_long_it_is(
    client_for: Any, django_assert_num_queries: Any
) -> None:
    customer = client_for()
    for count in (1, 40):
        while Invoice.objects.count() < count:
            invoice = bought(customer.user_id)
        tell(refunded(invoice.order_id))
        flow()
        with django_assert_num_queries(2):
            assert len(found(customer, limit=100)) == count
        with django_assert_num_queries(2):
            customer.get(f"{URL}/{invoice.id}")


def test_a_list_reads_on_from_its_cursor(client_for: Any) -> None:
    customer = client_for()
    numbers = [bought(customer.user_id).number for _ in range(3)]
    first = customer.get(URL, {"limit": 2}).json()
    second = customer.get(first["next"]).json()

    shown = [invoice["number"] for invoice in first["results"] + second["results"]]
    assert (shown, second["next"]) == (numbers[::-1], None)


def test_the_entity_tag_changes_with_what_is_stored_and_credited(
    client_for: Any, store: FakeDocumentStore
) -> None:
    customer, order_id = client_for(), new_id()
    store.is_down = True
    tell(fulfilled(order_id, customer_id=customer.user_id), captured(order_id))
    with pytest.raises(AssertionError):
        flow()
    url = f"{URL}/{Invoice.objects.get().id}"
    tags = [customer.get(url)["ETag"]]
    store.is_down = False
    Document.objects.update(content=None, stored_at="2026-03-02T00:00Z")
    tags.append(customer.get(url)["ETag"])
    tell(refunded(order_id))
    flow()
    tags.append(customer.get(url)["ETag"])

    assert len(set(tags)) == 3
    assert customer.get(url, headers={"If-None-Match": tags[-1]}).status_code == 304


def test_a_pdf_that_is_not_stored_yet_asks_for_patience_then_leads_to_it(
    client_for: Any, store: FakeDocumentStore
) -> None:
    customer, order_id = client_for(), new_id()
    store.is_down = True
    tell(fulfilled(order_id, customer_id=customer.user_id), captured(order_id))
    with pytest.raises(AssertionError):
        flow()
    invoice = Invoice.objects.get()
    url = f"{URL}/{invoice.id}"
    waiting = customer.get(f"{url}/pdf")
    assert (waiting.status_code, waiting["Retry-After"]) == (503, "2")
    assert waiting.json()["code"] == "document_not_stored"
    assert customer.get(url).json()["pdf"] is None

    store.is_down = False
    again()
    for client in (customer, client_for("support")):
        ready = client.get(f"{url}/pdf")
        assert (ready.status_code, ready["Cache-Control"]) == (302, "no-store")
        key = f"{invoice.issued_on.year}/{invoice.number}-{invoice.sha256}.pdf"
        assert ready["Location"] == (f"https://storage.example/{key}?filename={invoice.number}.pdf")
        assert list(store.documents) == [key]


def again() -> None:
    """Let the failed delivery come again."""
    from_log = [envelope for envelope in envelopes() if envelope.name == InvoiceIssued.name]
    assert inbox.deliver("invoices-outside", from_log)


def test_a_credit_note_s_pdf_is_its_customer_s_alone(
    client_for: Any, heard: Callable[..., None]
) -> None:
    ada, bob = client_for(), client_for()
    invoice = bought(ada.user_id)
    heard(refunded(invoice.order_id))
    note = CreditNote.objects.get()
    url = f"{URL}/{invoice.id}/credit-notes/{note.id}/pdf"

    assert note.number in ada.get(url)["Location"]
    assert bob.get(url).status_code == 404
    other = bought(ada.user_id)
    assert ada.get(url.replace(str(invoice.id), str(other.id))).status_code == 404


def test_staff_look_at_invoices_in_the_admin(
    admin_client: Client, heard: Callable[..., None]
) -> None:
    invoice = bought(new_id())
    heard(refunded(invoice.order_id), registered(new_id()))
    Logo.keep(b"<svg/>", is_svg=True, at=timezone.now())
    SellerText.objects.get_or_create(language="en")

    for name in TABLES:
        page = admin_client.get(f"/admin/invoices/{name}/")
        assert page.status_code == 200
        row = page.context["cl"].result_list[0]
        assert admin_client.get(f"/admin/invoices/{name}/{row.pk}/change/").status_code == 200
        assert admin_client.post(f"/admin/invoices/{name}/{row.pk}/delete/").status_code == 403
    for term, count in {
        invoice.number: 1,
        str(invoice.order_id): 1,
        "7KQ2-M3XP": 1,
        "x": 0,
    }.items():
        page = admin_client.get("/admin/invoices/invoice/", {"q": term})
        assert page.context["cl"].result_count == count
    shown = admin_client.get(f"/admin/invoices/invoice/{invoice.pk}/change/").content.decode()
    assert f"storage.example/{invoice.issued_on.year}/{invoice.number}" in shown
    assert CreditNote.objects.get().number in shown


def test_staff_edit_the_seller_and_nothing_else(admin_client: Client) -> None:
    page = admin_client.post(
        "/admin/invoices/seller/1/change/", {**FORM, "name": "The Better Shop"}
    )
    assert page.status_code == 302
    assert Seller.current().printed("en") == {**SELLER, "name": "The Better Shop"}
    assert admin_client.get("/admin/invoices/seller/add/").status_code == 403
    for name in {*TABLES} - {"sellertext"}:
        assert admin_client.get(f"/admin/invoices/{name}/add/").status_code == 403


def test_an_invoice_may_be_shown_in_part(client_for: Any) -> None:
    customer = client_for()
    invoice = bought(customer.user_id)
    shown = {"number": invoice.number, "total": eur(invoice.total)}

    listed = customer.get(URL, {"fields": "number,total"}).json()
    assert listed == {"results": [shown], "next": None}
    one = customer.get(f"{URL}/{invoice.id}", {"fields": "number,total"})
    assert (one.json(), one["ETag"]) == (shown, customer.get(f"{URL}/{invoice.id}")["ETag"])
    wrong = customer.get(f"{URL}/{invoice.id}", {"fields": "bytes"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "unknown_field")


class TestAGuest:
    def bought(self) -> Invoice:
        """Let a guest's order be fulfilled and paid."""
        order_id = new_id()
        event = fulfilled(order_id, email="ann@example.com").model_copy(
            update={"customer_id": None, "person_id": order_id}
        )
        tell(event, captured(order_id))
        flow()
        return Invoice.objects.get(order_id=order_id)

    def by_link(self, order_id: uuid.UUID) -> APIClient:
        later = timezone.now() + dt.timedelta(days=1)
        return APIClient(headers={"Order-Token": sign_order(order_id, expires_at=later)})

    def test_reads_the_invoice_of_the_order_whose_link_they_have(
        self, heard: Callable[..., None]
    ) -> None:
        invoice, other = self.bought(), self.bought()
        guest = self.by_link(invoice.order_id)

        assert invoice.buyer["email"] == "ann@example.com"
        assert found(guest) == found(guest, order=invoice.order_id) == [invoice.number]
        assert found(guest, order=other.order_id) == []
        assert guest.get(f"{URL}/{invoice.id}").json()["buyer"]["email"] == "ann@example.com"
        assert guest.get(f"{URL}/{invoice.id}/pdf").status_code == 302

    def test_reads_the_credit_notes_of_it(self, heard: Callable[..., None]) -> None:
        invoice = self.bought()
        heard(refunded(invoice.order_id))
        pdf = f"{URL}/{invoice.id}/credit-notes/{CreditNote.objects.get().id}/pdf"

        assert self.by_link(invoice.order_id).get(pdf).status_code == 302
        assert self.by_link(new_id()).get(pdf).status_code == 404

    def test_reads_no_others_invoice(self, heard: Callable[..., None]) -> None:
        customers, guests = bought(new_id()), self.bought()
        for client in (self.by_link(customers.order_id), self.by_link(new_id())):
            for invoice in (customers, guests):
                assert found(client, order=invoice.order_id) == []
                for url in (f"{URL}/{invoice.id}", f"{URL}/{invoice.id}/pdf"):
                    answer: Any = client.get(url)
                    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_with_a_forged_link_is_refused(self, heard: Callable[..., None]) -> None:
        invoice = self.bought()
        answer: Any = APIClient(headers={"Order-Token": "x"}).get(f"{URL}/{invoice.id}")

        assert (answer.status_code, answer.json()["code"]) == (401, "order_token_not_valid")
