"""`bus replay`: let one handler hear events of the log again."""

from __future__ import annotations

import argparse
import dataclasses
import uuid
from typing import Any

from django.core.management.base import CommandError
from rich.markup import escape

from kernel.bus import pruning
from kernel.bus.console.arguments import handler, moment
from kernel.bus.console.output import Output
from kernel.bus.history import Selection
from kernel.bus.replay import Replay, Tally

HELP = "Let one handler hear events of the log again."
LEFT_ALONE = (
    "{count} left alone: {handler} has taken them, and does more than fill a replica. With --force"
    " their effect happens a second time: a second refund, a second mail, a second record."
)
WARNING = "Forced: what {handler} has done before it does a second time."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--handler", type=handler, required=True, help="Its name, as in the docs.")
    parser.add_argument(
        "--since", type=moment, required=True, help="Recorded then or later (ISO 8601 with zone)."
    )
    parser.add_argument("--until", type=moment, help="Recorded before then.")
    parser.add_argument("--subject", type=uuid.UUID, help="Only events about this id.")
    parser.add_argument("--order", type=uuid.UUID, help="Only events of this order.")
    parser.add_argument(
        "--dry-run", action="store_true", help="Count what would be done, and do nothing."
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="Run what was taken or discarded too: its effect happens a second time, unless all"
        " that the handler does is to fill a replica.",
    )
    parser.add_argument("--stop-on-error", action="store_true", help="Stop at the first failure.")


def run(console: Output, options: dict[str, Any]) -> None:
    selection = Selection(
        since=options["since"],
        until=options["until"],
        subject=options["subject"],
        order_id=options["order"],
    )
    replay = Replay.of(options["handler"], selection, is_forced=options["force"])
    tally, is_whole = Tally(), True
    try:
        with pruning.kept():
            _hear(console, replay, tally, options)
    except KeyboardInterrupt:
        is_whole = False
    _tell(console, replay, tally, is_dry=options["dry_run"])
    if not is_whole:
        raise CommandError("Stopped by hand: what is counted was done.", returncode=130)
    if tally.failed:
        raise CommandError(f"{tally.failed} failed: nothing of these stays.")


def _hear(console: Output, replay: Replay, tally: Tally, options: dict[str, Any]) -> None:
    after, upto = replay.selection.span()
    with console.progress(replay.handler.name, total=upto - after) as advance:
        if options["dry_run"]:
            replay.count(tally, advance)
            return
        for _ in replay.run(tally, advance):
            if options["stop_on_error"]:
                break


def _tell(console: Output, replay: Replay, tally: Tally, *, is_dry: bool) -> None:
    if console.is_json:
        name = replay.handler.name
        console.document({"handler": name, "dry_run": is_dry, **dataclasses.asdict(tally)})
        return
    failures = [
        {**dataclasses.asdict(failure), "error": escape(failure.error)}
        for failure in tally.failures
    ]
    if failures:
        console.table("First failures", failures, ["event_id", "name", "error"], empty="none")
    counted = ("seen", "run", "again", "taken", "discarded", "failed")
    row = {name: getattr(tally, name) for name in counted}
    title = f"{replay.handler.name}{': nothing was done (--dry-run)' if is_dry else ''}"
    console.table(title, [row], counted, empty="nothing")
    if tally.taken:
        console.say(LEFT_ALONE.format(count=tally.taken, handler=replay.handler.name))
    elif tally.again and not replay.handler.is_replica:
        console.say(WARNING.format(handler=replay.handler.name))
