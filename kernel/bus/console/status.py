"""`bus status`: what waits where, for how long, and what has failed."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from django.utils import timezone
from rich.markup import escape

from kernel.bus import health
from kernel.bus.console.ages import age, ago
from kernel.bus.console.output import Output

HELP = "Show what waits where, for how long, and what has failed."
# The watchdog comes once a minute: so far behind it is between two looks.
USUAL_LAG_SECONDS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(console: Output, options: dict[str, Any]) -> None:
    at = timezone.now()
    queues, sqs_error = health.queues(at=at)
    outbox, failures = health.outbox(at=at), health.failures()
    watchdog = health.watchdog(at=at)
    if console.is_json:
        console.document(
            {
                "queues": queues,
                "sqs_error": sqs_error or None,
                "outbox": outbox,
                "failures": failures,
                "watchdog": watchdog,
            }
        )
        return
    _tell_queues(console, queues, sqs_error)
    _tell_outbox(console, outbox)
    _tell_failures(console, failures)
    _tell_watchdog(console, watchdog)


def _tell_queues(console: Output, queues: list[health.Queue], error: str) -> None:
    rows = [{**dataclasses.asdict(queue), "oldest": age(queue.oldest_seconds)} for queue in queues]
    columns = ("queue", "waiting", "in_flight", "oldest", "dead", "letters")
    console.table("Queues", rows, columns, empty="none")
    if error:
        console.say(f"[red]SQS did not answer in full:[/red] {escape(error)}")
    if strange := sum(queue.letters or 0 for queue in queues):
        console.say(
            f"{strange} dead letters are still in their queues: new ones for a minute, strange"
            " ones until someone looks (the log says which)."
        )
    console.say("")


def _tell_outbox(console: Output, outbox: health.Outbox) -> None:
    if outbox.unsent:
        oldest = age(outbox.oldest_seconds)
        console.say(f"[bold]Outbox[/bold]: {outbox.unsent} unsent, the oldest for {oldest}.")
    else:
        console.say("[bold]Outbox[/bold]: all is sent.")
    if outbox.set_aside:
        console.say(f"[red]{outbox.set_aside} set aside:[/red] they can't be sent; see the admin.")
    console.say("")


def _tell_failures(console: Output, failures: list[health.Failures]) -> None:
    at = timezone.now()
    rows = [
        {
            "handler": each.handler,
            "failed": each.failed,
            "dead": each.dead,
            "last": f"{ago(each.last_at, at=at)} ago",
            "last_error": escape(each.last_error),
        }
        for each in failures
    ]
    columns = ("handler", "failed", "dead", "last", "last_error")
    console.table("[bold]Failures[/bold]", rows, columns, empty="none.")
    if any(each.dead for each in failures):
        console.say("What is dead waits for you: bus dead list, then redrive or discard.")
    console.say("")


def _tell_watchdog(console: Output, watchdog: health.Watchdog) -> None:
    if watchdog.lag_seconds > USUAL_LAG_SECONDS:
        behind = f"{age(watchdog.lag_seconds)} behind, at {watchdog.handler}"
        console.say(f"[bold]Watchdog[/bold]: {behind}.")
    else:
        console.say("[bold]Watchdog[/bold]: up to date.")
    if watchdog.unsubscribed:
        names = ", ".join(watchdog.unsubscribed)
        console.say(f"[red]Not watched until `manage.py migrate` has run:[/red] {names}.")
