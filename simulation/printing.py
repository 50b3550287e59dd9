"""What a person reads of a campaign: tables of faults and crash points, and violations."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simulation.campaign import Campaign
from simulation.crew import Report


def print_summary(campaign: Campaign, console: Console) -> None:
    """Print how many schedules ran, what was injected, and where processes died."""
    console.print(_faults(campaign))
    console.print(_points(campaign))
    done, there = campaign.coverage.total
    seconds = campaign.elapsed
    console.print(
        f"{campaign.reports} schedules, {campaign.steps} steps, {campaign.waits} waits for locks"
        f" in {seconds:.1f} s ({campaign.reports / seconds:.1f} schedules a second)."
    )
    console.print(f"Processes died at {done} of {there} crash points: {_percent(done, there)}.")
    verdict = "[bold red]" if campaign.failed else "[green]"
    console.print(f"{verdict}{len(campaign.failed)} schedules violated an invariant.")


def print_violation(report: Report, console: Console) -> None:
    """Print what doesn't hold, the schedule that led there, and how to see it again."""
    console.print(f"\n[bold red]Violated[/] by {escape(report.schedule)}")
    for sentence in report.violations:
        console.print(f"  ✗ {sentence}", markup=False)
    console.print("Acts:")
    for act in report.acts:
        console.print(f"  {act}", markup=False)
    console.print("Faults:")
    for kind, text, struck in report.faults:
        console.print(f"  {text}" + ("" if kind == "kill" else f" ({struck})"), markup=False)
    console.print(f"Again: make crash SEED='{report.schedule}'", markup=False, soft_wrap=True)


def _faults(campaign: Campaign) -> Table:
    table = Table("fault", "injected", box=None, title="Faults", title_justify="left")
    table.columns[1].justify = "right"
    for kind, count in sorted(campaign.faults.items()):
        table.add_row(kind, str(count))
    return table


def _points(campaign: Campaign) -> Table:
    table = Table("handler or edge", "died at", "points", "", box=None, title="Crash points")
    table.title_justify = "left"
    for column in table.columns[1:]:
        column.justify = "right"
    for edge, (done, there) in campaign.coverage.by_edge().items():
        table.add_row(edge, str(done), str(there), _percent(done, there))
    return table


def _percent(done: int, there: int) -> str:
    return f"{100 * done / there:.0f} %" if there else "-"
