"""Who is slow, dead or poisoned delays nobody else: real workers, each on its own queue."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.utils import timezone

from kernel.bus.models import Delivery
from kernel.bus.relay import PACK_EVENTS, Relay, SqsCourier
from tests.aws import Aws, eventually
from tests.kernel import neighbour, probe
from tests.kernel.processes import Worker, worker

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("two_modules")]


@pytest.fixture
def two_modules(probed: Aws) -> Iterator[None]:
    with neighbour.declared():
        yield


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    with ExitStack() as stack:
        yield Workers(stack, tmp_path)


class Workers:
    """Workers with one thread for one queue each, until the test ends."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self._stack, self._directory = stack, directory

    def start(self, *queues: str) -> list[Worker]:
        return [self._start(queue) for queue in queues]

    def _start(self, queue: str) -> Worker:
        directory = self._directory / queue
        directory.mkdir()
        started = worker(directory, "threads", concurrency=1, queue=queue)
        return self._stack.enter_context(started)


def send(*deeds: str, packs: int = 1) -> list[uuid.UUID]:
    """Publish a ping for each deed, and send them, so many times over; return the ids, sorted."""
    relay, pings = Relay(SqsCourier()), []
    for _ in range(packs):
        pings += probe.ping(*deeds)
        relay.send_due(at=timezone.now())
    return sorted(pings)


def test_a_slow_module_delays_only_itself(probed: Aws, workers: Workers, tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    workers.start(probe.QUEUE, neighbour.QUEUE)
    pings = send(f"wait:{go_on}")
    eventually(lambda: probed.counts(probe.QUEUE) == (0, 1))
    pings += send("", "", packs=15)  # far more than its worker holds

    eventually(lambda: neighbour.heard() == pings)
    assert probe.effects() == []
    assert probed.counts(probe.QUEUE)[0] > 0

    go_on.touch()
    eventually(lambda: probe.effects() == pings)
    eventually(lambda: probed.size(probe.QUEUE) == 0)


def test_a_dead_module_delays_only_itself_and_catches_up(probed: Aws, workers: Workers) -> None:
    workers.start(neighbour.QUEUE)
    pings = send(*[""] * PACK_EVENTS, packs=12)

    eventually(lambda: neighbour.heard() == pings)
    assert probe.effects() == []
    assert probed.counts(probe.QUEUE) == (12, 0)

    workers.start(probe.QUEUE)
    eventually(lambda: probe.effects() == pings)
    eventually(lambda: probed.size(probe.QUEUE) == 0)
    assert not Delivery.objects.exists()


def test_poison_in_every_pack_delays_neither_the_rest_nor_what_comes_later(
    probed: Aws, workers: Workers
) -> None:
    workers.start(probe.QUEUE)
    packs = 12  # many times what the worker holds
    poisoned = send("", "fail", "", packs=packs)
    later = send("", packs=3)

    eventually(lambda: len(probe.effects()) == 2 * packs + len(later))
    assert set(later) <= set(probe.effects()) <= {*poisoned, *later}
    assert eventually(lambda: probed.size(probe.QUEUE) == packs)
    assert set(Delivery.objects.values_list("handler", "state")) == {(probe.HANDLER, "FAILED")}
    assert Delivery.objects.count() == packs
