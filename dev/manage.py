"""`manage.py` beside a running shop: `python -m dev.manage shell`."""

from __future__ import annotations

import os
import subprocess
import sys

from dev import ROOT
from dev.shop import Shop
from dev.terminal import bad


def main() -> int:
    """Run a management command with the environment of the running shop."""
    environment = Shop().running_environment()
    if environment is None:
        print(bad("No shop is running here: `make run` starts one."), file=sys.stderr)
        return 1
    command = [sys.executable, "manage.py", *sys.argv[1:]]
    return subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
