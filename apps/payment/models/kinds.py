"""What can be wished of a gateway, and which event of the state table its answer is."""

from __future__ import annotations

import dataclasses

from django.db import models


class Kind(models.TextChoices):
    """What can be wished of a gateway."""

    AUTHORIZE = "AUTHORIZE", "Authorize"
    AMEND = "AMEND", "Lower the amount held"
    CAPTURE = "CAPTURE", "Capture"
    VOID = "VOID", "Void"
    REFUND = "REFUND", "Refund"


ACCEPTED = {
    Kind.AUTHORIZE: "authorized",
    Kind.AMEND: "amended",
    Kind.CAPTURE: "captured",
    Kind.VOID: "voided",
    Kind.REFUND: "refunded",
}
REFUSED = {
    Kind.AUTHORIZE: "declined",
    Kind.AMEND: "amend_refused",
    Kind.CAPTURE: "capture_refused",
    Kind.VOID: "void_refused",
    Kind.REFUND: "refund_refused",
}


@dataclasses.dataclass(frozen=True)
class Due:
    """What the facts demand of the gateway."""

    kind: Kind
    amount: int
    reason: str = ""
