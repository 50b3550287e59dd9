from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree
from saxonche import PySaxonProcessor

from apps.invoices import documents
from apps.invoices.models import CreditNote, Invoice
from tests.invoices.papers import BUYER, SELLER, credit_note, invoice, line, terms

NORM = Path(str(files("facturx") / "xsd_and_schematron" / "facturx-en16931"))
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@functools.cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(NORM / "Factur-X_EN16931.xsd"))


@functools.cache
def rules() -> tuple[PySaxonProcessor, Any]:
    """Return the norm's business rules: its schematron, compiled. The processor must live on."""
    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    return processor, compiler.compile_stylesheet(
        stylesheet_file=str(NORM / "FACTUR-X_EN16931.xslt")
    )


def faults(xml: bytes) -> list[str]:
    """Return what the official schema and the norm's rules find wrong."""
    tree = etree.fromstring(xml)
    if not schema().validate(tree):
        return [str(error) for error in schema().error_log]
    processor, norm = rules()
    report = norm.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    found = etree.fromstring(report.encode())
    failed = [*found.iter(f"{SVRL}failed-assert"), *found.iter(f"{SVRL}successful-report")]
    return ["".join(each.itertext()).strip() for each in failed]


def told(xml: bytes, path: str) -> list[str]:
    """Return the text of each element at the end of a path."""
    steps = "/".join(step if step == "*" else f"ram:{step}" for step in path.split("/"))
    return [each.text for each in etree.fromstring(xml).iterfind(f".//{steps}", {"ram": RAM})]


def xml_of(issued: Invoice | CreditNote) -> bytes:
    is_note = isinstance(issued, CreditNote)
    xml = documents.credit_note_xml(issued) if is_note else documents.invoice_xml(issued)
    assert xml is not None
    return xml


RATES = st.sampled_from([None, "0", "5.5", "7", "19", "25"])
NAMES = st.text(min_size=1, max_size=40).filter(lambda name: bool(name.strip()))


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    quantity, price = draw(st.integers(1, 60)), draw(st.integers(0, 250_000))
    discount = draw(st.one_of(st.just(0), st.integers(0, quantity * price)))
    name = "L " + draw(NAMES)
    return line(name, quantity, price, rate=draw(RATES), discount=discount)


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    delivery = draw(st.integers(0, 3000))
    agreed = terms(
        *draw(st.lists(lines(), min_size=1, max_size=5)),
        delivery=delivery,
        delivery_discount=draw(st.one_of(st.just(0), st.integers(0, delivery))),
        delivery_rate=draw(RATES),
        is_gross=draw(st.booleans()),
    )
    company = draw(st.sampled_from(["", "Analytical Engines Ltd"]))
    email = draw(st.sampled_from(["", "ann@example.com"]))
    buyer = {**BUYER, "company_name": company, "email": email, "state": draw(st.text(max_size=9))}
    return invoice(agreed, buyer=buyer, locale=draw(st.sampled_from(["en", "de", "fr-FR", "sv"])))


@given(invoices())
@example(invoice(terms(line(unit_price=0), delivery=0)))
@example(invoice(terms(line(discount=9980), delivery=1000, delivery_discount=1000)))
@example(invoice(buyer={**BUYER, "state": "\x08"}))
@example(invoice(buyer={**BUYER, "state": " "}))
@settings(max_examples=60, deadline=None)
def test_any_invoice_meets_the_norm(issued: Invoice) -> None:
    assert faults(xml_of(issued)) == []


@given(invoices(), st.data())
@settings(max_examples=40, deadline=None)
def test_any_credit_note_meets_the_norm(issued: Invoice, data: st.DataObject) -> None:
    if issued.total > 0:
        note = credit_note(issued, data.draw(st.integers(1, issued.total)))
        assert faults(xml_of(note)) == []


def test_the_norm_is_asked_indeed() -> None:
    right = xml_of(invoice())
    assert faults(right) == []
    assert any("BR-CO-10" in each for each in faults(right.replace(b">75.84<", b">75.83<", 1)))
    assert "Expected is" in faults(right.replace(b"ram:TypeCode", b"ram:Kind"))[0]


def test_an_invoice_tells_its_amounts_without_tax() -> None:
    agreed = terms(line(discount=500), line("Book", 3, 1000, rate="5.5"), delivery_discount=200)
    xml = xml_of(invoice(agreed))

    assert told(xml, "NetPriceProductTradePrice/ChargeAmount") == ["39.920000", "9.480000"]
    assert told(xml, "SpecifiedLineTradeSettlement/*/LineTotalAmount") == ["75.84", "28.44"]
    found = {
        name: told(xml, f"SpecifiedTradeSettlementHeaderMonetarySummation/{name}")
        for name in (
            "LineTotalAmount",
            "ChargeTotalAmount",
            "AllowanceTotalAmount",
            "TaxBasisTotalAmount",
            "TaxTotalAmount",
            "GrandTotalAmount",
            "TotalPrepaidAmount",
            "DuePayableAmount",
        )
    }
    assert found == {
        "LineTotalAmount": ["104.28"],
        "ChargeTotalAmount": ["8.00"],
        "AllowanceTotalAmount": ["1.60"],
        "TaxBasisTotalAmount": ["110.68"],
        "TaxTotalAmount": ["22.12"],
        "GrandTotalAmount": ["132.80"],
        "TotalPrepaidAmount": ["132.80"],
        "DuePayableAmount": ["0.00"],
    }


def test_a_credit_note_names_its_invoice_and_what_it_consists_of() -> None:
    agreed = terms(line(), line("Book", 3, 1000, rate="5.5"), delivery=0)
    xml = xml_of(credit_note(invoice(agreed), 5000))

    assert told(xml, "InvoiceReferencedDocument/IssuerAssignedID") == ["INV-2026-000001"]
    assert (
        told(xml, "SpecifiedTradeProduct/Name")
        == ["Refund on invoice INV-2026-000001 of 2 March 2026"] * 2
    )
    assert told(xml, "ApplicableTradeTax/BasisAmount") == ["30.75", "10.96"]
    assert told(xml, "ApplicableTradeTax/CalculatedAmount") == ["7.69", "0.60"]
    assert b"<ram:TypeCode>381<" in xml


def test_what_bears_no_tax_says_why() -> None:
    xml = xml_of(invoice(terms(line(rate=None), line(rate="0"), delivery_rate=None)))

    assert told(xml, "ApplicableTradeTax/ExemptionReason") == ["No tax is charged."]
    assert told(xml, "ApplicableHeaderTradeSettlement/ApplicableTradeTax/CategoryCode") == [
        "E",
        "Z",
    ]


def test_a_seller_of_old_says_less() -> None:
    old = {"tax_number", "register_number", "iban", "bic", "untaxed_reason", "logo"}
    seller = {name: value for name, value in SELLER.items() if name not in old}
    assert faults(xml_of(invoice(terms(line(rate=None)), seller=seller))) == []


def test_without_a_buyer_there_is_no_european_invoice() -> None:
    erased = dict.fromkeys(BUYER, "")
    assert documents.invoice_xml(invoice(buyer=erased)) is None
    assert documents.invoice_pdf(invoice(buyer=erased)).startswith(b"%PDF-1.7")


@pytest.mark.parametrize("change", [{"total": 1}, {"total": 10**9}])
def test_what_does_not_add_up_is_not_issued(change: dict[str, int]) -> None:
    with pytest.raises(documents.AmountsDisagree, match="INV-2026-000001: 10480 is sold"):
        documents.invoice_pdf(invoice(**change))
