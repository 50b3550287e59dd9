"""`make crash`: run schedules, count what they struck, and shorten those that go wrong."""

from __future__ import annotations

import argparse
import os
import random
import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simulation.campaign import Campaign
from simulation.crew import Crew, Report, hired
from simulation.printing import print_summary, print_violation
from simulation.schedule import InvalidSchedule, Schedule
from simulation.shrink import shrink

DEFAULT_COUNT = 200
MOST_SHRUNK = 3  # further violations are printed as they are


def main() -> int:
    """Run what the command line asks for; return 1 if anything went wrong, else 0."""
    asked = _arguments()
    console = Console(highlight=False)
    with hired(asked.jobs, defect=asked.defect) as crew:
        if asked.seed and asked.n is None:
            return _replay(crew, asked.seed, console)
        seed = (
            Schedule.parse(asked.seed).seed
            if asked.seed
            else random.SystemRandom().randrange(10**6)
        )
        campaign = Campaign(seed, asked.n or DEFAULT_COUNT, asked.seconds)
        console.print(f"Schedules from seed {seed} on.")
        _run(campaign, crew, stop_early=bool(asked.defect))
        print_summary(campaign, console)
        for report in campaign.failed:
            _explain(
                crew,
                report,
                console,
                is_shrunk=not asked.no_shrink and report in campaign.failed[:MOST_SHRUNK],
            )
    return 1 if campaign.failed else 0


def _run(campaign: Campaign, crew: Crew, *, stop_early: bool) -> None:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("schedules", total=campaign.count)
        for report in crew.run_all(campaign.schedules()):
            campaign.take(report)
            done, there = campaign.coverage.total
            progress.update(
                bar,
                advance=1,
                description=f"schedules · {done} of {there} crash points"
                f" · {len(campaign.failed)} violated",
            )
            if stop_early and campaign.failed:
                campaign.count = 0


def _replay(crew: Crew, text: str, console: Console) -> int:
    """Run one schedule and print all that happened."""
    report = crew.run(text)
    console.print("\n".join(report.trace), markup=False, soft_wrap=True)
    console.print(f"{report.steps} steps, sha256 {report.digest}")
    if report.violations:
        print_violation(report, console)
    return 1 if report.violations else 0


def _explain(crew: Crew, report: Report, console: Console, *, is_shrunk: bool) -> None:
    if is_shrunk:
        shortest = shrink(
            Schedule.parse(report.schedule),
            acts=len(report.acts),
            faults=report.drawn,
            fails=lambda schedule: bool(crew.run(str(schedule)).violations),
        )
        report = crew.run(str(shortest))
    print_violation(report, console)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--n", type=int, help=f"how many schedules (default {DEFAULT_COUNT})")
    parser.add_argument("--seed", default="", help="where to begin; alone: replay this schedule")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin none after this")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4), help="workers")
    parser.add_argument("--no-shrink", action="store_true", help="print violations as they are")
    parser.add_argument("--defect", default="", help="break the shop in this way, stop when found")
    asked = parser.parse_args()
    try:
        if asked.seed:
            Schedule.parse(asked.seed)
    except InvalidSchedule as error:
        parser.error(f"{error} is no schedule. {InvalidSchedule.__doc__}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
