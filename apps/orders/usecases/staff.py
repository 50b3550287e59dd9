"""What staff decide of prices: coupons and tax rates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django.db import IntegrityError

from apps.orders import events
from apps.orders.models import Coupon, TaxRate, amounts, is_code, normal
from kernel.bus.outbox import publish
from kernel.money import Money
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import savepoint, transaction_required

_SIMPLE = (
    "kind",
    "percent",
    "valid_from",
    "valid_until",
    "limit",
    "limit_per_customer",
    "is_active",
)


class CouponNotFound(Refusal):
    """There is no such coupon."""

    status = 404


class CouponCodeTaken(Refusal):
    """Another coupon has this code."""


class CouponValueWrong(Refusal):
    """A coupon has the value of its kind and no other: percent, an amount, or none."""

    status = 422


class CouponCurrenciesDiffer(Refusal):
    """A coupon's amount and minimum are in one currency."""

    status = 422


class CouponPeriodWrong(Refusal):
    """A coupon is valid until a time after it begins to be."""

    status = 422


class CouponLimitBelowUses(Refusal):
    """The coupon has been used more often than that: make it inactive instead."""

    members: ClassVar = {"used": int}


class TaxRateNotFound(Refusal):
    """There is no tax rate of this class in this country."""

    status = 404


@transaction_required
def create_coupon(*, code: str, values: Mapping[str, Any], at: dt.datetime) -> Coupon:
    """
    Make a coupon; its code is kept in upper case, `amount` and `minimum` are Money or None.

    :raises CouponCodeTaken, CouponValueWrong, CouponCurrenciesDiffer, CouponPeriodWrong:
    """
    coupon = Coupon(code=normal(code), valid_from=at, created_at=at, updated_at=at)
    _take(coupon, values)
    try:
        with savepoint():
            coupon.save(force_insert=True)
    except IntegrityError as error:
        if not Coupon.objects.filter(code=coupon.code).exists():
            raise
        raise CouponCodeTaken from error
    _tell_coupon(coupon, at)
    return coupon


@transaction_required
def change_coupon(
    *, code: str, version: int, changes: Mapping[str, Any], at: dt.datetime
) -> Coupon:
    """
    Give a coupon new values; orders that have used it keep what they agreed.

    :raises CouponNotFound:
    :raises PreconditionFailed: if the coupon is another version by now.
    :raises CouponValueWrong, CouponCurrenciesDiffer, CouponPeriodWrong, CouponLimitBelowUses:
    """
    coupons = Coupon.objects.select_for_update().filter(code=normal(code))
    coupon = coupons.first() if is_code(code) else None
    if coupon is None:
        raise CouponNotFound
    if coupon.version != version:
        raise PreconditionFailed
    _take(coupon, changes)
    coupon.version, coupon.updated_at = version + 1, at
    coupon.save(update_fields=[*_SIMPLE, "amount", "minimum", "currency", "version", "updated_at"])
    _tell_coupon(coupon, at)
    return coupon


@transaction_required
def set_tax_rate(
    *,
    country: str,
    tax_class: str,
    name: str,
    percent: Decimal,
    version: int | None,
    at: dt.datetime,
) -> TaxRate:
    """
    Let a country have this rate from now on; `version` is the one that it replaces, None for none.

    Orders that were placed keep the rate that they were placed with.

    :raises PreconditionFailed: if there is another version by now.
    """
    rate = TaxRate.objects.select_for_update().filter(country=country, tax_class=tax_class).first()
    if (rate.version if rate else None) != version:
        raise PreconditionFailed
    rate = rate or TaxRate(country=country, tax_class=tax_class, version=0)
    rate.name, rate.percent, rate.version = name, percent, rate.version + 1
    try:
        with savepoint():
            rate.save()
    except IntegrityError as error:  # someone else was first
        raise PreconditionFailed from error
    _tell_rate(rate, at, percent)
    return rate


@transaction_required
def drop_tax_rate(*, country: str, tax_class: str, version: int, at: dt.datetime) -> None:
    """
    Take a rate away: what is ordered from now on bears no such tax there.

    :raises TaxRateNotFound:
    :raises PreconditionFailed: if there is another version by now.
    """
    rate = TaxRate.objects.select_for_update().filter(country=country, tax_class=tax_class).first()
    if rate is None:
        raise TaxRateNotFound
    if rate.version != version:
        raise PreconditionFailed
    _tell_rate(rate, at, None)
    rate.delete()


def _take(coupon: Coupon, values: Mapping[str, Any]) -> None:
    for name in _SIMPLE:
        setattr(coupon, name, values.get(name, getattr(coupon, name)))
    amount = values.get("amount", _money(coupon.amount, coupon))
    minimum = values.get("minimum", _money(coupon.minimum or None, coupon))
    currencies = {money.currency for money in (amount, minimum) if money}
    if len(currencies) > 1:
        raise CouponCurrenciesDiffer
    coupon.amount = amount.amount if amount else None
    coupon.minimum = minimum.amount if minimum else 0
    coupon.currency = currencies.pop() if currencies else ""
    _judge(coupon)


def _money(amount: int | None, coupon: Coupon) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=coupon.currency)


def _judge(coupon: Coupon) -> None:
    given = {"percent": coupon.percent, "amount": coupon.amount or None}
    wanted = {coupon.kind} - {Coupon.Kind.FREE_DELIVERY}
    has_nought = coupon.amount is not None and not coupon.amount
    if has_nought or {name for name, value in given.items() if value is not None} != wanted:
        raise CouponValueWrong
    if coupon.valid_until and coupon.valid_until <= coupon.valid_from:
        raise CouponPeriodWrong
    if coupon.limit is not None and coupon.limit < coupon.used:
        raise CouponLimitBelowUses(used=coupon.used)


def _tell_coupon(coupon: Coupon, at: dt.datetime) -> None:
    publish(
        events.CouponChanged(
            occurred_at=at,
            coupon_id=coupon.id,
            version=coupon.version,
            code=coupon.code,
            kind=coupon.kind,
            percent=amounts.rate_text(coupon.percent),
            amount=coupon.amount,
            minimum=coupon.minimum,
            currency=coupon.currency,
            valid_from=coupon.valid_from,
            valid_until=coupon.valid_until,
            limit=coupon.limit,
            limit_per_customer=coupon.limit_per_customer,
            is_active=coupon.is_active,
        )
    )


def _tell_rate(rate: TaxRate, at: dt.datetime, percent: Decimal | None) -> None:
    publish(
        events.TaxRateChanged(
            occurred_at=at,
            tax_rate_id=rate.id,
            version=rate.version,
            country=rate.country,
            tax_class=rate.tax_class,
            tax_name=rate.name,
            percent=amounts.rate_text(percent),
        )
    )
