"""What somebody tried with the catalogue that can't be."""

from __future__ import annotations

from apps.products.events import ProductRejected
from kernel.bus import figures

figures.counts("DuplicateProductCodes", ProductRejected, only=("reason", "code_taken"))
