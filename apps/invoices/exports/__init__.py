"""Files of a month's invoices and credit notes, made while they are sent: never whole in memory."""

from __future__ import annotations

from apps.invoices.exports.answers import CSV, ZIP, csv_file, zip_file
from apps.invoices.exports.archive import DocumentDamaged, zip_of
from apps.invoices.exports.month import Month
from apps.invoices.exports.table import COLUMNS, csv_of

__all__ = [
    "COLUMNS",
    "CSV",
    "ZIP",
    "DocumentDamaged",
    "Month",
    "csv_file",
    "csv_of",
    "zip_file",
    "zip_of",
]
