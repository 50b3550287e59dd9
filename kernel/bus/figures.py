"""
Figures: how the business goes and how the bus is, told once a minute as CloudWatch reads them.

What adds up (orders placed, money captured) is counted in the log, each event once: up to where
is noted in the transaction that counts, and the line is written after it: who dies in between
leaves a minute out and counts none twice. What is so now (the oldest unsent event) is looked at.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Literal

import structlog
from django.conf import settings
from django.db import connection
from django.utils import timezone

from kernel import limits
from kernel.bus import health, history
from kernel.bus.event import Event
from kernel.bus.jobs import every
from kernel.bus.models import FigureTotal, Told
from kernel.transactions import transaction, transaction_required

log = structlog.get_logger(__name__)

NAMESPACE = "Shop"
DIMENSION = "Environment"
# Who writes to the log has ended by then: nothing comes any more before what is that old.
SETTLED = dt.timedelta(seconds=limits.WRITERS_SECONDS)

Unit = Literal["Count", "Seconds", "None"]
Look = Callable[[], float]


@dataclasses.dataclass(frozen=True, order=True)
class Figure:
    """One figure; its unit is one of CloudWatch's. Amounts are in minor units, which it lacks."""

    name: str
    unit: Unit


@dataclasses.dataclass(frozen=True)
class _Counted:
    """What adds up: events, or a field of theirs; those alone of which another field is so."""

    figure: Figure
    event: str
    field: str
    only: tuple[str, str]


_counted: list[_Counted] = []
_looked_at: dict[Figure, Look] = {}


def counts(name: str, event: type[Event], *, only: tuple[str, str] = ("", "")) -> None:
    """Let a figure be how many such events there were; `only` those with this field and value."""
    _counted.append(_Counted(Figure(name, "Count"), event.name, "", only))


def adds_up(name: str, event: type[Event], field: str) -> None:
    """Let a figure be the sum of a field of such events; several events may add to one figure."""
    _counted.append(_Counted(Figure(name, "None"), event.name, field, ("", "")))


def is_now(name: str, unit: Unit = "Count") -> Callable[[Look], Look]:
    """Let a figure be what the decorated function returns when it is told."""

    def register(look: Look) -> Look:
        _looked_at[Figure(name, unit)] = look
        return look

    return register


def all_figures() -> list[Figure]:
    """Return every figure, by name."""
    found = {*_looked_at, *(each.figure for each in _counted)}
    return sorted(found)


def now() -> dict[Figure, float]:
    """Return what is so now."""
    return {figure: look() for figure, look in _looked_at.items()}


@every(minutes=1)
def tell_figures() -> None:
    """Tell every figure in one line of the log."""
    at = timezone.now()
    with transaction():
        counted = count_up_to(at - SETTLED)
    log.info("figures", **embedded({**counted, **now()}, at=at))


@transaction_required
def count_up_to(until: dt.datetime) -> dict[Figure, float]:
    """Count what nobody has counted of what was recorded before; never again after this."""
    told = Told.objects.select_for_update().get()
    last = max(told.told_to, history.last_before(until))
    found = _count(told.told_to, last)
    _add(found)
    told.told_to = last
    told.save(update_fields=["told_to"])
    return found


def _count(after: int, last: int) -> dict[Figure, float]:
    rows = [(each.figure.name, each.event, each.field, *each.only) for each in _counted]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT counted.figure, sum(CASE counted.field
                WHEN '' THEN 1 ELSE (event.payload ->> counted.field)::bigint END)
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
                AS counted (figure, name, field, key, value)
            JOIN bus_outbox AS event ON event.name = counted.name
            WHERE event.sequence > %s AND event.sequence <= %s
                AND (counted.key = '' OR event.payload ->> counted.key = counted.value)
            GROUP BY counted.figure
            """,
            [*map(list, zip(*rows, strict=True)), after, last],
        )
        found = dict(cursor.fetchall())
    return {each.figure: int(found.get(each.figure.name) or 0) for each in _counted}


def _add(values: Mapping[Figure, float]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bus_figure AS kept (name, total)
            SELECT * FROM unnest(%s::text[], %s::bigint[])
            ON CONFLICT (name) DO UPDATE SET total = kept.total + excluded.total
            """,
            [[figure.name for figure in values], [*values.values()]],
        )


def totals() -> dict[Figure, int]:
    """Return what has added up since figures were first told."""
    kept = dict(FigureTotal.objects.values_list("name", "total"))
    return {each.figure: kept.get(each.figure.name, 0) for each in _counted}


def embedded(values: dict[Figure, float], *, at: dt.datetime) -> dict[str, Any]:
    """Return figures in CloudWatch's embedded metric format."""
    metrics = [{"Name": figure.name, "Unit": figure.unit} for figure in sorted(values)]
    told = {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics}
    return {
        "_aws": {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [told]},
        DIMENSION: settings.ENVIRONMENT,
        **{figure.name: value for figure, value in values.items()},
    }


@is_now("OutboxAgeSeconds", "Seconds")
def _outbox_age() -> float:
    return health.outbox(at=timezone.now()).oldest_seconds or 0


@is_now("DeadDeliveries")
def _dead() -> float:
    return sum(failed.dead for failed in health.failures())
