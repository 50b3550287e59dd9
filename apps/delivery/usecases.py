"""Everything that delivery can be asked to do."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings

from apps.delivery import events
from apps.delivery.models import ErasedPerson, Product, Shipment, Zone, boxes_for
from kernel.address import Address
from kernel.bus.outbox import publish, publish_in_parts
from kernel.money import Money
from kernel.refusals import Refusal
from kernel.signing import sign
from kernel.transactions import transaction_required

MAX_BOXES = 10_000
PART = 50  # shipments in one event: it must fit into one message
QUOTE_PURPOSE = "delivery-quote"


class UnknownProduct(Refusal):
    """Some of these products are not for sale."""

    status = 422
    members: ClassVar = {"products": list[uuid.UUID]}


class CountryNotServed(Refusal):
    """We do not deliver to this country."""

    status = 422
    members: ClassVar = {"country": str}


class TooMuchToDeliver(Refusal):
    """So much can't be sent with one order."""

    status = 422


@dataclasses.dataclass(frozen=True)
class Quote:
    """A price for sending something: `text` is signed, for `POST /orders`."""

    text: str
    price: Money
    expires_at: dt.datetime


@transaction_required
def quote_delivery(
    *, lines: Iterable[tuple[uuid.UUID, int]], country: str, at: dt.datetime
) -> Quote:
    """
    Price the delivery of lines, (product, quantity), to a country.

    The price is the fee of the country's zone for each box; see `boxes_for`. The quote is signed
    and bound to the country and to the lines, summed per product and sorted.

    :raises UnknownProduct: naming those that aren't in the catalogue.
    :raises CountryNotServed: if the country lies in no zone.
    :raises TooMuchToDeliver: for more than 10,000 boxes.
    """
    wanted: Counter[uuid.UUID] = Counter()
    for product_id, quantity in lines:
        wanted[product_id] += quantity
    boxes = _boxes_of(wanted)
    zone = Zone.of_country(country)
    if zone is None:
        raise CountryNotServed(country=country)
    price = Money(amount=boxes * zone.fee_per_box, currency=zone.currency)
    expires_at = at + settings.QUOTE_LIFETIME
    value = {
        "country": country,
        "lines": [[str(product_id), wanted[product_id]] for product_id in sorted(wanted)],
        "amount": price.amount,
        "currency": price.currency,
    }
    text = sign(value, purpose=QUOTE_PURPOSE, expires_at=expires_at)
    return Quote(text=text, price=price, expires_at=expires_at)


@transaction_required
def remember_product(
    *, product_id: uuid.UUID, version: int, code: str, size: tuple[int, int, int], weight: int
) -> None:
    """Take over a product's package: width, length and height in millimetres, weight in grams."""
    Product.remember(product_id=product_id, version=version, code=code, size=size, weight=weight)


@transaction_required
def forget_product(*, product_id: uuid.UUID, version: int) -> None:
    """Note that a product is gone from the catalogue."""
    Product.forget(product_id=product_id, version=version)


@transaction_required
def note_address(
    *,
    order_id: uuid.UUID,
    person_id: uuid.UUID,
    version: int,
    address: Address | None,
    at: dt.datetime,
) -> None:
    """Remember where an order goes, as of this version of it; nothing changes what was sent."""
    shipment = Shipment.of_order(order_id, at=at)
    shipment.note_address(address, person_id=person_id, version=version, at=at)


@transaction_required
def change_address(
    *,
    order_id: uuid.UUID,
    person_id: uuid.UUID,
    version: int,
    address: Address | None,
    at: dt.datetime,
) -> None:
    """Send an order elsewhere, or say that it was sent already, and where to."""
    shipment = Shipment.of_order(order_id, at=at)
    if shipment.change_address(address, person_id=person_id, version=version, at=at):
        publish(
            events.AddressChangeRefused(
                occurred_at=at,
                order_id=order_id,
                person_id=person_id,
                shipped_to=shipment.shipped_to,
            )
        )


@transaction_required
def forget_person(*, person_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Forget where an erased person's packages went; one under way keeps it until it ends.

    Each shipment is locked after the erasure was noted: one that ends meanwhile either is seen
    here as ended, or sees the note.
    """
    ErasedPerson.remember(person_id, at=at)
    shipments = Shipment.objects.filter(person_id=person_id, address__isnull=False)
    for shipment in shipments.select_for_update().order_by("id"):
        if shipment.has_ended:
            shipment.forget_address()


@transaction_required
def receive_package(
    *, order_id: uuid.UUID, lines: Iterable[tuple[uuid.UUID, int]], at: dt.datetime
) -> None:
    """Take a package, or stop it at once if someone asked to cancel before it came."""
    shipment = Shipment.of_order(order_id, at=at)
    package = [{"product_id": str(key), "quantity": quantity} for key, quantity in lines]
    if not shipment.receive(package, at=at):
        return
    if shipment.cancel_asked_at and shipment.stop(at=at):
        publish(events.ShipmentCancelled(occurred_at=at, order_id=order_id))
        return
    publish(
        events.ShipmentCreated(
            occurred_at=at,
            order_id=order_id,
            shipment_id=shipment.id,
            tracking_number=shipment.tracking_number or "",
        )
    )


@transaction_required
def stop_shipment(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """Stop what waits to be sent and say so; before the package, remember; once sent, silence."""
    if Shipment.of_order(order_id, at=at).stop(at=at):
        publish(events.ShipmentCancelled(occurred_at=at, order_id=order_id))


@transaction_required
def cancel_order(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """End with a cancelled order: nothing of it is sent from now on."""
    Shipment.of_order(order_id, at=at).close("cancelled", at=at)


@transaction_required
def fail_order(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """End with a failed order: nothing of it is sent from now on."""
    Shipment.of_order(order_id, at=at).close("failed", at=at)


@transaction_required
def start_shipment(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Send a package.

    :raises UnknownShipment: if no such order is packed.
    :raises ShipmentNotAllowed: unless it is new.
    :raises AddressMissing: if no one knows where to.
    """
    shipment = Shipment.for_staff(order_id)
    shipment.start(at=at)
    publish(
        events.ShipmentStarted(
            occurred_at=at,
            order_id=order_id,
            shipment_id=shipment.id,
            person_id=shipment.person_id,
            tracking_number=shipment.tracking_number,
            address=shipment.shipped_to,
        )
    )


@transaction_required
def complete_shipment(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Note that a package has arrived.

    :raises UnknownShipment: if no such order is packed.
    :raises ShipmentNotAllowed: unless it is on its way.
    """
    Shipment.for_staff(order_id).complete(at=at)
    publish(events.DeliveryCompleted(occurred_at=at, order_id=order_id))


@transaction_required
def fail_shipment(*, order_id: uuid.UUID, reason: str, at: dt.datetime) -> None:
    """
    Note that a package could not be delivered and comes back.

    :raises UnknownShipment: if no such order is packed.
    :raises ShipmentNotAllowed: unless it is on its way.
    """
    Shipment.for_staff(order_id).fail(reason=reason, at=at)
    publish(events.DeliveryFailed(occurred_at=at, order_id=order_id, reason=reason))


@transaction_required
def gather_personal_data(*, export_id: uuid.UUID, person_id: uuid.UUID, at: dt.datetime) -> None:
    """Say all shipments of a person, in parts; one empty part if there are none."""
    rows = [
        _row(shipment) for shipment in Shipment.objects.filter(person_id=person_id).order_by("id")
    ]
    publish_in_parts(
        events.PersonalDataGathered,
        rows=rows,
        size=PART,
        occurred_at=at,
        export_id=export_id,
        person_id=person_id,
    )


def _row(shipment: Shipment) -> dict[str, Any]:
    return {
        "order_id": str(shipment.order_id),
        "state": shipment.state,
        "tracking_number": shipment.tracking_number,
        "address": shipment.address,
    }


def _boxes_of(wanted: Counter[uuid.UUID]) -> int:
    products = {row.id: row for row in Product.objects.filter(id__in=wanted, is_deleted=False)}
    if unknown := sorted(wanted.keys() - products.keys()):
        raise UnknownProduct(products=[str(product_id) for product_id in unknown])
    volume = sum(
        products[key].width * products[key].length * products[key].height * quantity
        for key, quantity in wanted.items()
    )
    weight = sum(products[key].weight * quantity for key, quantity in wanted.items())
    if (boxes := boxes_for(volume, weight)) > MAX_BOXES:
        raise TooMuchToDeliver
    return boxes
