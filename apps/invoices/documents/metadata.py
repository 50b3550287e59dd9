"""What a PDF says of itself in XMP: that a Factur-X document lies in it. Typst can't write that."""

from __future__ import annotations

import io

import pikepdf

ATTACHED = "factur-x.xml"  # the template attaches it by this name

_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_FACTS = {
    "DocumentFileName": (ATTACHED, "Name of the embedded XML file"),
    "DocumentType": ("INVOICE", "Type of the document: an invoice or a credit note"),
    "Version": ("1.0", "Version of the Factur-X schema"),
    "ConformanceLevel": ("EN 16931", "Profile of the embedded XML"),
}
_PROPERTIES = "".join(
    '<rdf:li rdf:parseType="Resource"><pdfaProperty:category>external</pdfaProperty:category>'
    f"<pdfaProperty:description>{meaning}</pdfaProperty:description>"
    f"<pdfaProperty:name>{name}</pdfaProperty:name>"
    "<pdfaProperty:valueType>Text</pdfaProperty:valueType></rdf:li>"
    for name, (_, meaning) in _FACTS.items()
)
_SCHEMA = (
    '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema'
    f"</pdfaSchema:schema><pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI>"
    "<pdfaSchema:prefix>fx</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>"
    f"{_PROPERTIES}</rdf:Seq></pdfaSchema:property></rdf:li>"
)
_DESCRIPTION = (
    f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">'
    + "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _FACTS.items())
    + "</rdf:Description>"
)
# Where typst's XMP ends its list of extension schemas, and where all of it ends.
_ADDITIONS = {
    "</rdf:Bag></pdfaExtension:schemas>": _SCHEMA,
    "</rdf:RDF>": _DESCRIPTION,
}


class UnknownMetadata(Exception):
    """Typst writes its XMP otherwise than it did: look where Factur-X's belongs now."""


def declare_facturx(content: bytes) -> bytes:
    """
    Return a PDF/A-3 of typst that says that Factur-X lies in it; the same for the same.

    :raises UnknownMetadata: if it is not as typst writes it.
    """
    with pikepdf.open(io.BytesIO(content)) as pdf:
        text = pdf.Root.Metadata.read_bytes().decode()
        for place, addition in _ADDITIONS.items():
            if text.count(place) != 1:
                raise UnknownMetadata(place)
            text = text.replace(place, addition + place)
        pdf.Root.Metadata.write(text.encode())
        changed = io.BytesIO()
        pdf.save(changed, deterministic_id=True)
    return changed.getvalue()
