"""Whether a coupon may be used, and that it is."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import ClassVar

from apps.orders.models import Coupon, CouponUse, Order
from kernel.money import Money
from kernel.refusals import Refusal
from kernel.transactions import transaction_required


class UnknownCoupon(Refusal):
    """There is no coupon with this code."""

    status = 422


class CouponNotYetValid(Refusal):
    """The coupon is not valid yet."""


class CouponNoLongerValid(Refusal):
    """The coupon is no longer valid."""


class CouponUsedUp(Refusal):
    """The coupon has been used as often as it can be."""


class CouponAlreadyUsed(Refusal):
    """You have used the coupon as often as you can."""


class CouponNeedsAccount(Refusal):
    """The coupon is for customers who are logged in."""


class CouponMinimumNotReached(Refusal):
    """The goods cost less than the coupon asks for."""

    members: ClassVar = {"minimum": Money}


class CouponInOtherCurrency(Refusal):
    """The coupon is for another currency."""


def find_coupon(
    *, code: str, subtotal: Money, customer_id: uuid.UUID | None, at: dt.datetime
) -> Coupon:
    """
    Return the coupon that may now be used for goods that cost so much; nothing is taken yet.

    :raises UnknownCoupon, CouponNotYetValid, CouponNoLongerValid, CouponInOtherCurrency:
    :raises CouponMinimumNotReached: with the `minimum`.
    :raises CouponUsedUp, CouponAlreadyUsed, CouponNeedsAccount:
    """
    coupon = Coupon.find(code, customer_id=customer_id)
    if coupon is None:
        raise UnknownCoupon
    _demand_validity(coupon, at)
    _demand_worth(coupon, subtotal)
    if coupon.limit is not None and coupon.used >= coupon.limit:
        raise CouponUsedUp
    if coupon.limit_per_customer is not None:
        if customer_id is None:
            raise CouponNeedsAccount
        if coupon.used_by_customer >= coupon.limit_per_customer:
            raise CouponAlreadyUsed
    return coupon


@transaction_required
def redeem(*, coupon: Coupon, order: Order, amount: int) -> None:
    """
    Take a coupon for a stored order; no limit is passed, however many try at once.

    :raises CouponUsedUp, CouponAlreadyUsed: if others were faster since it was found.
    """
    if not coupon.take():
        raise CouponUsedUp
    if coupon.limit_per_customer is not None:
        # Under the coupon's lock: nobody adds a use meanwhile, and all earlier ones are seen.
        mine = coupon.uses.filter(customer_id=order.customer_id, returned_at=None)
        if mine.count() >= coupon.limit_per_customer:
            raise CouponAlreadyUsed
    CouponUse.objects.create(
        order=order,
        coupon=coupon,
        customer_id=order.customer_id,
        amount=amount,
        used_at=order.placed_at,
    )


def _demand_validity(coupon: Coupon, at: dt.datetime) -> None:
    if at < coupon.valid_from:
        raise CouponNotYetValid
    if not coupon.is_active or (coupon.valid_until and at >= coupon.valid_until):
        raise CouponNoLongerValid


def _demand_worth(coupon: Coupon, subtotal: Money) -> None:
    if coupon.currency not in {"", subtotal.currency}:
        raise CouponInOtherCurrency
    if subtotal.amount < coupon.minimum:
        raise CouponMinimumNotReached(
            minimum={"amount": coupon.minimum, "currency": coupon.currency}
        )
