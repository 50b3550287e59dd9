"""SQS ten by ten, without a worker."""

from __future__ import annotations

import subprocess
import sys

import boto3
import httpx
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from kombu import serialization

from kernel.bus import queues, sqs
from kernel.bus.sqs import Settlement, Settler, batches
from kernel.bus.transport import Channel
from tests.aws import REGION, Aws, eventually
from tests.kernel import probe
from tests.kernel.fault_proxy import dropping, refusing, slow, staling

SHOW, DELETE = "ChangeMessageVisibilityBatch", "DeleteMessageBatch"


def received(aws: Aws, count: int) -> list[Settlement]:
    """Put messages into the probe's queue, receive them, and return how to delete them."""
    for _ in range(count):
        aws.send(probe.QUEUE, "{}")
    url = f"{aws.url_prefix}{probe.QUEUE}"
    found = []
    while messages := aws.client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found += [Settlement(url, message["ReceiptHandle"]) for message in messages]
    return found


def shown(settlement: Settlement) -> Settlement:
    return Settlement(settlement.url, settlement.receipt, 0)


def settler(aws: Aws, patience: float = 1) -> Settler:
    return Settler(sqs.client(region=REGION, endpoint=aws.proxy.url, patience=patience))


class TestSettler:
    def test_settles_ten_at_a_time(self, aws: Aws) -> None:
        settlements = received(aws, 25)
        found = settler(aws)
        found.add(*settlements[:20], *map(shown, settlements[20:]))
        found.close()

        assert aws.proxy.counts(probe.QUEUE) == {DELETE: 2, SHOW: 1}
        assert aws.counts(probe.QUEUE) == (5, 0)

    def test_does_not_wait_for_a_tenth(self, aws: Aws) -> None:
        found = settler(aws)
        found.add(*received(aws, 1))

        eventually(lambda: aws.size(probe.QUEUE) == 0)
        found.close()

    @pytest.mark.parametrize("fault", [refusing(500), refusing(403), dropping, slow(1.5)])
    def test_tries_again_what_failed(self, fault: object, aws: Aws) -> None:
        aws.proxy.inject(DELETE, fault)  # type: ignore[arg-type]
        found = settler(aws)
        found.add(*received(aws, 2))

        eventually(lambda: aws.size(probe.QUEUE) == 0)
        found.close()
        assert aws.proxy.counts(probe.QUEUE) == {DELETE: 2}

    def test_goes_on_after_a_receipt_that_is_stale(self, aws: Aws) -> None:
        first, second = received(aws, 2)
        aws.proxy.inject(DELETE, staling)
        found = settler(aws)
        found.add(first)
        eventually(lambda: aws.proxy.counts(probe.QUEUE) == {DELETE: 1})
        found.add(second)
        found.close()

        assert aws.size(probe.QUEUE) == 1
        assert aws.proxy.counts(probe.QUEUE) == {DELETE: 2}  # the stale one isn't tried again

    def test_that_closes_does_not_try_twice(self, aws: Aws) -> None:
        with aws.proxy.outage(DELETE, dropping):
            found = settler(aws)
            found.add(*received(aws, 1))
            found.close()

        assert aws.proxy.counts(probe.QUEUE)[DELETE] <= 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1] * 11, [[1] * 10, [1]]),
        ([600_000, 500_000, 1], [[600_000], [500_000, 1]]),
        ([2_000_000, 1], [[2_000_000], [1]]),
    ],
)
def test_a_request_is_no_larger_than_sqs_takes(sizes: list[int], expected: list[list[int]]) -> None:
    assert list(batches(sizes, lambda size: size)) == expected


class TestCreateQueues:
    def test_makes_queues_with_their_dead_letter_queues_and_the_buckets(self, aws: Aws) -> None:
        names = queues.create_queues()

        wanted = (*settings.QUEUES, *settings.FOREIGN_QUEUES)
        assert names == [f"{aws.prefix}{queue}" for queue in wanted]
        attributes = aws.client.get_queue_attributes(
            QueueUrl=f"{aws.url_prefix}bus", AttributeNames=["All"]
        )["Attributes"]
        assert attributes["VisibilityTimeout"] == "120"
        assert attributes["MessageRetentionPeriod"] == "1209600"
        assert attributes["RedrivePolicy"] == (
            f'{{"deadLetterTargetArn": "arn:aws:sqs:{REGION}:000000000000:{aws.prefix}bus-dlq",'
            ' "maxReceiveCount": 6}'
        )

    def test_twice_keeps_what_is_there(self, aws: Aws) -> None:
        aws.send("bus", "{}")
        queues.create_queues()

        assert aws.size("bus") == 1

    def test_is_refused_on_aws(self, settings: object) -> None:
        settings.AWS_ENDPOINT_URL = None  # type: ignore[attr-defined]
        with pytest.raises(CommandError, match="AWS_ENDPOINT_URL is not set"):
            call_command("create_queues")


def test_a_page_may_follow_a_link_to_an_invoice(emulator: str, settings: object) -> None:
    settings.AWS_ENDPOINT_URL = emulator  # type: ignore[attr-defined]
    queues.create_buckets()
    s3 = boto3.client("s3", region_name="eu-north-1", endpoint_url=emulator)
    s3.put_object(Bucket="shop-invoices", Key="a.pdf", Body=b"%PDF")
    link = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "shop-invoices", "Key": "a.pdf"}
    )

    answer = httpx.get(link, headers={"Origin": "null"})

    assert (answer.content, answer.headers["Access-Control-Allow-Origin"]) == (b"%PDF", "*")


BUCKETS = ["shop-media", "shop-invoices", "shop-uploads", "shop-audit"]


def test_buckets_are_made_once(emulator: str, settings: object) -> None:
    settings.AWS_ENDPOINT_URL = emulator  # type: ignore[attr-defined]

    assert queues.create_buckets() == BUCKETS
    assert queues.create_buckets() == BUCKETS


def test_what_looks_like_a_type_of_kombus_is_only_data() -> None:
    payload = {"colour": {"__type__": "datetime", "__value__": "red"}, "name": "Lämpchen"}
    kind, encoding, body = serialization.dumps([payload], serializer="json")

    assert serialization.loads(body, kind, encoding) == [payload]


@pytest.mark.parametrize(
    ("text", "payload"), [('{"a": "é"}', {"a": "é"}), ("[]", {}), ("x", {}), ("", {})]
)
def test_what_is_no_message_of_celery_is_no_payload(text: str, payload: object) -> None:
    assert Channel._prepare_json_payload(None, text) == payload


def test_needs_no_pycurl() -> None:
    code = "import sys; sys.modules['pycurl'] = None; import kernel.bus.transport"
    subprocess.run([sys.executable, "-c", code], check=True)
