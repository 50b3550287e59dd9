"""
Documents as XML: Factur-X 1.0 / ZUGFeRD 2 of the profile EN 16931.

The elements are those of UN/CEFACT's Cross Industry Invoice, in the order that its schema wants;
the terms of EN 16931 that they carry (BT-1 …) stand beside those whose names don't say it.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from xml.etree import ElementTree as ET

from apps.invoices.documents.amounts import Item, by_rate, credited, delivery, goods, written
from apps.invoices.documents.words import WORDS, Tongue
from apps.invoices.models import CreditNote, Invoice, Issued

PROFILE = "urn:cen.eu:en16931:2017"
INVOICE, CREDIT_NOTE = "380", "381"  # UNTDID 1001
_PIECE = "C62"  # UN/ECE recommendation 20
_NAMESPACES = {
    "xmlns:rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "xmlns:ram": (
        "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
    ),
    "xmlns:qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    "xmlns:udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Content = ET.Element | str | None


def invoice_xml(invoice: Invoice) -> bytes | None:
    """
    Return an invoice as XML; None if its buyer was erased: the norm demands one.

    :raises AmountsDisagree: if what was sold doesn't come to its total.
    """
    sold, carriage = goods(invoice), delivery(invoice)
    return _document(invoice, INVOICE, sold, carriage, invoice)


def credit_note_xml(note: CreditNote) -> bytes | None:
    """Return a credit note as XML; None if its buyer was erased."""
    tongue = Tongue(note)
    on = tongue.day(note.invoice.issued_on)
    name = tongue.words.refund.format(number=note.invoice.number, day=on)
    nothing = Item("", "", 1, 0, 0, 0, None)
    return _document(note, CREDIT_NOTE, credited(note, name), nothing, note.invoice)


def _document(
    issued: Issued, kind: str, items: list[Item], carriage: Item, invoice: Invoice
) -> bytes | None:
    buyer = issued.buyer
    if not (buyer["country"] and (buyer["company_name"] or buyer["name"])):
        return None
    said = issued.reason if isinstance(issued, CreditNote) else issued.seller["closing_words"]
    root = _node(
        "rsm:CrossIndustryInvoice",
        _node(
            "rsm:ExchangedDocumentContext",
            _node("ram:GuidelineSpecifiedDocumentContextParameter", _node("ram:ID", PROFILE)),
        ),
        _node(
            "rsm:ExchangedDocument",
            _node("ram:ID", issued.number),
            _node("ram:TypeCode", kind),
            _node("ram:IssueDateTime", _day(issued.issued_on)),
            _node("ram:IncludedNote", _node("ram:Content", said)) if said else None,
        ),
        _node(
            "rsm:SupplyChainTradeTransaction",
            *(_line(issued, str(row), item) for row, item in enumerate(items, start=1)),
            _agreement(issued, invoice),
            _handing_over(invoice),
            _settlement(issued, items, carriage, invoice),
        ),
        **_NAMESPACES,
    )
    written_out: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return written_out


def _line(issued: Issued, row: str, item: Item) -> ET.Element:
    each = (Decimal(item.price) / item.quantity).quantize(Decimal("0.0001"))
    allowance = _node(
        "ram:SpecifiedTradeAllowanceCharge",
        _node("ram:ChargeIndicator", _node("udt:Indicator", "false")),
        _node("ram:ActualAmount", _money(issued, item.discount)),
        _node("ram:ReasonCode", "95"),  # a discount
    )
    return _node(
        "ram:IncludedSupplyChainTradeLineItem",
        _node("ram:AssociatedDocumentLineDocument", _node("ram:LineID", row)),
        _node(
            "ram:SpecifiedTradeProduct",
            _node("ram:SellerAssignedID", item.code) if item.code else None,
            _node("ram:Name", item.name or item.code),
        ),
        _node(
            "ram:SpecifiedLineTradeAgreement",
            _node(
                "ram:NetPriceProductTradePrice",
                _node("ram:ChargeAmount", written(each, issued.currency)),
            ),
        ),
        _node(
            "ram:SpecifiedLineTradeDelivery",
            _node("ram:BilledQuantity", str(item.quantity), unitCode=_PIECE),
        ),
        _node(
            "ram:SpecifiedLineTradeSettlement",
            _node("ram:ApplicableTradeTax", *_tax_of(item.rate)),
            allowance if item.discount else None,
            _node(
                "ram:SpecifiedTradeSettlementLineMonetarySummation",
                _node("ram:LineTotalAmount", _money(issued, item.net)),
            ),
        ),
    )


def _agreement(issued: Issued, invoice: Invoice) -> ET.Element:
    seller, buyer = issued.seller, issued.buyer
    numbers = [("VA", seller["vat_number"]), ("FC", seller.get("tax_number"))]
    register = seller.get("register_number")
    legal = _node("ram:SpecifiedLegalOrganization", _node("ram:ID", register)) if register else None
    person = _node("ram:DefinedTradeContact", _node("ram:PersonName", buyer["name"]))
    return _node(
        "ram:ApplicableHeaderTradeAgreement",
        _node(
            "ram:SellerTradeParty",
            _node("ram:Name", seller["name"]),
            legal,
            _address(seller),
            _email(seller["email"]),
            *(
                _node("ram:SpecifiedTaxRegistration", _node("ram:ID", value, schemeID=scheme))
                for scheme, value in numbers
                if value
            ),
        ),
        _node(
            "ram:BuyerTradeParty",
            _node("ram:Name", buyer["company_name"] or buyer["name"]),
            person if buyer["company_name"] and buyer["name"] else None,
            _address(buyer),
            _email(buyer["email"]),
        ),
        _node(
            "ram:SellerOrderReferencedDocument",
            _node("ram:IssuerAssignedID", invoice.order_number),
        ),
    )


def _handing_over(invoice: Invoice) -> ET.Element:
    if not invoice.delivered_on:
        return _node("ram:ApplicableHeaderTradeDelivery")
    event = _node("ram:OccurrenceDateTime", _day(invoice.delivered_on))
    delivered = _node("ram:ActualDeliverySupplyChainEvent", event)
    return _node("ram:ApplicableHeaderTradeDelivery", delivered)


def _settlement(issued: Issued, items: list[Item], carriage: Item, invoice: Invoice) -> ET.Element:
    parts = [*items, carriage] if carriage.price else items
    reference = _node(
        "ram:InvoiceReferencedDocument",
        _node("ram:IssuerAssignedID", invoice.number),
        _node(
            "ram:FormattedIssueDateTime",
            _node("qdt:DateTimeString", f"{invoice.issued_on:%Y%m%d}", format="102"),
        ),
    )
    return _node(
        "ram:ApplicableHeaderTradeSettlement",
        _node("ram:InvoiceCurrencyCode", issued.currency),
        *(_tax(issued, rate, *sums) for rate, sums in by_rate(parts).items()),
        *_delivery(issued, carriage),
        _sums(issued, items, carriage, parts),
        reference if isinstance(issued, CreditNote) else None,
    )


def _tax(issued: Issued, rate: str | None, net: int, amount: int) -> ET.Element:
    kind, category, percent = _tax_of(rate)
    reason = issued.seller.get("untaxed_reason") or WORDS[Tongue(issued).language].untaxed
    return _node(
        "ram:ApplicableTradeTax",
        _node("ram:CalculatedAmount", _money(issued, amount)),
        kind,
        _node("ram:ExemptionReason", reason) if rate is None else None,
        _node("ram:BasisAmount", _money(issued, net)),
        category,
        percent,
    )


def _tax_of(rate: str | None) -> tuple[ET.Element, ET.Element, ET.Element]:
    """Return kind, category (UNTDID 5305) and rate: standard, zero, or exempt."""
    category = "E" if rate is None else "S" if Decimal(rate) else "Z"
    return (
        _node("ram:TypeCode", "VAT"),
        _node("ram:CategoryCode", category),
        _node("ram:RateApplicablePercent", rate or "0"),
    )


def _delivery(issued: Issued, carriage: Item) -> list[ET.Element]:
    """Return the delivery as a charge, and what is taken off it as an allowance."""
    words = Tongue(issued).words
    found = [
        ("true", carriage.price, "FC", words.delivery),  # freight (UNTDID 7161)
        ("false", carriage.discount, "95", words.delivery),  # discount (UNTDID 5189)
    ]
    return [
        _node(
            "ram:SpecifiedTradeAllowanceCharge",
            _node("ram:ChargeIndicator", _node("udt:Indicator", is_charge)),
            _node("ram:ActualAmount", _money(issued, amount)),
            _node("ram:ReasonCode", code),
            _node("ram:Reason", reason),
            _node("ram:CategoryTradeTax", *_tax_of(carriage.rate)),
        )
        for is_charge, amount, code, reason in found
        if amount
    ]


def _sums(issued: Issued, items: list[Item], carriage: Item, parts: list[Item]) -> ET.Element:
    net, tax = sum(each.net for each in parts), sum(each.tax for each in parts)
    total = _money(issued, net + tax)
    return _node(
        "ram:SpecifiedTradeSettlementHeaderMonetarySummation",
        _node("ram:LineTotalAmount", _money(issued, sum(each.net for each in items))),
        _node("ram:ChargeTotalAmount", _money(issued, carriage.price)),
        _node("ram:AllowanceTotalAmount", _money(issued, carriage.discount)),
        _node("ram:TaxBasisTotalAmount", _money(issued, net)),
        _node("ram:TaxTotalAmount", _money(issued, tax), currencyID=issued.currency),
        _node("ram:GrandTotalAmount", total),
        _node("ram:TotalPrepaidAmount", total),
        _node("ram:DuePayableAmount", _money(issued, 0)),
    )


def _address(party: dict[str, str]) -> ET.Element:
    lines = {
        "PostcodeCode": party["post_code"],
        "LineOne": party["street_address"],
        "CityName": party["city"],
        "CountryID": party["country"],
        "CountrySubDivisionName": party.get("state", ""),
    }
    filled = [_node(f"ram:{name}", text) for name, text in lines.items() if _text(text)]
    return _node("ram:PostalTradeAddress", *filled)


def _email(address: str) -> ET.Element | None:
    if not address:
        return None
    return _node("ram:URIUniversalCommunication", _node("ram:URIID", address, schemeID="EM"))


def _day(day: dt.date) -> ET.Element:
    return _node("udt:DateTimeString", f"{day:%Y%m%d}", format="102")


def _money(issued: Issued, amount: int) -> str:
    return written(amount, issued.currency)


def _node(tag: str, *content: Content, **attributes: str) -> ET.Element:
    """Return an element of text or of others; what is None is left out."""
    element = ET.Element(tag, attributes)
    for each in content:
        if isinstance(each, str):
            element.text = _text(each)
        elif each is not None:
            element.append(each)
    return element


def _text(text: str) -> str:
    """Return what XML can say of a text; the norm wants no element without any."""
    return _NOT_IN_XML.sub("", text).strip()
