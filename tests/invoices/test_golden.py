from __future__ import annotations

import io
import os
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from apps.invoices import documents
from tests.invoices.golden import PAPERS, difference, pages
from tests.invoices.papers import credit_note, invoice, line, terms

PICTURES = Path(__file__).parent / "golden"
IS_NEW = os.environ.get("GOLDEN") == "new"  # `make golden`
TOLERATED = 10  # points of a page; a digit has more


@pytest.mark.parametrize("name", PAPERS)
def test_a_document_looks_as_it_was_found_good(name: str) -> None:
    taken = {f"{name}-{n}.png": page for n, page in enumerate(pages(PAPERS[name]()), start=1)}
    if IS_NEW:
        for old in PICTURES.glob(f"{name}-[0-9].png"):
            old.unlink()
        for file, page in taken.items():
            page.quantize(16).save(PICTURES / file, optimize=True)

    assert {path.name for path in PICTURES.glob(f"{name}-[0-9].png")} == taken.keys()
    for file, page in taken.items():
        with Image.open(PICTURES / file) as good:
            assert difference(page, good.convert("L")) <= TOLERATED, file


def test_a_cent_more_is_seen() -> None:
    one, other = (
        next(pages(documents.invoice_pdf(invoice(terms(line(unit_price=price))))))
        for price in (4990, 4991)
    )
    assert difference(one, other) > TOLERATED


@pytest.mark.parametrize("name", PAPERS)
def test_the_same_document_has_the_same_bytes(name: str) -> None:
    assert PAPERS[name]() == PAPERS[name]()


@pytest.mark.parametrize("name", [name for name in PAPERS if name != "erased"])
def test_a_document_is_pdf_a_3_and_carries_factur_x(name: str) -> None:
    with pikepdf.open(io.BytesIO(PAPERS[name]())) as pdf:
        [intent] = pdf.Root.OutputIntents
        [file] = pdf.Root.AF
        told = pdf.open_metadata()
        fx = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
        pdfa = "{http://www.aiim.org/pdfa/ns/id/}"
        attached = pdf.attachments["factur-x.xml"]

        assert intent.S == "/GTS_PDFA1"
        assert (told[f"{pdfa}part"], told[f"{pdfa}conformance"]) == ("3", "B")
        assert {
            key: told[fx + key]
            for key in ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
        } == {
            "DocumentType": "INVOICE",
            "DocumentFileName": "factur-x.xml",
            "Version": "1.0",
            "ConformanceLevel": "EN 16931",
        }
        assert b"<pdfaSchema:prefix>fx</pdfaSchema:prefix>" in pdf.Root.Metadata.read_bytes()
        assert (file.AFRelationship, str(file.UF)) == ("/Alternative", "factur-x.xml")
        assert attached.get_file().mime_type == "text/xml"
        fonts = [page.Resources.Font.values() for page in pdf.pages]
        assert all(_is_embedded(font) for page in fonts for font in page)


def test_what_is_attached_is_the_invoice_or_the_credit_note() -> None:
    bought = invoice()
    note = credit_note(bought, 100)
    for pdf, xml in [
        (documents.invoice_pdf(bought), documents.invoice_xml(bought)),
        (documents.credit_note_pdf(note), documents.credit_note_xml(note)),
    ]:
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            assert opened.attachments["factur-x.xml"].get_file().read_bytes() == xml


def test_without_a_buyer_it_is_pdf_a_3_and_claims_no_more() -> None:
    with pikepdf.open(io.BytesIO(PAPERS["erased"]())) as pdf:
        assert "/AF" not in pdf.Root
        assert b"factur-x" not in pdf.Root.Metadata.read_bytes()
        assert pdf.open_metadata()["{http://www.aiim.org/pdfa/ns/id/}part"] == "3"


def _is_embedded(font: pikepdf.Object) -> bool:
    [descendant] = font.DescendantFonts
    return bool({"/FontFile2", "/FontFile3"} & {*descendant.FontDescriptor.keys()})
