"""Invoices and credit notes, what is remembered until they are due, and imported ones."""

from __future__ import annotations

from apps.invoices.models.billing import Billing
from apps.invoices.models.imported import (
    MAX_NUMBER,
    EndedLine,
    ImportedInvoice,
    ImportLine,
    NewInvoice,
)
from apps.invoices.models.imports import (
    IMPORT,
    PREFIX,
    Import,
    Outcome,
    Position,
    UploadNotice,
    import_id_of,
)
from apps.invoices.models.issued import (
    CreditExceedsInvoice,
    CreditNote,
    Document,
    Invoice,
    Issued,
    Refund,
)
from apps.invoices.models.mails import MAIL, BouncedAddress, Correspondence, Mail
from apps.invoices.models.people import KnownUser
from apps.invoices.models.selling import Language, Logo, Seller, SellerText, Series
from apps.invoices.models.shares import TaxLines

__all__ = [
    "IMPORT",
    "MAIL",
    "MAX_NUMBER",
    "PREFIX",
    "Billing",
    "BouncedAddress",
    "Correspondence",
    "CreditExceedsInvoice",
    "CreditNote",
    "Document",
    "EndedLine",
    "Import",
    "ImportLine",
    "ImportedInvoice",
    "Invoice",
    "Issued",
    "KnownUser",
    "Language",
    "Logo",
    "Mail",
    "NewInvoice",
    "Outcome",
    "Position",
    "Refund",
    "Seller",
    "SellerText",
    "Series",
    "TaxLines",
    "UploadNotice",
    "import_id_of",
]
