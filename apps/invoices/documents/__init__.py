"""Invoices and credit notes as PDF/A-3 with Factur-X inside: pure computation, no outside world."""

from __future__ import annotations

from apps.invoices.documents.amounts import AmountsDisagree, written
from apps.invoices.documents.facturx import credit_note_xml, invoice_xml
from apps.invoices.documents.logos import MAX_LOGO, LogoNotUsable, demand_logo
from apps.invoices.documents.setting import Picture, credit_note_pdf, invoice_pdf

__all__ = [
    "MAX_LOGO",
    "AmountsDisagree",
    "LogoNotUsable",
    "Picture",
    "credit_note_pdf",
    "credit_note_xml",
    "demand_logo",
    "invoice_pdf",
    "invoice_xml",
    "written",
]
