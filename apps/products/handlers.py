"""What products does when the others speak, and when it has changed something itself."""

from __future__ import annotations

from django.utils import timezone

from apps.products import gateway, queries, usecases
from apps.products.events import PictureUploaded, ProductCreated, ProductUpdated
from apps.warehouse.events import StockLevelChanged
from kernel.bus.inbox import Answered
from kernel.bus.subscriptions import handles


@handles(StockLevelChanged, replica="Availability")
def note_stock_level(event: StockLevelChanged) -> None:
    """Remember what is free, to show what can be had."""
    usecases.note_stock_level(product_id=event.product_id, version=event.version, free=event.free)


@handles(ProductCreated)
def learn_words(event: ProductCreated) -> None:
    """Know the words of its name, to mend a slip in a search."""
    usecases.learn_words(name=event.product.name)


@handles(ProductUpdated)
def learn_new_words(event: ProductUpdated) -> None:
    """Know the words of its new name."""
    if "name" in event.changed:
        usecases.learn_words(name=event.new.name)


@handles(PictureUploaded, outside=True)
def take_picture(event: PictureUploaded, answered: Answered) -> None:
    """Look at what was uploaded, and show it in its sizes, or say what is wrong with it."""
    picture = queries.waiting_picture(event.picture_id)
    if picture is None:  # deleted meanwhile
        with answered():
            return
    try:
        sizes = gateway.take(picture.upload_key, picture.content_type)
    except gateway.UnfitPicture as refusal:
        with answered():
            usecases.refuse_picture(picture_id=picture.id, reason=refusal.code())
    else:
        with answered():
            usecases.show_picture(picture_id=picture.id, sizes=sizes, at=timezone.now())
    # The last of all: who dies before begins anew with what was uploaded.
    gateway.uploads().forget(picture.upload_key)
