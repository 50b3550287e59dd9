"""Families: what products that differ by options have in common."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

from apps.products.models import Family
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required


class FamilyNotFound(Refusal):
    """There is no such family."""

    status = 404


@transaction_required
def create_family(
    *, family_id: uuid.UUID, name: str, description: str, options: Sequence[str], at: dt.datetime
) -> Family:
    """Make a family; `options` names the attributes that will tell its products apart."""
    return Family.objects.create(
        id=family_id,
        name=name,
        description=description,
        options=list(options),
        created_at=at,
        updated_at=at,
    )


@transaction_required
def change_family(
    *, family_id: uuid.UUID, version: int, changes: Mapping[str, str], at: dt.datetime
) -> Family:
    """
    Give a family another `name` or `description`.

    :raises FamilyNotFound:
    :raises PreconditionFailed: if the family has another version by now.
    """
    family = Family.objects.select_for_update(no_key=True).filter(id=family_id).first()
    if family is None:
        raise FamilyNotFound
    if family.version != version:
        raise PreconditionFailed
    name = changes.get("name", family.name)
    description = changes.get("description", family.description)
    if (name, description) != (family.name, family.description):
        family.name, family.description = name, description
        family.version, family.updated_at = family.version + 1, at
        family.save(update_fields=["name", "description", "version", "updated_at"])
    return family
