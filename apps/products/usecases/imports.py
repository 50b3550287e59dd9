"""Many products at once: each is put in the catalogue, or given its new state, by its code."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

from apps.products.events import ProductState
from apps.products.models import Product
from apps.products.usecases.products import (
    ProductRefusal,
    change_product,
    create_product,
    tell_rejection,
)
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.transactions import transaction_required


@dataclasses.dataclass
class Imported:
    """What became of a part of a file; what was refused by line and code."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: list[tuple[int, str]] = dataclasses.field(default_factory=list)


@transaction_required
def import_products(*, lines: Sequence[tuple[int, ProductState]], at: dt.datetime) -> Imported:
    """
    Put products in the catalogue; one whose code is there already takes the new state.

    A line that is refused leaves the others standing. The same lines again change nothing.
    """
    done = Imported()
    for number, state in lines:
        try:
            _put(state, at, done)
        except ProductRefusal as refusal:
            tell_rejection(refusal=refusal, at=at)
            done.refused.append((number, refusal.code()))
        except Refusal as refusal:  # someone else changed it, or deleted it, at this moment
            done.refused.append((number, refusal.code()))
    return done


def _put(state: ProductState, at: dt.datetime, done: Imported) -> None:
    living = Product.objects.filter(code=state.code.strip().upper(), deleted_at=None)
    known = living.values_list("id", "version").first()
    if known is None:
        create_product(product_id=new_id(), product=state, at=at)
        done.created += 1
        return
    product_id, version = known
    product = change_product(product_id=product_id, version=version, changes=dict(state), at=at)
    if product.version == version:
        done.unchanged += 1
    else:
        done.changed += 1
