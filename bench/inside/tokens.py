"""Writes payments into payment_3p's books, as many as stdin says, and prints their tokens."""

from __future__ import annotations

import json
import sys

import django

django.setup()

from django.utils import timezone  # noqa: E402 -- Django must be set up before any model

from payment_3p.cards import Behaviour  # noqa: E402
from payment_3p.models import Payment  # noqa: E402

LIMIT = 10_000_000

if __name__ == "__main__":
    made = Payment.objects.bulk_create(
        Payment(
            behaviour=Behaviour.NORMAL,
            last4="4242",
            currency="EUR",
            limit=LIMIT,
            created_at=timezone.now(),
        )
        for _ in range(json.load(sys.stdin))
    )
    print(json.dumps({"tokens": [payment.token for payment in made]}))
