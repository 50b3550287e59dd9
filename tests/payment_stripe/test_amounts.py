from __future__ import annotations

import pytest

from apps.payment.gateway.stripe.amounts import UnusableAmount, to_stripe


@pytest.mark.parametrize(
    ("amount", "currency", "there"),
    [
        (1_250, "EUR", 1_250),  # 12.50
        (1_250, "JPY", 1_250),  # no decimals, here and there
        (1_250, "ISK", 125_000),  # none here, two there
        (1_250, "UGX", 125_000),
        (1_250, "KWD", 1_250),  # three, here and there
        (0, "EUR", 0),
    ],
)
def test_an_amount_is_counted_as_stripe_does(amount: int, currency: str, there: int) -> None:
    assert to_stripe(amount, currency) == there


def test_a_third_decimal_that_stripe_would_drop_is_refused() -> None:
    with pytest.raises(UnusableAmount):
        to_stripe(1_251, "KWD")
