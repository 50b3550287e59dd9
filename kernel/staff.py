"""What staff do in the admin, told to the audit."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping

from kernel.bus.event import Event
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.transactions import transaction_required

Values = Mapping[str, str | None]


class StaffActed(
    Event,
    name="admin.staff_acted.v1",
    subject="about_id",
    unheard="for the audit: who did what in the admin, be there another event of it or not",
):
    """
    A member of staff, whom the envelope names, did something in the admin.

    `old` and `new` are what a form showed and what was sent, of the fields in `changed`; an
    account's are not told.
    """

    about_id: uuid.UUID  # the object's id; one of its own, if that is no UUID
    action: str  # add, change, delete, or what the action is called in the code
    model: str  # app and model: delivery.zone
    object_id: str  # its id or what people call it
    changed: tuple[str, ...] = ()
    old: dict[str, str | None] = {}
    new: dict[str, str | None] = {}


@transaction_required
def tell_act(
    *,
    action: str,
    model: str,
    objects: Iterable[object],
    at: dt.datetime,
    changed: Iterable[str] = (),
    old: Values | None = None,
    new: Values | None = None,
) -> None:
    """Publish what was done to each of these objects, beside what it changed."""
    publish(
        *(
            StaffActed(
                occurred_at=at,
                about_id=_about(each),
                action=action,
                model=model,
                object_id=str(each),
                changed=tuple(changed),
                old=dict(old or {}),
                new=dict(new or {}),
            )
            for each in objects
        )
    )


def _about(key: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(key))
    except ValueError:
        return new_id()
