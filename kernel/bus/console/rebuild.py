"""`bus rebuild`: fill a replica anew from the log, compare, and mend it."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError
from rich.markup import escape

from kernel.bus import history
from kernel.bus.console.arguments import near
from kernel.bus.console.output import Output, Row
from kernel.bus.history import LogBusy
from kernel.bus.rebuild import Findings, Rebuild, RebuildFailed
from kernel.bus.replicas import Replica, replicas
from kernel.bus.shadow import Difference

HELP = "Fill a replica anew from the log, compare, and mend what differs; without a name, list."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("replica", nargs="?", help="Such as orders.CatalogueItem.")
    parser.add_argument("--dry-run", action="store_true", help="Compare, and change nothing.")
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="Tell the first N rows that differ."
    )
    parser.add_argument(
        "--values", action="store_true", help="Tell the values too: they may be personal."
    )


def run(console: Output, options: dict[str, Any]) -> None:
    if options["replica"] is None:
        _list(console)
        return
    replica = _find(options["replica"])
    rebuild = Rebuild(replica, shown=options["show"])
    try:
        with console.progress(replica.name, total=history.newest()) as advance:
            work = rebuild.compare if options["dry_run"] else rebuild.mend
            findings = work(advance)
    except (RebuildFailed, LogBusy) as error:
        raise CommandError(f"{error} Nothing was changed.") from error
    except KeyboardInterrupt as stop:
        raise CommandError("Stopped by hand. Nothing was changed.", returncode=130) from stop
    tell = _tell_machine if console.is_json else _tell_person
    tell(console, replica, findings, options)


def _find(name: str) -> Replica:
    known = {replica.name: replica for replica in replicas()}
    if name not in known:
        raise CommandError(f"No replica is called {name!r}.{near(name, list(known))}")
    return known[name]


def _list(console: Output) -> None:
    rows: list[dict[str, Any]] = [
        {
            "replica": replica.name,
            "rows": replica.size(),
            "handlers": [handler.name for handler in replica.handlers],
        }
        for replica in replicas()
    ]
    if console.is_json:
        console.document(rows)
        return
    lines = [{**row, "handlers": "\n".join(row["handlers"])} for row in rows]
    console.table("Replicas", lines, ["replica", "rows", "handlers"], empty="none is declared")


def _tell_machine(
    console: Output, replica: Replica, findings: Findings, options: dict[str, Any]
) -> None:
    differences = [
        dataclasses.asdict(difference)
        if options["values"]
        else {"kind": difference.kind, "key": difference.key, "columns": [*difference.known]}
        for difference in findings.differences
    ]
    console.document(
        {
            "replica": replica.name,
            "dry_run": options["dry_run"],
            "events": findings.events,
            "waiting": findings.waiting,
            **dataclasses.asdict(findings.counts),
            "differences": differences,
        }
    )


def _tell_person(
    console: Output, replica: Replica, findings: Findings, options: dict[str, Any]
) -> None:
    columns = ["kind", "key", "column", *(["replica", "log"] if options["values"] else [])]
    lines = [line for found in findings.differences for line in _lines(found)]
    if lines:
        console.table("First differences", lines, columns, empty="none")
    counts = findings.counts
    console.say(f"{replica.name}: {findings.events} events, {counts.rows} rows in the log.")
    if findings.waiting:
        console.say(
            f"{findings.waiting} of the events are not yet taken by their handler; what they change"
            " counts as a difference, and is no harm when they come."
        )
    if findings.is_equal:
        console.say("No differences.")
        return
    verdict = "Nothing was changed (--dry-run)." if options["dry_run"] else "Mended."
    console.say(
        f"{counts.missing} missing, {counts.surplus} surplus, {counts.different} different."
        f" {verdict}"
    )


def _lines(difference: Difference) -> Iterator[Row]:
    """Return a line for each column of a row that both have, else one for the row."""
    row = {"kind": difference.kind, "key": difference.key}
    if difference.kind != "different":
        yield {**row, "column": "(the row)"}
        return
    for column, known in difference.known.items():
        log = difference.told[column]
        yield {**row, "column": column, "replica": escape(f"{known}"), "log": escape(f"{log}")}
        row = {}
