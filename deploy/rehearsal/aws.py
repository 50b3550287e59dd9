"""An emulator of AWS for one rehearsal, in a directory that is thrown away."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3

REGION, ACCOUNT = "eu-north-1", "000000000000"
_PATIENCE_SECONDS = 30


class Aws:
    """Where it is, and what decides how tasks end there."""

    def __init__(self, home: Path, host: str, port: int) -> None:
        self.home, self.url = home, f"http://{host}:{port}"
        self._host, self._port, self._exit_code = host, port, home / "task-exit-code"
        self.tasks_end_with(0)

    def tasks_end_with(self, code: int) -> None:
        """Let every task that is run from now on exit with this code."""
        self._exit_code.write_text(str(code))

    def client(self, service: str) -> Any:
        """Return a client of boto3's."""
        session: Any = boto3.session.Session(region_name=REGION, **_keys(self._port))
        return session.client(service, endpoint_url=self.url)

    def environment(self) -> dict[str, str]:
        """Return what lets a program of AWS's come here, and to nowhere else."""
        keys = {name.upper(): value for name, value in _keys(self._port).items()}
        return {
            **keys,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def settings(self) -> dict[str, str]:
        """Return what the emulator itself reads."""
        return {
            **self.environment(),  # for functions, which run in its process
            "BIND_HOST": self._host,
            "MINISTACK_HOST": self._host,  # where it tells others to come
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "STATE_DIR": str(self.home / "state"),
            "S3_DATA_DIR": str(self.home / "s3"),
            "TASK_EXIT_CODE": str(self._exit_code),
        }

    def answers(self) -> bool:
        """Say whether it is there."""
        try:
            urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2).close()  # noqa: S310
        except OSError:
            return False
        return True


@contextlib.contextmanager
def emulator(
    home: Path, *, host: str = "127.0.0.1", more: Mapping[str, str] | None = None
) -> Iterator[Aws]:
    """
    Run an emulator with our additions until the block ends; its log is in `home`.

    `more` is what these additions read.
    """
    aws = Aws(home, host, _free_port(host))
    with (home / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.rehearsal.emulator"],
            env={**os.environ, **aws.settings(), **(more or {})},
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not aws.answers():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((home / "emulator.log").read_text())
            time.sleep(0.1)
        yield aws
    finally:
        process.terminate()
        process.wait()


def _keys(port: int) -> dict[str, Any]:
    # CDK remembers accounts by key, on the disk: another emulator, another key.
    return {"aws_access_key_id": f"rehearsal{port}", "aws_secret_access_key": "rehearsal"}


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
