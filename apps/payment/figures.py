"""What money came and went, and whether the gateways' books say so too."""

from __future__ import annotations

from apps.payment import queries
from apps.payment.events import PaymentCaptured, PaymentRefunded, PaymentWrittenOff
from kernel.bus import figures

figures.adds_up("AmountCaptured", PaymentCaptured, "amount")
figures.adds_up("AmountRefunded", PaymentRefunded, "amount")
figures.adds_up("AmountLost", PaymentWrittenOff, "amount")


figures.is_now("PaymentDifferences")(queries.count_open_differences)
