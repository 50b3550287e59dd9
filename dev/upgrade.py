"""
`make upgrade-test`: the release before this one sells on the tables as they are by now.

While a release is rolled out, and after one went back, older code meets the newer schema. The older
code is that of the newest tag; without one, of the last commit before the shop was deployed
anywhere. It comes with its own requirements, and plays every ending.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dev import ROOT
from dev.plan import free_port
from dev.play import ENDINGS
from dev.postgres import LocalPostgres
from dev.stand_in import STAND_IN
from dev.terminal import bad, good

_FIRST_DEPLOYED = "deploy/cdk/app.py"


class NoHistory(Exception):
    """This clone has neither a tag nor the commits before containers: `git fetch --unshallow`."""


def main() -> int:
    """Return 0 if the older code does with these tables whatever it did with its own."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave no server behind
    try:
        before = release_before(ROOT)
    except NoHistory:
        print(bad(str(NoHistory.__doc__)))
        return 1
    with tempfile.TemporaryDirectory(prefix="upgrade-") as home:
        place = Path(home)
        place.chmod(0o755)  # a server that root starts runs as someone else
        code = place / "code"
        check_out(before, code)
        database = LocalPostgres(place / "postgres")
        database.start()
        try:
            _migrate(database)
            played = [_play(code, database, ending) for ending in ENDINGS]
        finally:
            database.stop()
            database.forget()
    return 0 if all(played) else 1


def release_before(repository: Path) -> str:
    """
    Return the newest tag, or the commit before the shop was first deployed.

    :raises NoHistory: if the clone knows neither.
    """
    if tag := _git(repository, "describe", "--tags", "--abbrev=0"):
        return tag
    first = _git(
        repository, "log", "--diff-filter=A", "--format=%H", "--max-count=1", "--", _FIRST_DEPLOYED
    )
    if first and (before := _git(repository, "rev-parse", "--verify", "--quiet", f"{first}^")):
        return before
    raise NoHistory


def check_out(commit: str, place: Path) -> None:
    """Put a commit's files there, and install what it requires beside them."""
    begun = time.monotonic()
    place.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x"], cwd=place, input=archive.stdout, check=True)
    subprocess.run(["make", "setup"], cwd=place, env=_environment(), check=True)
    _tell(f"{commit[:12]} and what it requires", begun)


def _migrate(database: LocalPostgres) -> None:
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, **STAND_IN, "DATABASE_URL": database.url()},
        check=True,
    )
    _tell("the tables as they are by now", begun)


def _play(code: Path, database: LocalPostgres, ending: str) -> bool:
    begun = time.monotonic()
    played = subprocess.run(
        [code / ".venv/bin/python", "-m", "dev.demo"],
        cwd=code,
        env={
            **_environment(),
            "DATABASE_URL": database.url(user="app"),
            "OWNER_DATABASE_URL": database.url(),
            "PORT": str(free_port()),
            "ENDING": ending,
            "ENV_FILE": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if played.returncode:
        print(played.stdout)
        print(bad(f"✗ an order that ends {ending}"))
        return False
    _tell(f"an order that ends {ending}", begun)
    return True


def _environment() -> dict[str, str]:
    """Return what the older code is started with: nothing that `make` told this one."""
    ours = ("VIRTUAL_ENV", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    return {name: value for name, value in os.environ.items() if name not in ours}


def _git(repository: Path, *arguments: str) -> str:
    """Return what git says, and nothing if it refuses."""
    asked = subprocess.run(
        ["git", *arguments], cwd=repository, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() if asked.returncode == 0 else ""


def _tell(what: str, begun: float) -> None:
    print(f"{good('✓')} {what:<44}{time.monotonic() - begun:6.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
