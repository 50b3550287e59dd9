"""`bus prune`: delete what is old from the log, with its marks."""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from kernel import limits
from kernel.bus import pruning
from kernel.bus.console.output import Output
from kernel.bus.pruning import GOES, LogInUse

HELP = "Delete what is old from the log, with its marks, some at a time."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    kept = f"{settings.LOG_RETENTION.days} days" if settings.LOG_RETENTION else "all, so say it"
    parser.add_argument(
        "--days",
        type=_days,
        metavar="N",
        help=f"Keep so many days, at least {limits.LOG_DAYS} (the setting keeps {kept}).",
    )
    parser.add_argument("--dry-run", action="store_true", help="Count, and delete nothing.")


def _days(text: str) -> int:
    days = int(text)
    if days < limits.LOG_DAYS:
        raise argparse.ArgumentTypeError(
            f"copies of younger events may be under way: at least {limits.LOG_DAYS}."
        )
    return days


def run(console: Output, options: dict[str, Any]) -> None:
    at, days = timezone.now(), options["days"] or settings.LOG_RETENTION.days
    if not days:
        raise CommandError("The setting keeps the log for ever: say --days.")
    before = at - dt.timedelta(days=days)
    look = pruning.count_span if options["dry_run"] else pruning.prune_span
    fates: Counter[str] = Counter()
    is_whole = True
    after, end = pruning.stretch(before=before, at=at)
    try:
        with console.progress("events", total=end - after) as advance:
            for span in pruning.spans(look, before=before, at=at):
                fates += span.fates
                advance(span.upto - after)
                after = span.upto
                time.sleep(0 if options["dry_run"] else pruning.PAUSE_SECONDS)
    except KeyboardInterrupt:
        is_whole = False
    except LogInUse:
        raise CommandError("A replay or another prune is running: try again later.") from None
    _tell(console, fates, before, is_dry=options["dry_run"])
    if not is_whole:
        raise CommandError("Stopped by hand: what is counted was done.", returncode=130)


def _tell(console: Output, fates: Counter[str], before: dt.datetime, *, is_dry: bool) -> None:
    gone, stays = fates[GOES], {fate: n for fate, n in fates.items() if fate != GOES and n}
    if console.is_json:
        console.document({"before": before, "dry_run": is_dry, "gone": gone, "stays": stays})
        return
    what = "would go; nothing was done (--dry-run)" if is_dry else "have gone, with their marks"
    console.say(f"{gone:,} events from before {before:%Y-%m-%d %H:%M} UTC {what}.")
    if stays:
        reasons = ", ".join(f"{n:,} {fate}" for fate, n in sorted(stays.items()))
        console.say(f"{sum(stays.values()):,} that were looked at stay: {reasons}.")
