"""Pictures of products: announced, uploaded, shown or refused, moved, deleted."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from apps.products import events
from apps.products.models import Picture, Product
from apps.products.usecases.products import ProductRefusal, lock_product, tell_pictures
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

MAX_PICTURES = 12
KEPT_FOR = dt.timedelta(days=1)  # what nothing came of
Sizes = list[dict[str, Any]]


class TooManyPictures(ProductRefusal):
    """The product has as many pictures as it can have."""


class PictureNotFound(Refusal):
    """There is no such picture of this product."""

    status = 404


@transaction_required
def ask_for_picture(
    *,
    product_id: uuid.UUID,
    picture_id: uuid.UUID,
    content_type: str,
    alt_text: str,
    at: dt.datetime,
) -> Picture:
    """
    Announce a picture, as the product's last one; it is shown once it was uploaded and looked at.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises TooManyPictures:
    """
    product = lock_product(product_id=product_id)
    return _added(product, id=picture_id, content_type=content_type, alt_text=alt_text, at=at)


@transaction_required
def add_picture(*, product_id: uuid.UUID, sizes: Sizes, alt_text: str, at: dt.datetime) -> Picture:
    """
    Show a picture whose files are stored already, as the product's last one.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises TooManyPictures:
    """
    product = lock_product(product_id=product_id)
    picture = _added(product, alt_text=alt_text, at=at)
    picture.show(sizes)
    tell_pictures(product=product, at=at)
    return picture


@transaction_required
def complete_picture(*, product_id: uuid.UUID, picture_id: uuid.UUID, at: dt.datetime) -> Picture:
    """
    Wish that a picture is looked at, since its file was uploaded. Again it changes nothing.

    :raises PictureNotFound:
    """
    picture = _locked(product_id, picture_id)
    if picture.look_at():
        publish(
            events.PictureUploaded(occurred_at=at, picture_id=picture.id, product_id=product_id)
        )
    return picture


@transaction_required
def show_picture(*, picture_id: uuid.UUID, sizes: Sizes, at: dt.datetime) -> None:
    """Show a picture that was looked at, unless it was deleted meanwhile, or its product."""
    product = Product.objects.filter(pictures=picture_id, deleted_at=None).first()
    if product is None:
        return
    product = lock_product(product_id=product.id)
    if picture := _in_process(picture_id):
        picture.show(sizes)
        tell_pictures(product=product, at=at)


@transaction_required
def refuse_picture(*, picture_id: uuid.UUID, reason: str) -> None:
    """Refuse a picture that was looked at, unless it was deleted meanwhile."""
    if picture := _in_process(picture_id):
        picture.refuse(reason)


@transaction_required
def change_picture(
    *, product_id: uuid.UUID, picture_id: uuid.UUID, changes: Mapping[str, Any], at: dt.datetime
) -> Picture:
    """
    Give a picture another `alt_text`, or another `position`: the others make room.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises PictureNotFound:
    """
    product = lock_product(product_id=product_id)
    others = list(product.pictures.select_for_update().order_by("position", "id"))
    picture = next((each for each in others if each.id == picture_id), None)
    if picture is None:
        raise PictureNotFound
    before = [(each.id, each.position, each.alt_text) for each in others]
    picture.alt_text = changes.get("alt_text", picture.alt_text)
    place = changes.get("position", others.index(picture))
    others.remove(picture)
    others.insert(place, picture)
    for position, each in enumerate(others):
        each.position = position
    after = [(each.id, each.position, each.alt_text) for each in others]
    if after != before:
        Picture.objects.bulk_update(others, ["position", "alt_text"])
        tell_pictures(product=product, at=at)
    return picture


@transaction_required
def delete_picture(*, product_id: uuid.UUID, picture_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Show a picture no longer. Its files stay: other products may show the same.

    :raises ProductNotFound: if there is none, or it was deleted.
    :raises PictureNotFound:
    """
    product = lock_product(product_id=product_id)
    picture = _locked(product_id, picture_id)
    picture.delete()
    if picture.state == Picture.State.READY:
        tell_pictures(product=product, at=at)


@transaction_required
def forget_old_pictures(*, at: dt.datetime) -> None:
    """Delete pictures that were announced a day ago, and never uploaded, or refused."""
    Picture.forget_old(before=at - KEPT_FOR)


def _added(product: Product, *, at: dt.datetime, **fields: Any) -> Picture:
    others = product.pictures.exclude(state=Picture.State.REFUSED)
    if others.count() >= MAX_PICTURES:
        raise TooManyPictures(product.id, product.code)
    last = product.pictures.order_by("-position").values_list("position", flat=True).first()
    position = 0 if last is None else last + 1
    return Picture.objects.create(product=product, position=position, created_at=at, **fields)


def _locked(product_id: uuid.UUID, picture_id: uuid.UUID) -> Picture:
    living = Picture.objects.filter(product_id=product_id, product__deleted_at=None)
    picture = living.select_for_update(of=("self",)).filter(id=picture_id).first()
    if picture is None:
        raise PictureNotFound
    return picture


def _in_process(picture_id: uuid.UUID) -> Picture | None:
    waiting = Picture.objects.filter(id=picture_id, state=Picture.State.PROCESSING)
    return waiting.select_for_update().first()
