"""How many events a core carries from the outbox to a handler that does nothing."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.log import STALLED_SECONDS, Stalled
from bench.probe import HANDLER, QUEUE
from bench.processes import Seconds, difference
from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import COURIERS, RunningShop, stopped

WARM_UP = 500
PROCESSES = 2  # of the worker's pool, as in production
_HANDLED = "SELECT count(*) FROM bus_inbox WHERE handler = %s"


def measure(shop: RunningShop, report: Report, *, events: int) -> Details:
    """Publish events while relay and worker stand still, then let them go."""
    with shop.standing_still(*COURIERS, "web", "payment_3p"), _carriers(shop) as carriers:
        shop.ask("bench.probe.publish", asked=WARM_UP)
        already = _handled(shop)
        _until_handled(shop, already + WARM_UP)
        cpu = shop.cpu("postgres", also=carriers)
        with stopped(carriers.values()):
            before = cpu.read()
            publisher = shop.ask("bench.probe.publish", asked=events)["CPU seconds"]
            published, begun = cpu.read(), time.monotonic()
        with report.progress("carrying events", events) as advance:
            _until_handled(shop, already + WARM_UP + events, tell=advance)
        took, carried = time.monotonic() - begun, difference(cpu.read(), published)
    stored = {"publisher": publisher, **difference(published, before)}
    _tell(report, events, stored, carried, took)
    return {"events": events, "publishing": stored, "carrying": carried, "seconds": took}


@contextlib.contextmanager
def _carriers(shop: RunningShop) -> Iterator[dict[str, int]]:
    """Run a relay and a worker that know the probe, and yield their process ids."""
    celery = [Path(sys.executable).with_name("celery"), "-A", "bench.probe.worker", "-q", "worker"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    pool = ["-P", "prefork", "-c", PROCESSES, "-Q", QUEUE]
    with (
        shop.program(*map(str, [*celery, *pool, *quiet])) as worker,
        shop.program(sys.executable, "-m", "bench.probe.relay") as relay,
    ):
        yield {"relay": relay, "worker": worker}


def _handled(shop: RunningShop) -> int:
    return int(shop.database.execute(_HANDLED, [HANDLER]).fetchone()[0])  # type: ignore[index]


def _until_handled(
    shop: RunningShop, wanted: int, tell: Callable[[int], object] = lambda _: None
) -> None:
    known, changed_at = _handled(shop), time.monotonic()
    while known < wanted:
        time.sleep(0.2)
        found = _handled(shop)
        if found > known:
            tell(found - known)
            known, changed_at = found, time.monotonic()
        elif time.monotonic() > changed_at + STALLED_SECONDS:
            raise Stalled(f"{wanted - known} events were not handled.")


def _tell(report: Report, events: int, stored: Seconds, carried: Seconds, took: float) -> None:
    parts = [("publishing", stored), ("carrying", carried)]
    rows = [
        (f"{part}: {name}", 1_000_000 * seconds / events)
        for part, spent in parts
        for name, seconds in spent.items()
    ]
    report.rows("CPU microseconds per event", ("", "µs"), rows)
    report.say(f"{events:,} events were carried in {took:.1f} s: {events / took:,.0f}/s")
    a_core = events / sum(sum(spent.values()) for _, spent in parts)
    what = "events through outbox, relay, queue, inbox, a core"
    report.add(Figure(what, Target(1500, "/s", is_least=True), a_core))


MEASUREMENT = Measurement(
    "events",
    "Events from the outbox to a handler that does nothing",
    measure,
    {"events": Size(20_000, quick=4_000, help="events published")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
