"""What docker-compose.yml promises, as far as a machine without Docker can tell."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from django.conf import settings

from dev import ROOT, reload

PINNED = re.compile(r"(:[\w.-]*\d[\w.-]*|@sha256:[0-9a-f]{64})\}?$")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return read("docker-compose.yml")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())["services"]
    return found


def of_the_shop(services: dict[str, Any]) -> dict[str, Any]:
    """Return services without those that watch: in their images is nothing to ask with."""
    return {n: s for n, s in services.items() if "observability" not in s.get("profiles", ())}


def test_every_image_is_built_here_or_pinned(services: dict[str, Any]) -> None:
    images = {service["image"] for service in services.values()}
    built = [service["image"] for service in services.values() if "build" in service]
    assert len(built) == len(set(built))
    assert [i for i in images if i not in built and not PINNED.search(i)] == []
    bases = re.findall(r"^ARG \w+_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert bases
    assert all(PINNED.search(base) for base in bases)


def test_each_queue_has_one_worker(services: dict[str, Any]) -> None:
    served = [
        queue
        for service in services.values()
        if (command := service.get("command") or [""])[0] == "worker"
        for queue in command[1:]
    ]
    assert sorted(served) == sorted(settings.QUEUES)


def test_all_that_stays_up_says_whether_it_is_well(services: dict[str, Any]) -> None:
    """Without that `up --wait` fails; the shop's image has a check of its own."""
    [shop] = {services[role]["image"] for role in ("web", "relay", "scheduler")}
    silent = [
        name
        for name, service in of_the_shop(services).items()
        if service["restart"] == "unless-stopped"
        and service["image"] != shop
        and "test" not in service.get("healthcheck", {})
    ]
    assert silent == []


def test_nothing_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:${")] == []


def test_what_runs_can_write_to_tmp_alone(services: dict[str, Any]) -> None:
    built = {service["image"] for service in services.values() if "build" in service}
    ours = {name: service for name, service in services.items() if service["image"] in built}
    assert len(ours) > 10
    assert [n for n, s in ours.items() if not (s["read_only"] and s["cap_drop"] == ["ALL"])] == []


def test_in_development_all_code_of_ours_comes_from_here(services: dict[str, Any]) -> None:
    developed = read("compose.dev.yml")
    built = {service["image"] for service in services.values() if "build" in service}
    ours = {name for name, service in services.items() if service["image"] in built}
    assert developed.keys() == ours - {"emulator"}
    for service in developed.values():
        mounted = {volume.split(":")[0].removeprefix("./") for volume in service["volumes"]}
        assert mounted >= set(reload.CODE)


def test_in_development_every_role_starts_anew_with_its_own_command(
    services: dict[str, Any],
) -> None:
    reloaded = {name for name, s in read("compose.dev.yml").items() if "entrypoint" in s}
    assert reloaded == {
        name
        for name, service in of_the_shop(services).items()
        if service["restart"] == "unless-stopped" and "entrypoint" not in service
    } - {"postgres", "postgres-3p"}
