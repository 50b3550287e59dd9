"""The address book: what an account's owner keeps for the next order. No one else hears of it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import F

from apps.users.models import SavedAddress, User
from apps.users.usecases.accounts import UserNotFound
from kernel.address import Address
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required

_DEFAULTS = ("is_default_shipping", "is_default_billing")


class AddressNotFound(Refusal):
    """There is no such address in your address book."""

    status = 404


class TooManyAddresses(Refusal):
    """The address book is full: remove an address first."""

    members: ClassVar = {"most": int}


@transaction_required
def add_address(*, user_id: uuid.UUID, fields: Mapping[str, Any], at: dt.datetime) -> SavedAddress:
    """
    Keep an address; the first one is the default of both kinds, whatever is asked.

    `fields` holds `address`, and may hold `label`, `is_default_shipping`, `is_default_billing`.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises TooManyAddresses: if as many are kept as may be.
    """
    _lock_owner(user_id)
    count = SavedAddress.objects.filter(user_id=user_id).count()
    if count >= SavedAddress.MOST:
        raise TooManyAddresses(most=SavedAddress.MOST)
    saved = SavedAddress(user_id=user_id, created_at=at)
    _take(saved, {**fields, **dict.fromkeys(_DEFAULTS if count == 0 else (), True)})
    saved.save(force_insert=True)
    return saved


@transaction_required
def change_address(
    *, user_id: uuid.UUID, address_id: uuid.UUID, version: int, fields: Mapping[str, Any]
) -> SavedAddress:
    """
    Change what of an address is given; what is made the default replaces the one before it.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises AddressNotFound: if the account keeps none of this id.
    :raises PreconditionFailed: if the address has another version by now.
    """
    saved = _found(user_id, address_id, version)
    _take(saved, fields)
    saved.version += 1
    saved.save()
    return saved


@transaction_required
def remove_address(*, user_id: uuid.UUID, address_id: uuid.UUID, version: int) -> None:
    """
    Forget an address; no other becomes the default in its place.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises AddressNotFound: if the account keeps none of this id.
    :raises PreconditionFailed: if the address has another version by now.
    """
    _found(user_id, address_id, version).delete()


def _lock_owner(user_id: uuid.UUID) -> None:
    """Hold the account until the transaction ends: its addresses change one after the other."""
    owners = User.objects.select_for_update().filter(id=user_id, is_active=True)
    if not owners.values_list("id", flat=True).first():
        raise UserNotFound


def _found(user_id: uuid.UUID, address_id: uuid.UUID, version: int) -> SavedAddress:
    _lock_owner(user_id)
    saved = SavedAddress.objects.filter(id=address_id, user_id=user_id).first()
    if saved is None:
        raise AddressNotFound
    if saved.version != version:
        raise PreconditionFailed
    return saved


def _take(saved: SavedAddress, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        setattr(saved, name, value.model_dump() if isinstance(value, Address) else value)
    for name in _DEFAULTS:
        if fields.get(name):
            others = SavedAddress.objects.filter(user_id=saved.user_id, **{name: True})
            others.exclude(id=saved.id).update(**{name: False}, version=F("version") + 1)
