"""`make chaos`: hurt a shop under load, and see whether it keeps what it promised."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from chaos.report import Report
from chaos.run import Run, Unknown
from chaos.threads import Threads
from dev import ROOT
from dev.plan import Plan, free_port
from dev.run import Start
from dev.shop import Shop
from dev.supervisor import Failed, NeverReady, Stopped, Supervisor

RESULTS = ROOT / "bench" / "results"
LOG = RESULTS / "chaos.log"
INTERRUPTED = 130
LONGEST_SECONDS = 24 * 3600.0
# What keeps a run short: a lost message is missed soon, and the warehouse alone says what is
# short. A few customers ask as often as thousands would: they aren't counted.
SETTINGS = {"LOG_LEVEL": "WARNING", "UNHEARD_MINUTES": "1", "REFUSE_SOLD_OUT": "0", "THROTTLE": "0"}


def main() -> int:
    """Return 0 if every promise was kept, 1 if not, 130 if someone stopped it."""
    asked = _asked()
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    state = Path(tempfile.mkdtemp(prefix="shop-chaos-"))
    shop = Shop({"STATE_DIR": str(state), "PORT": str(free_port()), **SETTINGS})
    RESULTS.mkdir(parents=True, exist_ok=True)
    try:
        report = _run(shop, asked, console)
    except Stopped:
        console.print("Stopped; nothing is left running.")
        return INTERRUPTED
    except (Failed, NeverReady, Unknown) as failure:
        console.print(f"{failure} See {LOG}.", style="bold red", markup=False)
        return 1
    finally:
        shop.forget()
    report.write(RESULTS / "chaos.json")
    report.print(console)
    return 0 if report.is_good else 1


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=4.5, help="how long faults happen")
    parser.add_argument("--rate", type=float, default=3.0, help="orders a second")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10_000), help="draws orders and faults"
    )
    parser.add_argument("--only", default="", help="targets: web,worker,relay,postgres,…")
    return parser.parse_args()


def _run(shop: Shop, asked: argparse.Namespace, console: Console) -> Report:
    begun = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - begun:6.1f} s[/]  {text}", highlight=False)

    threads = Threads()
    with shop.lock(), LOG.open("w") as out, Supervisor(out) as supervisor:
        tell(f"seed {asked.seed}; a shop of its own starts (what it prints: {LOG})")
        start = Start(shop, Plan(shop), supervisor)
        try:
            start.bring_up()
            run = Run(start, threads, asked, tell)
            thread = threads.start("run", run.run)
            supervisor.wait(
                lambda: bool(threads.failures) or not thread.is_alive(), LONGEST_SECONDS, "chaos"
            )
        finally:
            threads.end()
    for failure in threads.failures:
        raise failure
    assert run.report  # noqa: S101 -- or there is a failure
    return run.report


if __name__ == "__main__":
    sys.exit(main())
