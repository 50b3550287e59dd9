"""What staff see of invoices, imports and mails, and whom they let sell."""

from __future__ import annotations

from apps.invoices.admin import imports, mails, papers, people, selling

__all__ = ["imports", "mails", "papers", "people", "selling"]
