from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404, resolve

from apps.invoices import gateway
from apps.invoices.exports import COLUMNS, DocumentDamaged, Month, csv_of, zip_of
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import CreditNote, Document, Invoice, Refund, Series
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.invoices.papers import BUYER, credit_note, invoice, line, terms

URL = "/api/v1/invoices/exports"
MARCH = Month.parse("2026-03")
AT = dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)
DAY = AT.date()
FEW = terms(line(discount=500), line("Book", 1, 1060, rate="6"))


class CountingStore(FakeDocumentStore):
    """Tells how many documents were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def read(self, *, key: str) -> Iterator[bytes]:
        self.reads += 1
        yield from super().read(key=key)


@pytest.fixture
def store() -> Iterator[CountingStore]:
    counting = CountingStore()
    with gateway.installed(counting):
        yield counting


def issue(store: FakeDocumentStore, count: int, *, on: dt.date = DAY) -> list[Invoice]:
    """Issue invoices of one day, whose files are 100 kB each and stored."""
    prefix = f"INV-{on:%Y-%m-%d}"
    contents = [f"%PDF {prefix} {n}".encode().ljust(100_000, b".") for n in range(1, count + 1)]
    found = [
        invoice(
            FEW,
            series_id="INV-2026",
            position=on.toordinal() * 1000 + n,
            number=f"{prefix}-{n:06d}",
            issued_on=on,
            issued_at=AT,
            order_number=f"ORDER-{n}",
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for n, content in enumerate(contents, start=1)
    ]
    Series.objects.get_or_create(
        code="INV-2026", defaults={"last_position": count, "last_issued_on": on}
    )
    Invoice.objects.bulk_create(found)
    Document.objects.bulk_create(
        Document(invoice=each, key=f"{each.number}.pdf", stored_at=AT) for each in found
    )
    for each, content in zip(found, contents, strict=True):
        store.documents[f"{each.number}.pdf"] = content
    return found


def credit(store: FakeDocumentStore, of: Invoice, amount: int) -> CreditNote:
    content = b"%PDF credit note"
    note = credit_note(of, amount)
    note.series = Series.objects.create(code="CN-2026", last_position=1, last_issued_on=AT)
    note.position, note.issued_at = 1, AT
    note.sha256 = hashlib.sha256(content).hexdigest()
    note.refund = Refund.objects.create(
        id=new_id(), order_id=of.order_id, amount=amount, currency="EUR", refunded_at=AT
    )
    note.save(force_insert=True)
    Document.objects.create(credit_note=note, key=f"{note.sha256}.pdf", content=content)
    return note


def lines_of(parts: Iterator[bytes]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(parts).decode(), newline="")))


@pytest.mark.django_db
def test_a_month_s_table_has_a_line_for_each_rate(store: CountingStore) -> None:
    [bought] = issue(store, 1)
    note = credit(store, bought, 5000)
    issue(store, 1, on=dt.date(2026, 2, 28))
    issue(store, 1, on=dt.date(2026, 4, 1))

    common = {
        "issued_on": "2026-03-02",
        "order_number": "ORDER-1",
        "invoice_number": bought.number,
        "paid_on": "2026-03-01",
        "delivered_on": "2026-03-01",
        "buyer": "Analytical Engines Ltd",
        "country": "SE",
        "currency": "EUR",
        "tax_name": "VAT",
    }
    of_invoice = {"kind": "invoice", "number": bought.number, "sha256": bought.sha256}
    of_note = {
        "kind": "credit_note",
        "number": note.number,
        "sha256": note.sha256,
        "issued_on": "2026-03-12",
    }

    def amounts(rate: str, net: str, tax: str, gross: str) -> dict[str, str]:
        return {"tax_percent": rate, "net": net, "tax": tax, "gross": gross}

    lines = lines_of(csv_of(MARCH.documents()))
    assert tuple(lines[0]) == COLUMNS
    assert lines == [
        {**common, **of_invoice, **amounts("25", "83.84", "20.96", "104.80")},
        {**common, **of_invoice, **amounts("6", "10.00", "0.60", "10.60")},
        {**common, **of_note, **amounts("25", "-36.33", "-9.08", "-45.41")},
        {**common, **of_note, **amounts("6", "-4.33", "-0.26", "-4.59")},
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["=1+1", "+46", "-1", "@SUM", "\tx"])
def test_a_name_is_no_formula(store: CountingStore, name: str) -> None:
    Series.objects.create(code="INV-2026", last_position=1, last_issued_on=AT)
    paper = invoice(FEW, issued_at=AT, buyer={**BUYER, "company_name": name})
    paper.save(force_insert=True)

    assert {each["buyer"] for each in lines_of(csv_of(MARCH.documents()))} == {f"'{name}"}


@pytest.mark.django_db
def test_a_free_order_has_a_line_too(store: CountingStore) -> None:
    Series.objects.create(code="INV-2026", last_position=1, last_issued_on=AT)
    free = terms(line(unit_price=0, rate=None), delivery=0, delivery_rate=None)
    invoice(free, issued_at=AT).save(force_insert=True)

    [told] = lines_of(csv_of(MARCH.documents()))
    assert (told["tax_percent"], told["net"], told["tax"], told["gross"]) == (
        "",
        "0.00",
        "0.00",
        "0.00",
    )


@pytest.mark.django_db
def test_a_month_s_archive_has_every_file_and_the_table_of_them(store: CountingStore) -> None:
    papers = issue(store, 3)
    note = credit(store, papers[0], 100)  # its file is not stored yet
    content = b"".join(zip_of(MARCH.documents(), on=MARCH.first))

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = [*(f"{each.number}.pdf" for each in (*papers, note)), "invoices.csv"]
        assert archive.namelist() == names
        for paper in papers:
            assert archive.read(f"{paper.number}.pdf") == store.documents[f"{paper.number}.pdf"]
        assert archive.read(f"{note.number}.pdf") == b"%PDF credit note"
        assert archive.read("invoices.csv") == b"".join(csv_of(MARCH.documents()))


@pytest.mark.django_db
def test_a_file_that_is_not_what_was_issued_breaks_the_archive_off(store: CountingStore) -> None:
    first, second = issue(store, 2)
    store.documents[f"{second.number}.pdf"] = b"%PDF another"
    parts, sent = zip_of(MARCH.documents(), on=MARCH.first), b""
    with pytest.raises(DocumentDamaged, match=second.number):
        for part in parts:
            sent += part

    assert store.documents[f"{first.number}.pdf"] in sent
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(sent))


@pytest.mark.django_db
def test_an_archive_is_made_while_it_is_sent(store: CountingStore) -> None:
    issue(store, 250)
    parts, sent = zip_of(MARCH.documents(), on=MARCH.first), 0
    for part in parts:
        sent += len(part)
        assert len(part) < 70_000
        assert (store.reads - 1) * 100_000 <= sent

    assert (store.reads, sent > 250 * 100_000) == (250, True)


@pytest.mark.django_db
def test_a_month_is_read_in_parts_by_its_index(store: CountingStore) -> None:
    issue(store, 450)
    issue(store, 30, on=dt.date(2026, 3, 1))
    with CaptureQueriesContext(connection) as queries:
        numbers = [paper.number for paper in MARCH.documents()]

    assert (len(numbers), numbers) == (480, sorted(numbers))
    assert len(queries) == 3 + 1 + 1  # invoices, none after them, credit notes
    with connection.cursor() as cursor:
        for way in ("seqscan", "sort", "hashjoin", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(f"EXPLAIN {queries[1]['sql']}")
        plan = " ".join(row[0] for row in cursor.fetchall())
    assert "invoices_invoice_issued" in plan
    assert "Sort" not in plan


@pytest.mark.django_db
def test_a_month_is_support_s_alone(client_for: Any, anyone: Any, store: CountingStore) -> None:
    issue(store, 1)
    for kind, media_type in [("zip", "application/zip"), ("csv", "text/csv")]:
        for role in ("support", "admin"):
            answer = client_for(role).get(f"{URL}/2026-03.{kind}", headers={"Accept": media_type})
            assert (answer.status_code, answer["Content-Type"]) == (200, media_type)
            disposition = f'attachment; filename="invoices-2026-03.{kind}"'
            assert answer["Content-Disposition"] == disposition
            assert len(b"".join(answer.streaming_content)) > 100
        for client, status in [(client_for(), 403), (client_for("warehouse"), 403), (anyone, 401)]:
            refused = client.get(f"{URL}/2026-03.{kind}", headers={"Accept": media_type})
            assert (refused.status_code, refused["Content-Type"]) == (
                status,
                "application/problem+json",
            )


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "0000-01", "9999-12", "2026-3", "march"])
def test_what_is_no_month_is_nowhere(month: str) -> None:
    with pytest.raises(Resolver404):
        resolve(f"{URL}/{month}.zip")


@pytest.mark.django_db(transaction=True)
def test_hundreds_come_over_http(client_for: Any, live_server: Any, store: CountingStore) -> None:
    with transaction():
        papers = issue(store, 300)
    token = client_for("support").defaults["HTTP_AUTHORIZATION"]
    url = f"{live_server.url}{URL}/2026-03.zip"
    asked = urllib.request.Request(url, headers={"Authorization": token})
    with urllib.request.urlopen(asked) as answer:
        content = answer.read()

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 301
        table = archive.read("invoices.csv").decode().splitlines()
    assert len(table) == 1 + 2 * len(papers)
