"""The shop of this machine: its settings, its state directory, whether it runs."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from dev import ROOT
from dev.environment import given_values, read_local
from dev.postgres import LocalPostgres

LOOPBACK = "127.0.0.1"

_LOCK_SECONDS = 1.0  # longer than anyone holds it who only asks whether the shop runs


class AlreadyRunning(Exception):
    """Another process runs a shop in this state directory."""


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Where a running shop is reached."""

    shop: str
    payment_3p: str
    storefront: str


class Shop:
    """
    The shop as this machine's environment describes it.

    What is given (DATABASE_URL, AWS_ENDPOINT_URL, …) is used; what isn't, is embedded.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self.given = given_values() if given is None else given
        self.local = read_local(self.given)
        self.state = (ROOT / self.local.state_dir).resolve()
        self.state.mkdir(parents=True, exist_ok=True)

    @property
    def running_file(self) -> Path:
        """Where a running shop notes its addresses."""
        return self.state / "running.json"

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """
        Hold the state directory for this process.

        :raises AlreadyRunning: if another process holds it.
        """
        with (self.state / "lock").open("w") as file:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not _has_locked(file, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    raise AlreadyRunning(f"A shop is running already in {self.state}.")
                time.sleep(0.05)
            self.running_file.unlink(missing_ok=True)  # of one that was killed
            try:
                yield
            finally:
                self.running_file.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """Say whether another process holds the state directory."""
        with (self.state / "lock").open("w") as file:
            return not _has_locked(file, fcntl.LOCK_SH)

    def note_running(self, addresses: Addresses, environment: Mapping[str, str]) -> None:
        """Let other processes of this machine's user know where the ready shop is reached."""
        known = {"addresses": dataclasses.asdict(addresses), "environment": dict(environment)}
        new = self.running_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(known))
        new.rename(self.running_file)

    def running_at(self) -> Addresses | None:
        """Return where the shop is reached, once it is ready; None before."""
        known = self._known()
        return Addresses(**known["addresses"]) if known else None

    def running_environment(self) -> dict[str, str] | None:
        """Return the environment of a running shop's processes, once it is ready; None before."""
        known = self._known()
        return known["environment"] if known else None

    def _known(self) -> dict[str, Any]:
        if not self.is_running():
            return {}
        try:
            found: dict[str, Any] = json.loads(self.running_file.read_text())
        except FileNotFoundError:
            return {}
        return found

    def forget(self) -> None:
        """
        Remove the database, the queues, the files and the secrets of this shop.

        :raises AlreadyRunning: while it runs.
        """
        with self.lock():
            LocalPostgres(self.state / "postgres").forget()
            shutil.rmtree(self.state)


def _has_locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
