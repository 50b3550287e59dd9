"""Mails as their readers see them: pure computation, no outside world."""

from __future__ import annotations

from apps.invoices.mails.contents import Told, contents_of
from apps.invoices.mails.rendering import Written, write
from apps.invoices.mails.samples import sample
from apps.invoices.mails.words import LANGUAGES

__all__ = ["LANGUAGES", "Told", "Written", "contents_of", "sample", "write"]
