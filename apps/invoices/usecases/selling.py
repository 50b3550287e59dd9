"""What the seller looks like on paper."""

from __future__ import annotations

import datetime as dt

from apps.invoices.documents import Picture
from apps.invoices.models import Logo
from kernel.transactions import transaction_required


@transaction_required
def keep_logo(*, picture: Picture, at: dt.datetime) -> Logo:
    """Keep a logo, once: whatever is issued with it names it by its hash."""
    return Logo.keep(picture.content, is_svg=picture.is_svg, at=at)
