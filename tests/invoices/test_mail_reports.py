"""What Amazon SES reports by SNS: mails that came back, and those that were called spam."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.invoices import usecases
from apps.invoices.events import AddressNoted, MailBounced
from apps.invoices.models import BouncedAddress, Mail
from ecommerce.environment import Environment
from ecommerce.mails import anymail_settings
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.mail import FakePost, address_id, digest_of, installed
from kernel.transactions import transaction
from tests.aws import REGION, emulator, eventually
from tests.invoices.mail_scenes import GUEST, placed, shipped, states
from tests.invoices.scenes import NOON, flow, tell
from tests.invoices.ses import SECRET, bounce, complaint, envelope, report, signed

__all__ = ["emulator"]
pytestmark = pytest.mark.django_db
URL = "/api/v1/mails/webhooks/ses"


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": SECRET}


@pytest.fixture
def post() -> Iterator[FakePost]:
    fake = FakePost()
    with installed(fake):
        yield fake


@pytest.fixture
def sent(post: FakePost) -> Mail:
    """A mail that a guest was sent."""
    tell(placed(new_id()))
    flow()
    return Mail.objects.get()


def tell_us(body: dict[str, Any] | bytes, *, secret: str = SECRET, **headers: str) -> Any:
    """Post what SNS posts."""
    sns = signed(body if isinstance(body, dict) else {}, secret=secret)
    data = json.dumps(body) if isinstance(body, dict) else body
    kind = "text/plain; charset=UTF-8"
    return Client().generic("POST", URL, data, kind, headers={**sns, **headers})


def assert_nothing_changed(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(states().values()) <= {"SENT"}
    assert (BouncedAddress.objects.count(), published(MailBounced)) == (0, [])


def test_a_mail_that_came_back_is_the_last_one(post: FakePost, sent: Mail) -> None:
    assert tell_us(envelope(bounce(sent.id))).status_code == 204
    sent.refresh_from_db()
    assert (sent.state, sent.reason) == ("BOUNCED", "Permanent: General")
    (told,) = published(MailBounced)
    assert told.model_dump(exclude={"occurred_at"}) == {
        "mail_id": sent.id,
        "order_id": sent.order_id,
        "kind": "PLACED",
        "outcome": "BOUNCED",
    }
    tell(shipped(sent.order_id))
    flow()
    assert (len(post.mails), states()) == (1, {"PLACED": "BOUNCED", "SHIPPED": "SUPPRESSED"})


def test_that_there_is_no_mailbox_is_told_without_the_address(sent: Mail) -> None:
    tell_us(envelope(bounce(sent.id, "Transient")))
    tell_us(envelope(complaint(sent.id)))
    assert published(AddressNoted) == []
    tell_us(envelope(bounce(sent.id, email=GUEST.upper())))
    with transaction():
        usecases.allow_address(digest=BouncedAddress.objects.get().digest, at=NOON)
    told = [event.model_dump(exclude={"occurred_at"}) for event in published(AddressNoted)]
    about = {"address_id": address_id(digest_of(GUEST))}
    assert told == [{**about, "takes_mail": False}, {**about, "takes_mail": True}]


def test_twice_told_is_once(sent: Mail) -> None:
    for _ in range(2):
        assert tell_us(envelope(bounce(sent.id))).status_code == 204
    assert (len(published(MailBounced)), BouncedAddress.objects.count()) == (1, 1)


def test_a_full_mailbox_gets_the_next_mail(post: FakePost, sent: Mail) -> None:
    tell_us(envelope(bounce(sent.id, "Transient")))
    tell(shipped(sent.order_id))
    flow()
    assert (len(post.mails), states()) == (2, {"PLACED": "BOUNCED", "SHIPPED": "SENT"})


def test_who_calls_a_mail_spam_gets_no_more(post: FakePost, sent: Mail) -> None:
    assert tell_us(envelope(complaint(sent.id))).status_code == 204
    assert BouncedAddress.objects.get().reason == "COMPLAINED"
    (told,) = published(MailBounced)
    assert isinstance(told, MailBounced)
    assert told.outcome == "COMPLAINED"
    tell(shipped(sent.order_id))
    flow()
    assert (len(post.mails), states()) == (1, {"PLACED": "COMPLAINED", "SHIPPED": "SUPPRESSED"})


@pytest.mark.parametrize("known", [False, True])
def test_of_a_mail_of_others_the_address_is_kept_alone(
    post: FakePost, sent: Mail, known: bool
) -> None:
    assert tell_us(envelope(bounce(new_id() if known else None))).status_code == 204
    tell(shipped(sent.order_id))
    flow()
    assert states() == {"PLACED": "SENT", "SHIPPED": "SUPPRESSED"}
    assert published(MailBounced) == []


def test_a_report_that_overtakes_the_mark_is_not_forgotten(sent: Mail) -> None:
    Mail.objects.update(state="READY", sent_at=None)
    tell_us(envelope(bounce(sent.id)))
    with transaction():
        usecases.note_mail_sent(mail_id=sent.id, at=NOON)
    sent.refresh_from_db()
    assert (sent.state, sent.sent_at) == ("BOUNCED", NOON)


def test_no_table_keeps_the_address_that_bounced(sent: Mail) -> None:
    tell_us(envelope(bounce(sent.id, email="Anna@Else.example")))
    row, mail = BouncedAddress.objects.values().get(), Mail.objects.values().get()
    assert "else.example" not in f"{row}{mail}".lower()
    assert BouncedAddress.has("anna@else.example")


@pytest.mark.parametrize("kind", ["Delivery", "Send", "Open"])
def test_what_went_well_changes_nothing(sent: Mail, kind: str) -> None:
    answer = tell_us(envelope(report(kind, sent.id, recipients=[GUEST])))
    assert answer.status_code == 204
    assert (states(), BouncedAddress.objects.count()) == ({"PLACED": "SENT"}, 0)


class TestWhoIsNotTrusted:
    @pytest.mark.parametrize("secret", ["sns:another", "", ":"])
    def test_is_asked_for_the_secret(self, sent: Mail, secret: str) -> None:
        answer = tell_us(envelope(bounce(sent.id)), secret=secret)
        assert_nothing_changed(answer, 401, "untrusted_report")
        assert answer["WWW-Authenticate"] == 'Basic realm="mails"'

    def test_is_whoever_says_nothing(self, sent: Mail) -> None:
        answer = APIClient().post(URL, envelope(bounce(sent.id)))
        assert_nothing_changed(answer, 401, "untrusted_report")

    def test_is_everyone_while_there_is_no_secret(self, sent: Mail, settings: Settings) -> None:
        settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": ""}
        for secret in ("", ":", SECRET):
            answer = tell_us(envelope(bounce(sent.id)), secret=secret)
            assert_nothing_changed(answer, 401, "untrusted_report")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff",
            b"[]",
            b"1",
            b"{}",
            envelope("no JSON"),
            envelope("[]"),
            envelope("1"),
            envelope({"notificationType": "Bounce"}),
            envelope({"notificationType": "Received"}),
            envelope({"notificationType": "Bounce", "bounce": {"bouncedRecipients": [{}]}}),
            envelope("x", "Other"),
        ],
        ids=lambda body: str(body.get("Message") if isinstance(body, dict) else body),
    )
    def test_what_is_no_report_is_refused(self, sent: Mail, body: Any) -> None:
        assert_nothing_changed(tell_us(body), 400, "unreadable_report")

    def test_what_differs_from_its_headers_is_refused(self, sent: Mail) -> None:
        body = envelope(bounce(sent.id))
        answer = tell_us(body, **{"X-Amz-Sns-Message-Id": str(new_id())})
        assert_nothing_changed(answer, 400, "unreadable_report")


class Listener(http.server.BaseHTTPRequestHandler):
    """Keeps what SNS posts; nothing is asked of who posts it."""

    got: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A place that SNS may post to, and what it has posted there."""
    handler = type("OneListener", (Listener,), {"got": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", handler.got  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def test_a_subscription_is_confirmed_and_then_a_real_bounce_is_heard(
    emulator: str, listener: tuple[str, list[dict[str, Any]]], sent: Mail, settings: Settings
) -> None:
    """SES and SNS of the emulator tell; it leaves out headers, and so the mail's id."""
    url, got = listener
    at = {"region_name": REGION, "endpoint_url": emulator}
    sns, ses = boto3.client("sns", **at), boto3.client("ses", **at)  # type: ignore[call-overload]
    topic = sns.create_topic(Name=f"mails-{new_id()}")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    asked = eventually(lambda: next((e for e in got if "Token" in e), None))
    environment = Environment().model_copy(update={"aws_endpoint_url": emulator})
    settings.ANYMAIL = {**anymail_settings(environment), "WEBHOOK_SECRET": SECRET}

    assert tell_us(asked, secret="sns:another").status_code == 401
    assert is_pending(sns, topic) == "true"
    assert tell_us(asked).status_code == 204
    assert is_pending(sns, topic) == "false"

    ses.verify_domain_identity(Domain="shop.example")
    ses.set_identity_notification_topic(
        Identity="shop.example", NotificationType="Bounce", SnsTopic=topic
    )
    ses.send_email(
        Source="shop@shop.example",
        Destination={"ToAddresses": ["bounce@simulator.amazonses.com"]},
        Message={"Subject": {"Data": "S"}, "Body": {"Text": {"Data": "T"}}},
    )
    told = eventually(lambda: next((e for e in got if e["Type"] == "Notification"), None))
    assert tell_us(told).status_code == 204
    assert BouncedAddress.has("bounce@simulator.amazonses.com")


def is_pending(sns: Any, topic: str) -> str:
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=found["SubscriptionArn"])
    return str(attributes["Attributes"]["PendingConfirmation"])
