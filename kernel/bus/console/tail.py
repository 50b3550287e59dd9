"""`bus tail`: a live view of the log."""

from __future__ import annotations

import argparse
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
from rich.markup import escape

from kernel.bus import history
from kernel.bus.console.arguments import moment
from kernel.bus.console.output import Output
from kernel.bus.history import Follower, Selection
from kernel.bus.models import OutboxEvent
from kernel.bus.personal import is_sealed

HELP = "Show the log as it grows."
# Between two looks at the log.
PAUSE_SECONDS = 0.5
# How far back the last events are looked for, if no index leads to them.
LOOK_BACK = 100_000
SEALED = "(sealed)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--module", help="Only events of this module, such as orders.")
    parser.add_argument("--type", metavar="GLOB", help="Only such names: 'orders.order_c*'.")
    parser.add_argument("--subject", type=uuid.UUID, help="Only events about this id.")
    parser.add_argument("--order", type=uuid.UUID, help="Only events of this order.")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--since", type=moment, help="Begin there (ISO 8601 with zone).")
    start.add_argument(
        "-n", type=int, default=20, metavar="N", help="Begin with the last N events (20)."
    )
    parser.add_argument(
        "--follow",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Go on until Ctrl-C (the default).",
    )
    parser.add_argument("--ids", action="store_true", help="Show whole ids, in a second line.")
    parser.add_argument("--payload", action="store_true", help="Show the payload as well.")


def run(console: Output, options: dict[str, Any]) -> None:
    selection = Selection(
        patterns=_patterns(options),
        since=options["since"],
        subject=options["subject"],
        order_id=options["order"],
    )
    try:
        for row in _rows(selection, options):
            _show(console, row, options)
    except KeyboardInterrupt:
        console.say("")  # the shell's prompt begins a line of its own


def _patterns(options: dict[str, Any]) -> list[str]:
    """Return the filters by name as regular expressions that PostgreSQL and Python both know."""
    patterns = [rf"^{re.escape(options['module'])}\."] if options["module"] else []
    if options["type"]:
        wanted = re.escape(options["type"]).replace(r"\*", ".*").replace(r"\?", ".")
        patterns.append(f"^{wanted}$")
    return patterns


def _rows(selection: Selection, options: dict[str, Any]) -> Iterator[OutboxEvent]:
    follower = Follower.from_now()
    for row in _first(selection, options["n"]):
        if follower.has_seen(row):  # else it has come just now, and is the follower's to read
            yield row
    while options["follow"]:
        rows = follower.read(selection)
        yield from rows
        if not rows:
            time.sleep(PAUSE_SECONDS)


def _first(selection: Selection, most: int) -> Iterator[OutboxEvent]:
    """Return all since the time that was given, or else the last few; by sequence."""
    if selection.since:
        after, upto = selection.span()
        for batch in history.batches(selection, after=after, upto=upto):
            yield from batch.rows
        return
    rows = selection.rows()
    if not selection.is_narrow:
        rows = rows.filter(sequence__gt=history.newest() - LOOK_BACK)
    yield from reversed(rows.order_by("-sequence")[:most])


def _show(console: Output, row: OutboxEvent, options: dict[str, Any]) -> None:
    if console.is_json:
        console.line(_whole(row, is_with_payload=options["payload"]))
        return
    console.say(escape(_line(row)))
    if options["ids"]:
        console.say(f"[dim]{escape(_ids(row))}[/dim]")
    if options["payload"]:
        text = orjson.dumps(_payload(row), option=orjson.OPT_INDENT_2).decode()
        console.say(f"[dim]{escape(text)}[/dim]")


def _line(row: OutboxEvent) -> str:
    about = f"order {_short(row.order_id)}" if row.order_id else f"      {_short(row.subject)}"
    at = f"{row.recorded_at:%H:%M:%S}.{row.recorded_at.microsecond // 1000:03}"
    actor = _clipped(row.actor, 26)
    return f"{at}  {row.name:<38}  {about}  {actor:<26}  {_wait(row):>9}  {_short(row.event_id)}"


def _ids(row: OutboxEvent) -> str:
    order = f" order {row.order_id}" if row.order_id else ""
    return (
        f"    event {row.event_id} subject {row.subject}{order}"
        f" request {row.correlation_id} cause {row.causation_id or 'none'}"
    )


def _short(id_: uuid.UUID) -> str:
    """Return the last eight digits: the first ones of an id tell the time, these tell it apart."""
    return id_.hex[-8:]


def _clipped(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wait(row: OutboxEvent) -> str:
    """Say how long the event waited until it was sent."""
    if row.sent_at:
        return f"{(row.sent_at - row.recorded_at).total_seconds():.3f} s"
    return "set aside" if row.set_aside else "unsent"


def _payload(row: OutboxEvent) -> dict[str, Any]:
    return {name: SEALED if is_sealed(value) else value for name, value in row.payload.items()}


def _whole(row: OutboxEvent, *, is_with_payload: bool) -> dict[str, Any]:
    whole = {
        "sequence": row.sequence,
        "event_id": row.event_id,
        "name": row.name,
        "subject": row.subject,
        "order_id": row.order_id,
        "occurred_at": row.occurred_at,
        "recorded_at": row.recorded_at,
        "sent_at": row.sent_at,
        "set_aside": row.set_aside or None,
        "actor": row.actor,
        "correlation_id": row.correlation_id,
        "causation_id": row.causation_id,
    }
    return whole | ({"payload": _payload(row)} if is_with_payload else {})
