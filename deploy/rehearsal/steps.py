"""What rehearsals are made of: commands of CDK's for one environment, and steps with their time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.cli import CommandFailed, cdk
from deploy.rehearsal.aws import ACCOUNT, REGION, Aws

_ALL = ("--all", "--concurrency", "4")


class Releases:
    """Releases of one environment, each known by its tag, on one emulator."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws, self._name = aws, name

    def describe(self, *tags: str) -> None:
        """Make the templates of these releases."""

        def describe(tag: str) -> str:
            return self.cdk(
                "synth", "--quiet", "-c", f"env={self._name}", "-c", f"tag={tag}", at=tag
            )

        with ThreadPoolExecutor() as pool:
            list(pool.map(describe, tags))

    def bootstrap(self, tag: str) -> None:
        """Make what CDK needs in an account."""
        self.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", at=tag)

    def deploy(self, tag: str, *stacks: str) -> str:
        """Deploy all stacks, or some and what they stand on; return what is said."""
        which = [f"Shop-{self._name}-{stack}" for stack in stacks] or _ALL
        said = ("--require-approval", "never", "--progress", "events")
        return self.cdk("deploy", *which, *said, at=tag)

    def destroy(self, tag: str) -> str:
        """Destroy all stacks; return what is said."""
        return self.cdk("destroy", "--force", "--all", at=tag)

    def cdk(self, *arguments: str, at: str) -> str:
        """
        Run CDK on what a release is described as; return what it says.

        :raises CommandFailed: with all of that, if it fails.
        """
        folder = str(self._aws.home / at)
        where = ("--output", folder) if arguments[0] == "synth" else ("--app", folder)
        return cdk(*arguments, *where, environment=self._aws.environment())


def failing(run: Callable[[], str]) -> str:
    """Return what was said by what had to fail, and did."""
    try:
        said = run()
    except CommandFailed as failure:
        return str(failure)
    raise AssertionError(f"It did not fail: {said}")


def ending(text: str, lines: int = 30) -> str:
    """Return the last lines of what may be very long, none wider than two of a terminal's."""
    return "\n".join(line[:200] for line in text.splitlines()[-lines:])


def take(*steps: Callable[[], Any]) -> bool:
    """Take the steps in their order, and tell of each; say whether all went well."""
    for step in steps:
        begun = time.monotonic()
        name = step.__name__.replace("_", " ")
        try:
            step()
        except (AssertionError, CommandFailed) as error:
            print(f"  ✗ {name}:\n{ending(str(error))}", flush=True)
            return False
        print(f"  ✓ {name:<28}{time.monotonic() - begun:6.1f} s", flush=True)
    return True
