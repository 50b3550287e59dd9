"""`make contract`: prints how many cases were tried as whom, and what was wrong."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev import ROOT
from tests.contract.server import Server, running

CONFIG = Path(__file__).with_name("schemathesis.toml")
DESTROYING = ("erase_account", "log_out_everywhere")
ALL, DRAWN = "examples,coverage,fuzzing,stateful", "examples,fuzzing,stateful"
UNLINKED = "examples,coverage,fuzzing"
ITSELF = "schemathesis itself"
BY_CHANCE = {
    ITSELF,
    "Schema-valid request rejected",
    "Schema-violating request accepted",
    "Created resource not found",
    "Deleted resource still available",
}
_FOUND = re.compile(r"❌ ST\d+ (.+): \d+$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who asks, for which share of the time, in which phases, and whether for what destroys."""

    name: str
    share: float
    phases: str = DRAWN  # `coverage` takes each bound of each field: once is enough
    is_leaving: bool = False


CALLERS = (
    Caller("admin", 0.4, phases=ALL),  # has every role: gets furthest
    Caller("customer", 0.3),
    Caller("support", 0.1),
    Caller("anyone", 0.1),
    Caller("leaver", 0.1, phases=UNLINKED, is_leaving=True),  # its account won't survive
)


def main() -> int:
    """Ask as each caller; return how many met something wrong."""
    asked = _arguments()
    seed = "nearly the same cases each time" if asked.seed is None else f"--seed {asked.seed}"
    print(f"schemathesis, {seed}")
    state = Path(tempfile.mkdtemp(prefix="shop-contract-"))
    try:
        with running(state) as server:
            failed = [c.name for c in CALLERS if not _is_true(server, c, asked, state)]
            if failed:
                print((state / "web.log").read_text(errors="replace")[-4000:])
    finally:
        shutil.rmtree(state, ignore_errors=True)
    print(f"Failed as {', '.join(failed)}." if failed else "Every answer is as documented.")
    return len(failed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make contract")
    parser.add_argument("--seed", type=int, help="draw other cases: any number, printed again")
    parser.add_argument("--seconds", type=int, default=0, help="go on drawing for so long")
    parser.add_argument("--examples", type=int, default=2, help="how many for each operation")
    return parser.parse_args()


def _is_true(server: Server, caller: Caller, asked: argparse.Namespace, state: Path) -> bool:
    """
    Say whether all was well as this caller, at the second try if it was only what chance brings.

    Ids and times that were answered flow into what the stateful phase sends: its cases are not
    wholly the same; and the tool itself may stumble. An answer that is a 5xx, or not as the schema
    says, fails at once.
    """
    found = _ask(server, caller, asked, state)
    if found and found <= BY_CHANCE and asked.seed is None:
        found = _ask(server, caller, asked, state)
    return not found


def _ask(server: Server, caller: Caller, asked: argparse.Namespace, state: Path) -> set[str]:
    """Run schemathesis as this caller; return the kinds of what was wrong."""
    begun, report = time.monotonic(), state / f"{caller.name}.json"
    done = subprocess.run(
        [*_command(server, caller, asked), "--report-json-path", report, "--report", "json"],
        env={
            **os.environ,
            "CONTRACT_WORLD": str(server.world),
            "SCHEMATHESIS_HOOKS": "tests.contract.hooks",
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=state,
        check=False,
    )
    is_good = done.returncode == 0
    cases, operations = _counts(report)
    took = time.monotonic() - begun
    print(f"{caller.name:<9} {cases:>5} cases, {operations} operations, {took:.0f} s", flush=True)
    if is_good:
        return set()
    print(done.stdout)
    return set(_FOUND.findall(done.stdout)) or {ITSELF}


def _command(server: Server, caller: Caller, asked: argparse.Namespace) -> list[str]:
    program = Path(sys.executable).with_name("schemathesis")
    which = "--include-operation-id" if caller.is_leaving else "--exclude-operation-id"
    token = server.tokens.get(caller.name)
    return [
        *(str(program), "--config-file", str(CONFIG)),
        *("run", f"{server.url}/api/v1/schema", "--phases", caller.phases),
        # one worker: parsing in two threads breaks CPython before 3.11.8 (gh-106905)
        *("--workers", "1", "--max-examples", str(asked.examples)),
        *("--no-color", "--no-shrink", "--warnings", "off"),
        *(("--header", f"Authorization: Bearer {token}") if token else ()),
        *(part for name in DESTROYING for part in (which, name)),
        *(("--generation-deterministic",) if asked.seed is None else ("--seed", str(asked.seed))),
        *(("--max-time", str(max(1, int(asked.seconds * caller.share)))) if asked.seconds else ()),
    ]


def _counts(report: Path) -> tuple[int, int]:
    """Return how many cases were tried, of how many operations."""
    if not report.exists():
        return 0, 0
    found = json.loads(report.read_text())
    return found["test_cases"]["generated"], found["operations"]["tested"]


if __name__ == "__main__":
    sys.exit(main())
