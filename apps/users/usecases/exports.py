"""A person asks to see all that is held of them; the modules answer by events."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from apps.users import events
from apps.users.models import Export, ExportPart, SavedAddress, User
from apps.users.usecases.accounts import UserNotFound
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

PAUSE = dt.timedelta(hours=1)


class ExportNotFound(Refusal):
    """There is no such export, or it is no longer kept."""

    status = 404


class TooManyExports(Refusal):
    """An export was asked for within the hour: read that one."""

    status = 429
    members: ClassVar = {"retry_after": int}

    def __init__(self, *, retry_after: int) -> None:
        super().__init__(retry_after=retry_after)
        self.retry_after = retry_after


@transaction_required
def request_export(*, user_id: uuid.UUID, at: dt.datetime) -> Export:
    """
    Ask every module for what it holds of the account's owner.

    :raises UserNotFound: if there is no such account, or it is closed.
    :raises TooManyExports: if one was asked for within the hour.
    """
    user = User.objects.select_for_update().filter(id=user_id, is_active=True).first()
    if user is None:
        raise UserNotFound
    last = Export.objects.filter(user=user, created_at__gt=at - PAUSE).first()
    if last:
        raise TooManyExports(retry_after=int((last.created_at + PAUSE - at).total_seconds()))
    export = Export.objects.create(user=user, created_at=at, expires_at=at + Export.LIFETIME)
    note_part(export_id=export.id, module="users", part=1, parts=1, rows=[_account(user)])
    publish(events.ExportRequested(occurred_at=at, export_id=export.id, user_id=user.id))
    return export


@transaction_required
def note_part(
    *,
    export_id: uuid.UUID,
    module: str,
    part: int,
    parts: int,
    rows: Sequence[dict[str, Any]] | None,
) -> None:
    """Keep what a module said; None, since the person was erased meanwhile, is kept nowhere."""
    if rows is None or not Export.objects.select_for_update().filter(id=export_id).exists():
        return
    said = ExportPart(export_id=export_id, module=module, part=part, parts=parts, rows=list(rows))
    ExportPart.objects.bulk_create([said], ignore_conflicts=True)


@transaction_required
def forget_old_exports(*, at: dt.datetime) -> None:
    """Delete exports whose time is over."""
    Export.objects.filter(expires_at__lte=at).delete()


def _account(user: User) -> dict[str, Any]:
    verified_at, last_login = user.email_verified_at, user.last_login
    return {
        "id": str(user.id),
        "email": user.email,
        "name": user.name,
        "created_at": user.created_at.isoformat(),
        "email_verified_at": verified_at and verified_at.isoformat(),
        "last_login": last_login and last_login.isoformat(),
        "addresses": [
            {"label": saved.label, "address": saved.address}
            for saved in SavedAddress.objects.filter(user=user).order_by("id")
        ],
    }
