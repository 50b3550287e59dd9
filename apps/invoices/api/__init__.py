"""REST: invoices and their documents, and imports of a legacy system's."""

from __future__ import annotations
