"""Runs measurements: one, some, or all of them, in a shop that is started for them."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.report import Report
from bench.running import RunningShop, with_running_shop

Details = Mapping[str, Any]
"""What lies behind the figures, as JSON."""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured: normally, in a hurry, and when time doesn't matter."""

    normal: int
    quick: int
    help: str
    full: int | None = None


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Something that can be measured in a running shop, once all is quiet there."""

    name: str
    title: str
    measure: Callable[..., Details]  # (shop, report, **sizes)
    sizes: Mapping[str, Size]


def main(*measurements: Measurement) -> int:
    """Do what the command line asks for; return 1 if something could not be measured."""
    asked = _parser(measurements).parse_args()
    wanted = [each for each in measurements if each.name in asked.only] or list(measurements)
    report = Report()
    failed: list[str] = []

    def work(shop: RunningShop) -> None:
        for measurement in wanted:
            sizes = _sizes(measurement, asked)
            if not _is_measured(measurement, shop, report, sizes):
                failed.append(measurement.name)

    report.say("starting a shop …")
    with_running_shop(work)
    report.table()
    for name in failed:
        report.say(f"[red]{name} could not be measured.[/]")
    return 1 if failed else 0


def _parser(measurements: Sequence[Measurement]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first impression, in two minutes")
    parser.add_argument("--full", action="store_true", help="the sizes that the targets name")
    names = [each.name for each in measurements]
    if len(names) > 1:
        parser.add_argument(
            "--only", nargs="+", choices=names, default=(), metavar="NAME", help=", ".join(names)
        )
        return parser
    parser.set_defaults(only=())
    for name, size in measurements[0].sizes.items():
        parser.add_argument(f"--{name}", type=int, help=f"{size.help} ({size.normal})")
    return parser


def _sizes(measurement: Measurement, asked: argparse.Namespace) -> dict[str, int]:
    return {
        name: getattr(asked, name, None) or _size(size, asked)
        for name, size in measurement.sizes.items()
    }


def _size(size: Size, asked: argparse.Namespace) -> int:
    if asked.quick:
        return size.quick
    return size.full if asked.full and size.full else size.normal


def _is_measured(
    measurement: Measurement, shop: RunningShop, report: Report, sizes: dict[str, int]
) -> bool:
    report.title(measurement.title)
    already = len(report.figures)
    try:
        shop.until_quiet()
        details = measurement.measure(shop, report, **sizes)
    except Exception:  # noqa: BLE001 -- the other figures are still wanted
        traceback.print_exc(file=sys.stderr)
        return False
    report.save(measurement.name, report.figures[already:], {"sizes": sizes, **details})
    return True
