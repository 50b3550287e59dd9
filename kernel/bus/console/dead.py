"""`bus dead`: look at what handlers have given up; let them try again, or discard it."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from django.core.management.base import CommandError
from django.db.models import Count, QuerySet
from django.utils import timezone
from rich.markup import escape

from kernel.bus import deadletters
from kernel.bus.console.ages import ago
from kernel.bus.console.output import Output
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.personal import is_sealed
from kernel.refusals import Refusal
from kernel.transactions import transaction

HELP = "List, show, redrive or discard what handlers have given up."
BATCH = 200  # deliveries in one transaction
SEALED = "(sealed)"
_FIELDS = (
    "id", "handler", "name", "event_id", "order_id", "state", "attempts", "error",
    "first_failed_at", "updated_at",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Action:
    """What can be done with deliveries: a subcommand of `bus dead`."""

    help: str
    run: Callable[[Output, dict[str, Any]], None]
    add_arguments: Callable[[argparse.ArgumentParser], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, action in ACTIONS.items():
        chosen = actions.add_parser(name, help=action.help, description=action.help)
        # Without a default of its own: `bus dead --json list` is JSON, too.
        chosen.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="Print JSON, for machines.",
        )
        action.add_arguments(chosen)


def run(console: Output, options: dict[str, Any]) -> None:
    ACTIONS[options["action"]].run(console, options)


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--handler", help="Only of this handler.")
    parser.add_argument("--event", type=uuid.UUID, help="Only of this event's id.")
    parser.add_argument("--order", type=uuid.UUID, help="Only of this order.")
    parser.add_argument("--name", help="Only of events of this name: orders.order_placed.v1.")


def _add_failed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--failed", action="store_true", help="Also what has failed and is still being tried."
    )


def _add_list(parser: argparse.ArgumentParser) -> None:
    _add_filters(parser)
    _add_failed(parser)
    parser.add_argument("--limit", type=int, default=20, metavar="N", help="At most so many (20).")
    parser.add_argument("--before", type=int, metavar="ID", help="Go on below this number.")


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, help="The delivery's number, as `list` shows it.")


def _add_redrive(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", type=int, nargs="*", metavar="ID", help="Only of these numbers.")
    _add_filters(parser)
    parser.add_argument("--all", action="store_true", help="Everything, if nothing is named.")
    parser.add_argument("--dry-run", action="store_true", help="Say what would be done.")


def _add_discard(parser: argparse.ArgumentParser) -> None:
    _add_redrive(parser)
    _add_failed(parser)


def _wanted(options: dict[str, Any]) -> dict[str, Any]:
    """Return the filters that are given, as the model knows them."""
    filters = {
        "handler": options["handler"],
        "event_id": options["event"],
        "order_id": options["order"],
        "name": options["name"],
        "pk__in": options.get("ids"),
    }
    return {field: value for field, value in filters.items() if value}


def _chosen(options: dict[str, Any]) -> QuerySet[Delivery]:
    states = [Delivery.State.DEAD]
    if options.get("failed"):
        states.append(Delivery.State.FAILED)
    return Delivery.objects.filter(state__in=states, **_wanted(options))


def _list(console: Output, options: dict[str, Any]) -> None:
    chosen = _chosen(options).order_by("-pk")
    if options["before"]:
        chosen = chosen.filter(pk__lt=options["before"])
    rows = list(chosen.values(*_FIELDS)[: options["limit"]])
    more = chosen.count() - len(rows)
    if console.is_json:
        console.document({"deliveries": rows, "more": more})
        return
    title = "Dead and failed deliveries" if options["failed"] else "Dead deliveries"
    columns = ("id", "since", "handler", "event", "order", "attempts", "error")
    console.table(title, [_row(row) for row in rows], columns, empty="none.")
    if rows and more:
        console.say(f"{more} more: --before {rows[-1]['id']}")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    order = row["order_id"]
    return {
        "id": row["id"],
        "since": ago(row["updated_at"], at=timezone.now()),
        "handler": row["handler"],
        "event": row["name"],
        "order": order.hex[-8:] if order else None,  # as `bus tail` has it
        "attempts": row["attempts"],
        "error": escape(row["error"]),
    }


def _show(console: Output, options: dict[str, Any]) -> None:
    found = Delivery.objects.filter(pk=options["id"]).values(*_FIELDS, "traceback").first()
    if found is None:
        raise CommandError(f"There is no delivery {options['id']}.")
    event = OutboxEvent.objects.filter(event_id=found["event_id"]).values().first()
    if event:
        payload = event["payload"].items()
        event["payload"] = {n: SEALED if is_sealed(value) else value for n, value in payload}
    if console.is_json:
        console.document({**found, "event": event})
        return
    console.say(f"[bold]Delivery {found['id']}[/bold]: {found['state']}")
    for field in _FIELDS[1:]:
        console.say(f"  {field:<16} {escape(str(found[field]))}")
    console.say(escape(found["traceback"].rstrip()) or "  There is no traceback.")
    console.say("[bold]Event[/bold]" if event else "Its event isn't in the log.")
    for field, value in (event or {}).items():
        console.say(f"  {field:<16} {escape(_text(value))}")


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text.replace("\n", "\n  ")


def _redrive(console: Output, options: dict[str, Any]) -> None:
    _act(console, options, "redriven", deadletters.redrive)


def _discard(console: Output, options: dict[str, Any]) -> None:
    _act(console, options, "discarded", deadletters.discard)


def _act(console: Output, options: dict[str, Any], done: str, use_case: Callable[..., int]) -> None:
    """Call the use case for what was chosen, some in each transaction."""
    if not _wanted(options) and not options["all"]:
        raise CommandError("Say which: numbers, --handler, --event, --order, --name, or --all.")
    ids = list(_chosen(options).order_by("pk").values_list("pk", flat=True))
    if not ids:
        raise CommandError("Nothing that is chosen is dead: there is nothing to do.")
    _announce(console, options, done)
    count = 0
    if not options["dry_run"]:
        with console.progress(done, total=len(ids)) as advance:
            for batch in _batches(ids):
                count += _call(use_case, batch)
                advance(len(batch))
    if console.is_json:
        console.document({"chosen": len(ids), done: count, "dry_run": options["dry_run"]})
    elif options["dry_run"]:
        console.say(f"{len(ids)} would be {done}; nothing was done (--dry-run).")
    else:
        console.say(f"{count} of {len(ids)} {done}.")


def _announce(console: Output, options: dict[str, Any], done: str) -> None:
    if console.is_json:
        return
    groups = _chosen(options).values("handler", "name", "state", "error").annotate(n=Count("pk"))
    rows = [
        {**group, "event": group["name"], "error": escape(group["error"])}
        for group in groups.order_by("handler", "name", "state", "error")
    ]
    columns = ("n", "state", "handler", "event", "error")
    console.table(f"To be {done}", rows, columns, empty="nothing")


def _batches(ids: list[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


def _call(use_case: Callable[..., int], ids: list[int]) -> int:
    try:
        with transaction():
            return use_case(delivery_ids=ids, at=timezone.now())
    except Refusal:  # somebody else has been at them meanwhile
        return 0


ACTIONS = {
    "list": Action("List what is dead, the newest first.", _list, _add_list),
    "show": Action("Show one delivery with its event and its error.", _show, _add_show),
    "redrive": Action("Let handlers try again what is dead.", _redrive, _add_redrive),
    "discard": Action("Give up for good what is dead.", _discard, _add_discard),
}
