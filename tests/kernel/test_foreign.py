"""What S3 tells, over its own protocol and that of SQS."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import OperationalError, connection, connections
from django.test import override_settings

from kernel.bus import foreign
from kernel.bus.foreign import Poller, StoredFile, StrangeMessage, files_in
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.ids import new_id
from tests.aws import Aws, eventually
from tests.conftest import NOON
from tests.kernel import probe
from tests.kernel.fault_proxy import dropping, refusing

QUEUE = "uploads"
DEAD = f"{QUEUE}-dlq"


class TakerFailed(Exception):
    """A test wanted it so."""


class Taker:
    """Notes each file that it is told of, and says so in the log; some names it can't take."""

    __module__ = "tests.kernel.test_foreign"
    __name__ = "take"

    def __init__(self) -> None:
        self.files: list[StoredFile] = []
        self.on_failure: Callable[[], None] | None = None

    def __call__(self, file: StoredFile) -> None:
        publish(probe.Pinged(ping_id=new_id(), deed=file.key, occurred_at=NOON))
        if "fail" in file.key:
            raise TakerFailed
        self.files.append(file)

    @property
    def keys(self) -> list[str]:
        return [file.key for file in self.files]


@pytest.fixture
def taker(monkeypatch: pytest.MonkeyPatch) -> Taker:
    taker = Taker()
    monkeypatch.setattr(foreign, "_TAKERS", {QUEUE: taker})
    return taker


@pytest.fixture
def poller(probed: Aws, taker: Taker) -> Poller:
    return Poller(QUEUE, taker)


@pytest.fixture
def s3(probed: Aws, emulator: str) -> Any:
    """Return the client of a bucket that tells what is uploaded below `invoice-imports/`."""
    with override_settings(AWS_ENDPOINT_URL=emulator):  # the proxy knows nothing of S3
        call_command("create_queues", verbosity=0)
    return boto3.client("s3", region_name="eu-north-1", endpoint_url=emulator)


def record(key: str, sequencer: str = "01") -> dict[str, Any]:
    return {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-03-01T12:00:00.250Z",
        "s3": {
            "bucket": {"name": "shop-uploads"},
            "object": {"key": key, "size": 7, "eTag": "abc", "sequencer": sequencer},
        },
    }


def told(*records: dict[str, Any]) -> str:
    return json.dumps({"Records": records})


def stored(key: str) -> StoredFile:
    at = NOON + dt.timedelta(milliseconds=250)
    return StoredFile("shop-uploads", key, 7, "abc", "01", at)


def in_log() -> list[str]:
    return [row.payload["deed"] for row in OutboxEvent.objects.order_by("sequence")]


class TestWhatS3Tells:
    def test_is_each_file_with_its_name_as_it_was_given(self) -> None:
        body = told(record("invoice-imports/a+b%2B%C3%BC.json"), record("second"))

        assert files_in(body) == [stored("invoice-imports/a b+ü.json"), stored("second")]

    def test_is_nothing_in_its_own_test_and_of_what_was_not_created(self) -> None:
        removed = {**record("a"), "eventName": "ObjectRemoved:Delete"}

        assert files_in(json.dumps({"Event": "s3:TestEvent", "Bucket": "uploads"})) == []
        assert files_in(told(removed)) == []

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "no JSON",
            "[]",
            "null",
            "{}",
            '{"Records": null}',
            '{"Records": [1]}',
            told({"eventName": "ObjectCreated:Put"}),
            told({**record("a"), "eventTime": "yesterday"}),
            told(record("%FF")),
        ],
    )
    def test_is_strange_if_it_is_anything_else(self, body: str) -> None:
        with pytest.raises(StrangeMessage):
            files_in(body)


class TestPolling:
    def test_takes_what_was_uploaded_and_acknowledges_it(
        self, s3: Any, poller: Poller, probed: Aws, taker: Taker
    ) -> None:
        s3.put_object(Bucket=probed.bucket, Key="invoice-imports/a b+ü", Body=b"1234567")
        s3.put_object(Bucket=probed.bucket, Key="pictures/a", Body=b"1")

        eventually(lambda: poller.poll() and taker.files)

        [file] = taker.files
        assert (file.bucket, file.key, file.size) == (probed.bucket, "invoice-imports/a b+ü", 7)
        assert file.sequencer
        assert probed.size(QUEUE) == 0
        [row] = OutboxEvent.objects.all()
        assert (row.payload["deed"], row.actor) == (file.key, "kernel.take")

    def test_takes_several_files_of_a_message_each_for_itself(
        self, poller: Poller, probed: Aws, taker: Taker
    ) -> None:
        probed.send(QUEUE, told(record("one"), record("fail"), record("two")))

        assert poller.poll() == 0  # since one of them wasn't taken, it is told again

        assert taker.keys == ["one", "two"]
        assert in_log() == ["one", "two"]  # what the failing one published was rolled back
        assert probed.counts(QUEUE) == (0, 1)

    def test_leaves_what_it_can_not_take_to_the_dead_letter_queue_and_goes_on(
        self, poller: Poller, probed: Aws, taker: Taker
    ) -> None:
        probed.create_queue(QUEUE, visibility=0)
        probed.send(QUEUE, "no JSON")
        probed.send(QUEUE, told(record("fail")))
        probed.send(QUEUE, told(record("one")))

        eventually(lambda: poller.poll() or probed.counts(DEAD) == (2, 0))
        eventually(lambda: poller.poll() or probed.counts(DEAD) == (2, 0))

        assert taker.keys == ["one"]
        assert probed.size(QUEUE) == 0
        assert in_log() == ["one"]

    def test_that_can_not_acknowledge_is_told_again(
        self, poller: Poller, probed: Aws, taker: Taker
    ) -> None:
        probed.create_queue(QUEUE, visibility=0)
        probed.send(QUEUE, told(record("one")))
        probed.proxy.inject("DeleteMessageBatch", refusing(500), queue=QUEUE)

        with pytest.raises(Exception, match="InternalError"):
            poller.poll()
        assert poller.poll() == 1

        assert taker.keys == ["one", "one"]  # which is why a taker must know what it has taken

    def test_receives_nothing_while_the_database_is_away(
        self, poller: Poller, probed: Aws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        probed.send(QUEUE, told(record("one")))

        def refuse() -> None:
            raise OperationalError

        connection.close()
        with monkeypatch.context() as patch:
            patch.setattr(connection, "ensure_connection", refuse)
            with pytest.raises(OperationalError):
                poller.poll()

        assert probed.proxy.counts(QUEUE) == {}
        assert poller.poll() == 1


@contextlib.contextmanager
def running(poller: Poller) -> Iterator[None]:
    def run() -> None:
        try:
            poller.run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        poller.stop()
        thread.join()


@pytest.mark.usefixtures("probed")
class TestRunning:
    @pytest.mark.parametrize("fault", [refusing(500), refusing(403), dropping])
    def test_outlives_the_failures_of_sqs(
        self,
        fault: Any,
        poller: Poller,
        probed: Aws,
        taker: Taker,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(foreign, "PAUSE_SECONDS", 0.1)
        for operation in ("ReceiveMessage", "DeleteMessageBatch"):
            probed.proxy.inject(operation, fault, queue=QUEUE)
        probed.create_queue(QUEUE, visibility=1)
        probed.send(QUEUE, told(record("one")))
        with running(poller):
            eventually(lambda: probed.size(QUEUE) == 0)

        assert probed.proxy.pending() == 0
        assert taker.keys == ["one", "one"]

    def test_ends_its_process_when_a_thread_ends_by_a_fault(
        self, taker: Taker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = threading.Event()
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        monkeypatch.setattr(Poller, "poll", lambda _: uuid.UUID("no id"))

        with foreign.polling(at_end=ended.set):
            assert ended.wait(5)

    def test_stops_when_it_is_told_to(self, taker: Taker, probed: Aws) -> None:
        with foreign.polling(at_end=lambda: None):
            probed.send(QUEUE, told(record("one")))
            eventually(lambda: taker.keys == ["one"])

        assert not [each for each in threading.enumerate() if "(run)" in each.name]


def test_who_takes_hears_on_queues_that_exist() -> None:
    assert set(foreign.takers()) <= set(django_settings.FOREIGN_QUEUES)
    assert set(django_settings.UPLOADS_TOLD.values()) <= set(django_settings.FOREIGN_QUEUES)
