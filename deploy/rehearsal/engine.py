"""A Docker engine, by its own command, and the network in which tasks find what AWS gives them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deploy.cli import CommandFailed

# Where a task on AWS asks for its credentials, and the only address beside its own that AWS's
# library takes them from. In this network it is this machine, and an emulator answers.
NETWORK, SUBNET, HERE = "shop-rehearsal", "169.254.170.0/24", "169.254.170.2"
_PATIENCE_SECONDS = 60


def is_there() -> bool:
    """Say whether an engine answers."""
    if not shutil.which("docker"):
        return False
    asked = subprocess.run(["docker", "version"], capture_output=True, check=False)  # noqa: S607
    return asked.returncode == 0


def docker(
    *arguments: str, given: str | None = None, environment: Mapping[str, str] | None = None
) -> str:
    """
    Run `docker` on its input and with more in its environment, and return what it prints.

    :raises CommandFailed: with all that it says, if it fails.
    """
    done = subprocess.run(
        ["docker", *arguments],  # noqa: S607
        input=given,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"docker {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def network() -> Iterator[None]:
    """Make the network; all containers in it end with it."""
    _clear()
    docker("network", "create", "--subnet", SUBNET, "--gateway", HERE, NETWORK)
    try:
        yield
    finally:
        _clear()


def run(
    image: str,
    *command: str,
    name: str = "",
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
) -> str:
    """Run a container in the network to its end; with a name, leave it running under that name."""
    named = ("--detach", "--name", name, "--network-alias", name) if name else ("--rm",)
    settings = [f"--env={key}" for key in environment or ()]  # the values are docker's own
    asked = ("run", "--network", NETWORK, *named, *settings, *options, image, *command)
    return docker(*asked, environment=environment)


def inspect(container: str) -> Any:
    """Return all that the engine knows of a container."""
    [found] = json.loads(docker("inspect", container))
    return found


def logs(container: str) -> str:
    """Return all that a container has said, by either way."""
    asked = subprocess.run(
        ["docker", "logs", container],  # noqa: S607
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return asked.stdout


def address(container: str) -> str:
    """Return a container's address in the network."""
    return str(inspect(container)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])


def containers() -> list[str]:
    """Return the containers in the network, running or not."""
    return docker("ps", "-aq", "--filter", f"network={NETWORK}").split()


def eventually(container: str, *command: str) -> None:
    """
    Run a command in a container until it succeeds.

    :raises CommandFailed: if it doesn't within a minute.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            docker("exec", container, *command)
        except CommandFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return


def _clear() -> None:
    if found := containers():
        docker("rm", "--force", "--volumes", *found)
    if docker("network", "ls", "-q", "--filter", f"name=^{NETWORK}$"):
        docker("network", "rm", NETWORK)
