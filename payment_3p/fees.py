"""What the third party keeps of a capture: a share of it, and something for the trouble."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from payment_3p import settings


def fee_of(amount: int) -> int:
    """Return the fee of a capture, in the same minor units; of nothing there is none."""
    if not amount:
        return 0
    share = Decimal(amount) * settings.PAYMENT_3P_FEE_PERCENT / 100
    return int(share.quantize(Decimal(1), ROUND_HALF_UP)) + settings.PAYMENT_3P_FEE_FIXED
