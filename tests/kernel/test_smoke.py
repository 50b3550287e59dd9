from __future__ import annotations

import datetime as dt

import pytest

from apps.warehouse.events import StockReserved
from kernel.bus.outbox import publish
from kernel.bus.testing import published, run_until_quiet
from kernel.ids import new_id
from kernel.transactions import TransactionMissing, transaction

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.mark.django_db
def test_publish_outside_a_transaction_is_refused() -> None:
    event = StockReserved(occurred_at=NOON, order_id=new_id(), lines=())
    with pytest.raises(TransactionMissing):
        publish(event)
    assert published() == []
    with transaction():
        publish(event)
    assert published() == [event]
    run_until_quiet()
