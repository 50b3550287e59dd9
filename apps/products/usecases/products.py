"""Products: put in the catalogue, changed, taken out."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError

from apps.products import events
from apps.products.events import ProductState
from apps.products.models import Category, Family, Product
from kernel.bus.outbox import publish
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import savepoint, transaction_required

MAX_FAMILY = 100


class ProductRefusal(Refusal):
    """
    An attempt on the catalogue is refused; its edge says so with `tell_rejection`.

    `product_id` is the product that stands in the way, or that was to be changed.
    """

    def __init__(self, product_id: uuid.UUID, product_code: str) -> None:
        super().__init__()
        self.product_id, self.product_code = product_id, product_code


class CodeTaken(ProductRefusal):
    """Another product has this code."""


class UnknownCategory(ProductRefusal):
    """There is no category with this slug."""

    status = 422


class CurrencyNotSold(ProductRefusal):
    """The shop sells in one currency, and this is another."""

    status = 422


class UnknownFamily(ProductRefusal):
    """There is no family with this id."""

    status = 422


class OptionMissing(ProductRefusal):
    """A product of a family has an attribute for each option of the family."""

    status = 422


class OptionsTaken(ProductRefusal):
    """Another product of the family has the same options."""


class FamilyFull(ProductRefusal):
    """A family has no more than a hundred products."""

    status = 422


class ProductNotFound(Refusal):
    """There is no such product."""

    status = 404


@transaction_required
def create_product(*, product_id: uuid.UUID, product: ProductState, at: dt.datetime) -> Product:
    """
    Put something new in the catalogue.

    :raises CodeTaken, UnknownCategory, CurrencyNotSold:
    :raises UnknownFamily, OptionMissing, OptionsTaken, FamilyFull:
    """
    state = _clean(product)
    created = Product(id=product_id, created_at=at, updated_at=at)
    _save(created, state)
    publish(
        events.ProductCreated(
            occurred_at=at, product_id=created.id, version=created.version, product=state
        )
    )
    return created


@transaction_required
def change_product(
    *, product_id: uuid.UUID, version: int, changes: Mapping[str, Any], at: dt.datetime
) -> Product:
    """
    Give a product new values for some fields of its `ProductState`.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises PreconditionFailed: if the product has another version by now.
    :raises CodeTaken, UnknownCategory, CurrencyNotSold:
    :raises UnknownFamily, OptionMissing, OptionsTaken, FamilyFull:
    """
    product = lock_product(product_id=product_id, version=version)
    old = product.state
    new = _clean(old.model_copy(update=dict(changes)))
    changed = tuple(f for f in ProductState.model_fields if getattr(old, f) != getattr(new, f))
    if not changed:
        return product
    product.version += 1
    product.updated_at = at
    _save(product, new)
    publish(_updated(product, old, changed, at))
    return product


@transaction_required
def delete_product(*, product_id: uuid.UUID, version: int, at: dt.datetime) -> None:
    """
    Take a product out of the catalogue for good; its code is free again.

    :raises ProductNotFound: if there is none, or it was deleted before.
    :raises PreconditionFailed: if the product has another version by now.
    """
    product = lock_product(product_id=product_id, version=version)
    product.version += 1
    product.is_active, product.deleted_at, product.updated_at = False, at, at
    product.save(update_fields=["version", "is_active", "deleted_at", "updated_at"])
    publish(events.ProductDeleted(occurred_at=at, product_id=product.id, version=product.version))


@transaction_required
def set_active(*, product_id: uuid.UUID, version: int, is_active: bool, at: dt.datetime) -> Product:
    """
    Show and sell a product, or no longer.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises PreconditionFailed: if the product has another version by now.
    """
    changes = {"is_active": is_active}
    return change_product(product_id=product_id, version=version, changes=changes, at=at)


@transaction_required
def lock_product(*, product_id: uuid.UUID, version: int | None = None) -> Product:
    """
    Return a product that nobody else changes meanwhile.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises PreconditionFailed: if the product has another version than the one that is told.
    """
    living = Product.objects.select_related("category").defer("search").filter(deleted_at=None)
    product = living.select_for_update(of=("self",)).filter(id=product_id).first()
    if product is None:
        raise ProductNotFound
    if version not in {None, product.version}:
        raise PreconditionFailed
    return product


@transaction_required
def tell_pictures(*, product: Product, at: dt.datetime) -> None:
    """Tell that a locked product is shown by other pictures than before."""
    product.version += 1
    product.updated_at = at
    product.save(update_fields=["version", "updated_at"])
    publish(_updated(product, product.state, ("pictures",), at))


@transaction_required
def tell_rejection(*, refusal: ProductRefusal, at: dt.datetime) -> None:
    """Tell of a refused attempt: in a transaction of its own, since the first was rolled back."""
    publish(
        events.ProductRejected(
            occurred_at=at,
            product_id=refusal.product_id,
            code=refusal.product_code,
            reason=refusal.code(),
        )
    )


def _clean(state: ProductState) -> ProductState:
    """Write codes in upper case and tags in lower case, without blanks, each once."""
    tags = dict.fromkeys(tag.strip().lower() for tag in state.tags)
    return state.model_copy(
        update={"code": state.code.strip().upper(), "tags": tuple(tag for tag in tags if tag)}
    )


def _save(product: Product, state: ProductState) -> None:
    if state.price.currency != settings.CURRENCY:
        raise CurrencyNotSold(product.id, state.code)
    category = Category.held(state.category)
    if category is None:
        raise UnknownCategory(product.id, state.code)
    family = _family(product, state)
    try:
        product.take(state, category, family)
    except KeyError as error:
        raise OptionMissing(product.id, state.code) from error
    try:
        with savepoint():
            product.save()
    except IntegrityError as error:
        if (refusal := _clash(product)) is None:
            raise
        raise refusal from error


def _family(product: Product, state: ProductState) -> Family | None:
    if state.family is None:
        return None
    # Locked, so that no two join it at once; what refers to it alone goes on.
    family = Family.objects.select_for_update(no_key=True).filter(id=state.family).first()
    if family is None:
        raise UnknownFamily(product.id, state.code)
    others = Product.objects.filter(family=family, deleted_at=None).exclude(id=product.id)
    if others.count() >= MAX_FAMILY:
        raise FamilyFull(product.id, state.code)
    return family


def _clash(product: Product) -> ProductRefusal | None:
    """Return the refusal that names the product in whose way this one is."""
    others = Product.objects.filter(deleted_at=None).exclude(id=product.id)
    if holder := others.filter(code=product.code).first():
        return CodeTaken(holder.id, product.code)
    siblings = others.filter(family=product.family_id, family__isnull=False)
    if holder := siblings.filter(options=product.options).first():
        return OptionsTaken(holder.id, product.code)
    return None


def _updated(
    product: Product, old: ProductState, changed: tuple[str, ...], at: dt.datetime
) -> events.ProductUpdated:
    return events.ProductUpdated(
        occurred_at=at,
        product_id=product.id,
        version=product.version,
        old=old,
        new=product.state,
        changed=changed,
    )
