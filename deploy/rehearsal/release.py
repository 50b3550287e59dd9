"""
`make release-test`: a release as real containers of our image, and one that has to go back.

CDK's own command line deploys the environment `dev` to an emulator whose tasks a Docker engine
runs; PostgreSQL is real. An order is played through the load balancer; then comes a release whose
migration fails, and everything must be as before. POSTGRES_IMAGE and PYTHON_IMAGE name the bases.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.cli import FOLDER, CommandFailed
from deploy.rehearsal import beside, engine
from deploy.rehearsal.aws import ACCOUNT, REGION, Aws, emulator
from deploy.rehearsal.found import Found
from deploy.rehearsal.front import front
from deploy.rehearsal.steps import Releases, ending, failing, take

ROOT = FOLDER.parents[1]
NAME, DOMAIN, OWNER = "dev", "dev.shop.example", "shop_owner"
GOOD, BAD, NEXT = "1111111", "2222222", "3333333"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop-{NAME}"
WORKBENCH = "shop-workbench:rehearsed"
PASSWORD = "rehearsal-of-a-release"  # noqa: S105 -- of a shop that lives for minutes
HEALTH = ("/api/v1/health/ready", "/streams/health/ready")
_PATIENCE_SECONDS = 180
# What no test of an empty database finds: rows that are there break a rule which comes later.
_BAD_MIGRATION = """\
from django.db import migrations

BROKEN = "ALTER TABLE orders_order ADD CONSTRAINT orders_never CHECK (number IS NULL)"


class Migration(migrations.Migration):
    dependencies = [("orders", "{newest}")]
    operations = [migrations.RunSQL(BROKEN)]
"""


class Rehearsal:
    """The steps, in their order."""

    def __init__(self, aws: Aws, way_out: contextlib.ExitStack) -> None:
        self._aws, self._way_out = aws, way_out
        self._found, self._releases = Found(aws, NAME), Releases(aws, NAME)
        self._shop = self._gateway = ""

    def run(self) -> bool:
        """Take all steps; say whether all went well."""
        return take(
            self.build_the_images,
            self.describe_the_releases,
            self.bootstrap,
            self.deploy_what_holds_data,
            self.deploy_the_rest,
            self.wait_until_it_serves,
            self.play_an_order,
            self.fail_to_migrate,
            self.play_another_order,
            self.deploy_the_next,
            self.play_a_last_order,
            self.destroy,
        )

    def build_the_images(self) -> None:
        """Build ours, what plays the demo, and one whose migration the orders break."""
        build = ["build", "-q", *_bases(), str(ROOT)]
        engine.docker(*build, "-t", f"{IMAGE}:{GOOD}")
        engine.docker(*build, "-t", WORKBENCH, "--target", "workbench")
        newest = max(path.stem for path in (ROOT / "apps/orders/migrations").glob("0*.py"))
        with tempfile.TemporaryDirectory() as folder:
            bad = Path(folder, "9999_nobody_orders.py")
            bad.write_text(_BAD_MIGRATION.format(newest=newest))
            dockerfile = f"FROM {IMAGE}:{GOOD}\nCOPY {bad.name} apps/orders/migrations/\n"
            Path(folder, "Dockerfile").write_text(dockerfile)
            bad.chmod(0o644)
            engine.docker("build", "-q", "-t", f"{IMAGE}:{BAD}", folder)
        engine.docker("tag", f"{IMAGE}:{GOOD}", f"{IMAGE}:{NEXT}")

    def describe_the_releases(self) -> None:
        """Make their templates."""
        self._releases.describe(GOOD, BAD, NEXT)

    def bootstrap(self) -> None:
        """Make what CDK needs in an account."""
        self._releases.bootstrap(GOOD)

    def deploy_what_holds_data(self) -> None:
        """Make queues, buckets and secrets; PostgreSQL really starts, and mails may be sent."""
        self._releases.deploy(GOOD, "Data")
        beside.start_database(self._aws, OWNER)
        self._aws.client("sesv2").create_email_identity(EmailIdentity=DOMAIN)

    def deploy_the_rest(self) -> None:
        """Migrate an empty database, then start every service."""
        self._releases.deploy(GOOD)
        assert self._found.migrations() == [GOOD]
        assert self._found.tags() == {GOOD}

    def wait_until_it_serves(self) -> None:
        """Ask web and streams through the balancer, and wait for all others to be healthy."""
        [balancer] = self._aws.client("elbv2").describe_load_balancers()["LoadBalancers"]
        self._shop = self._way_out.enter_context(
            front(
                engine.HERE,
                emulator=self._aws.url,
                balancer=balancer["LoadBalancerName"],
                domain=DOMAIN,
            )
        )
        _until(lambda: all(_answers(f"{self._shop}{path}") for path in HEALTH))
        _until(lambda: {*_health().values()} == {"healthy"})

    def play_an_order(self) -> None:
        """Fill the shop, and let a customer and the staff take an order to its end over HTTP."""
        self._gateway = beside.start_gateway(f"{IMAGE}:{GOOD}", OWNER, self._aws, shop=self._shop)
        environment = {**_settings_of(min(_health())), "DEMO_PASSWORD": PASSWORD}
        python = ("--entrypoint", "python")
        engine.run(WORKBENCH, "-m", "dev.demo_data", environment=environment, options=python)
        self._play()

    def fail_to_migrate(self) -> None:
        """Deploy the other one: CDK fails, and every service is as it was, down to its tasks."""
        before = self._state()
        said = failing(lambda: self._releases.deploy(BAD))
        assert "MigrationsFailed" in said, said
        assert self._found.migrations() == [GOOD, BAD]
        assert self._found.stacks()["Services"] == "UPDATE_ROLLBACK_COMPLETE"
        after = self._state()
        assert after == before, f"{before}\n{after}"

    def play_another_order(self) -> None:
        """See that the shop sells on."""
        self._play()

    def deploy_the_next(self) -> None:
        """Deploy a release that mends it: every task is replaced."""
        self._releases.deploy(NEXT)
        assert self._found.migrations() == [GOOD, BAD, NEXT]
        _until(lambda: {task["Config"]["Image"] for task in _tasks()} == {f"{IMAGE}:{NEXT}"})
        _until(lambda: {*_health().values()} == {"healthy"})

    def play_a_last_order(self) -> None:
        """See that the shop still sells."""
        self._play()

    def destroy(self) -> None:
        """Destroy everything; no task is left."""
        self._releases.destroy(NEXT)
        assert self._found.stacks() == {}
        _until(lambda: not _health())

    def _play(self) -> None:
        played = subprocess.run(
            [sys.executable, "-m", "dev.play", "--shop", self._shop, "--payment", self._gateway],
            cwd=ROOT,
            env={**os.environ, "DEMO_PASSWORD": PASSWORD},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert played.returncode == 0, played.stdout

    def _state(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """Return each service's task definition and image, and the containers that run."""
        return self._found.definitions(), self._found.services(), _health()


def main() -> int:
    """Rehearse; return 1 if something isn't as it should be."""
    if not engine.is_there():
        print("make release-test needs a Docker engine: `docker version` finds none.")
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and leave nothing behind
    with contextlib.ExitStack() as way_out:
        home = Path(way_out.enter_context(tempfile.TemporaryDirectory(prefix="release-")))
        way_out.enter_context(engine.network())
        more = {"TASK_NETWORK": engine.NETWORK, "TASK_SETTINGS": json.dumps(beside.SETTINGS)}
        aws = way_out.enter_context(emulator(home, host=engine.HERE, more=more))
        if Rehearsal(aws, way_out).run():
            return 0
        _tell_logs()
    return 1


def _bases() -> Iterator[str]:
    if python := os.environ.get("PYTHON_IMAGE"):
        yield from ("--build-arg", f"PYTHON_IMAGE={python}")


def _tasks() -> list[Any]:
    """Return what the engine knows of each running task's container."""
    found, name = [], "com.amazonaws.ecs.container-name"
    for container in engine.containers():
        with contextlib.suppress(CommandFailed):  # it has ended meanwhile
            found.append(engine.inspect(container))
    return [
        task
        for task in found
        if task["Config"]["Labels"].get(name) == "shop" and task["State"]["Running"]
    ]


def _health() -> dict[str, str]:
    """Return how each task's container is, by its name."""
    return {task["Name"]: task["State"].get("Health", {}).get("Status", "") for task in _tasks()}


def _settings_of(container: str) -> dict[str, str]:
    """Return what a task was told, secrets too: what stands in for it needs the same."""
    given = (each.split("=", 1) for each in engine.inspect(container)["Config"]["Env"])
    return {name: value for name, value in given if name != "PATH"}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _until(is_so: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise CommandFailed(f"Not so after {_PATIENCE_SECONDS} s: {_health()}")
        time.sleep(1)


def _tell_logs() -> None:
    for container in engine.containers():
        known = engine.inspect(container)
        role = " ".join(known["Config"]["Cmd"] or [])
        print(f"\n{known['Name'].strip('/')} {role}:\n{ending(engine.logs(container), 8)}")


if __name__ == "__main__":
    sys.exit(main())
