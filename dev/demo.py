"""`make demo`: play one order in a running shop, here or elsewhere, or start a shop for it."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from dev import ROOT
from dev.play import ENDINGS
from dev.run import DEMO_SECONDS, Start, with_shop
from dev.shop import Shop
from dev.terminal import bad, dim

READY_SECONDS = 120.0


def main() -> int:
    """Play the ending that ENDING names; return 0 only if every module agrees."""
    ending = os.environ.get("ENDING") or "fulfilled"
    if ending not in ENDINGS:
        print(bad(f"There is no ENDING={ending}: take one of {', '.join(ENDINGS)}."))
        return 2
    if elsewhere := sys.argv[1:]:
        return _play(ending, *elsewhere)
    shop = Shop()
    if shop.is_running():
        return _play_in(shop, ending)
    print(dim("No shop is running here: one is started for the demo, and stopped after it."))
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    shop = Shop()

    def play(start: Start) -> int:
        start.supervisor.run(DEMO_SECONDS, start.plan.play(ending))
        return 0

    return with_shop(shop, play)


def _play_in(shop: Shop, ending: str) -> int:
    deadline = time.monotonic() + READY_SECONDS
    while shop.running_at() is None:
        if time.monotonic() > deadline or not shop.is_running():
            print(bad("The shop that is starting here did not get ready."))
            return 1
        time.sleep(0.2)
    return _play(ending)


def _play(*asked: str) -> int:
    command = [sys.executable, "-m", "dev.play", *asked]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
