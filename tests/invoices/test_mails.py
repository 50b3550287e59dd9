"""An order's mails: what is sent when, to whom, how often, and what becomes of it."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.db import DatabaseError, connection
from pytest_django import Settings

from apps.invoices import jobs, queries, usecases
from apps.invoices.events import MailBounced, MailRequested, MailSent
from apps.invoices.gateway import FakeDocumentStore
from apps.invoices.models import BouncedAddress, Correspondence, CreditNote, Invoice, Mail
from apps.users.events import UserErased
from kernel.bus import inbox
from kernel.bus.event import Event
from kernel.bus.models import Delivery
from kernel.bus.testing import envelopes, in_order, newly_sent, published, twice_and_shuffled
from kernel.ids import new_id
from kernel.mail import FakePost, installed
from kernel.mail import Mail as Outgoing
from kernel.signing import unsign_order
from kernel.transactions import savepoint, transaction
from tests.invoices.mail_scenes import (
    GUEST,
    NUMBER,
    TRACKING,
    cancelled,
    failed,
    got,
    link_asked,
    placed,
    shipped,
    states,
    use,
    whole_life,
)
from tests.invoices.scenes import NOON, captured, flow, fulfilled, refunded, registered, tell
from tests.smtp import Server, serving

pytestmark = pytest.mark.django_db
Heard = Callable[..., None]
SECRETS = ("Storgatan", "Lovelace", "+46701234567")


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A mail server that speaks SMTP."""
    with serving() as server:
        use(settings, server)
        yield server


@pytest.fixture
def post() -> Iterator[FakePost]:
    fake = FakePost()
    with installed(fake):
        yield fake


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def tell_of(mail: Mail) -> dict[str, object]:
    return {"mail_id": mail.id, "order_id": mail.order_id, "kind": mail.kind}


class TestAnOrder:
    @pytest.mark.parametrize("seed", [None, 1, 2, 3])
    def test_from_placed_to_refunded_sends_each_mail_once(
        self, server: Server, store: FakeDocumentStore, seed: int | None
    ) -> None:
        order_id = new_id()
        tell(*whole_life(order_id))
        flow(in_order if seed is None else twice_and_shuffled(seed))

        invoice, note = Invoice.objects.get(), CreditNote.objects.get()
        sent = {each.subject: each for each in got(server)}
        assert sorted(sent) == sorted(
            [
                f"Your order {NUMBER}",
                f"Your order {NUMBER} is on its way",
                f"Invoice {invoice.number} for your order {NUMBER}",
                "We have refunded €49.90",
            ]
        )
        assert len(server.mails) == 4
        assert {each.to for each in sent.values()} == {GUEST}
        assert {each.id for each in sent.values()} == {
            str(mail_id) for mail_id in Mail.objects.values_list("id", flat=True)
        }
        files = {
            name: hashlib.sha256(content).hexdigest()
            for each in sent.values()
            for name, content in each.files.items()
        }
        assert files == {f"{paper}.pdf": paper.sha256 for paper in (invoice, note)}
        assert set(Mail.objects.values_list("state", "tries")) == {("SENT", 1)}
        assert len(published(MailSent)) == len(published(MailRequested)) == 4
        assert TRACKING in sent[f"Your order {NUMBER} is on its way"].text
        assert "Arrived broken" in sent["We have refunded €49.90"].text

    def test_is_confirmed_with_all_that_was_agreed(self, server: Server, clock: object) -> None:
        order_id = new_id()
        tell(placed(order_id))
        flow()
        (sent,) = got(server)
        link = sent.text.split("View your order:\n")[1].split("\n")[0]
        assert link.startswith("http://127.0.0.1:8000/order#token=")
        assert unsign_order(link.partition("#token=")[2]) == order_id
        assert sent.text.replace(link, "LINK") == PLACED_TEXT
        assert f'href="{link}"' in sent.html

    def test_of_a_customer_is_told_to_the_accounts_address_in_the_orders_language(
        self, server: Server
    ) -> None:
        order_id, customer_id = new_id(), new_id()
        tell(registered(customer_id), placed(order_id, customer_id=customer_id, locale="de-AT"))
        flow()
        (sent,) = got(server)
        assert (sent.to, sent.subject) == (GUEST, f"Ihre Bestellung {NUMBER}")
        assert f"http://127.0.0.1:8000/orders/{order_id}" in sent.text
        assert ("#token" in sent.text, "ohne Anmeldung" in sent.text) == (False, False)
        assert "1. März 2026" in sent.text
        assert "€\xa0104,80" in sent.text

    @pytest.mark.parametrize(
        ("reason", "words"),
        [
            ("out_of_stock", "is sold out"),
            ("payment_declined", "was declined"),
            ("timed_out", "took too long"),
            ("requested", "As you asked"),
        ],
    )
    def test_that_is_cancelled_is_told_why(self, post: FakePost, reason: str, words: str) -> None:
        order_id = new_id()
        tell(placed(order_id), cancelled(order_id, reason))
        flow()
        assert post.mails[-1].subject == f"Your order {NUMBER} was cancelled"
        assert words in " ".join(post.mails[-1].text.split())
        assert "Nothing is charged." in post.mails[-1].text

    @pytest.mark.parametrize(
        ("reason", "words"),
        [("packaging_failed", "not fit to be sent"), ("delivery_failed", "comes back to us")],
    )
    def test_that_fails_is_told_why(self, post: FakePost, reason: str, words: str) -> None:
        order_id = new_id()
        tell(placed(order_id), failed(order_id, reason))
        flow()
        assert post.mails[-1].subject == f"We can't deliver your order {NUMBER}"
        assert words in " ".join(post.mails[-1].text.split())

    def test_that_was_stored_meanwhile_has_its_invoice_read_from_there(
        self, post: FakePost, store: FakeDocumentStore
    ) -> None:
        order_id = new_id()
        tell(fulfilled(order_id), captured(order_id))
        flow()
        assert (post.mails, states()) == ([], {"INVOICE": "WAITING"})  # for the order

        tell(placed(order_id))
        flow()
        ((key, content),) = store.documents.items()
        found = {each.subject: each for each in post.mails}
        (file,) = found[f"Invoice {Invoice.objects.get()} for your order {NUMBER}"].attachments
        assert (file.content, f"2026/{file.name.removesuffix('.pdf')}" in key) == (content, True)

    def test_writes_no_more_statements_for_more_mails(
        self, post: FakePost, django_assert_num_queries: Callable[..., object]
    ) -> None:
        order_id = new_id()
        tell(placed(order_id))
        flow()
        for _ in range(3):
            tell(link_asked(order_id))
            ((queue, envelope),) = newly_sent_to("invoices")
            with django_assert_num_queries(13):
                inbox.deliver(queue, [envelope])


def die(**_: object) -> None:
    raise ProcessLookupError


def newly_sent_to(queue: str) -> list[tuple[str, object]]:
    return [message for message in newly_sent() if message[0] == queue]


TIMES = "\N{MULTIPLICATION SIGN}"
PLACED_TEXT = f"""\
Thank you for your order
========================

We have your order {NUMBER} of March 1, 2026. We will write again when
it is on its way.

Order: {NUMBER}

Lamp
  2 {TIMES} €49.90                                                      €99.80
------------------------------------------------------------------------
Goods                                                             €99.80
Delivery                                                          €10.00
Discount SPRING                                                   -€5.00
Total                                                            €104.80
Includes VAT 25 %: €20.96

Delivery to:
Analytical Engines Ltd
Ada Lovelace
Storgatan 1
111 22 Stockholm
Sweden

View your order:
LINK

This link opens your order without a login until May 30, 2026. Keep this
mail as you would a key.

Questions? Write to billing@shop.example.

--{" "}
The Shop AB
Drottninggatan 1, 111 51 Stockholm
"""


class TestSending:
    @pytest.fixture
    def message(self) -> tuple[str, object]:
        tell(placed(new_id()))
        flow_inside()
        ((queue, envelope),) = [m for m in newly_sent() if m[0] == "invoices-outside"]
        return queue, envelope

    def deliver(self, message: tuple[str, object]) -> bool:
        queue, envelope = message
        return inbox.deliver(queue, [envelope])  # type: ignore[list-item]

    def test_is_tried_again_while_the_server_is_down(
        self, post: FakePost, message: tuple[str, object]
    ) -> None:
        post.is_down = True
        assert [self.deliver(message) for _ in range(2)] == [False, False]
        assert Delivery.objects.get().error == "builtins.ConnectionError"
        assert Mail.objects.values_list("state", "tries", "sent_at").get() == ("READY", 2, None)
        assert published(MailSent) == []

        post.is_down = False
        assert self.deliver(message)
        assert (len(post.mails), states()) == (1, {"PLACED": "SENT"})
        assert Delivery.objects.get().state == "RECOVERED"
        assert len(published(MailSent)) == 1

    def test_after_a_crash_goes_out_under_the_same_id(
        self, server: Server, message: tuple[str, object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(usecases, "note_mail_sent", die)
            assert not self.deliver(message)
        assert self.deliver(message)
        assert self.deliver(message)
        first, second = got(server)
        assert first.id == second.id == str(Mail.objects.get().id)
        assert Mail.objects.values_list("state", "tries").get() == ("SENT", 2)

    def test_passes_its_mark_only_if_it_has_not_left(
        self, post: FakePost, message: tuple[str, object]
    ) -> None:
        assert self.deliver(message)
        with transaction():  # as a replay asks
            assert usecases.write_mail(mail_id=Mail.objects.get().id, at=NOON) is None
        assert len(post.mails) == 1

    @pytest.mark.django_db(transaction=True)
    def test_by_two_workers_at_once_sends_once(self) -> None:
        """SQS brings a message twice while the mail server is slow."""
        tell(placed(new_id()))
        flow_inside()
        ((queue, envelope),) = [m for m in newly_sent() if m[0] == "invoices-outside"]
        begun, may_end = threading.Event(), threading.Event()

        class SlowPost(FakePost):
            def send(self, mail: Outgoing) -> bool:
                begun.set()
                assert may_end.wait(10)
                return super().send(mail)

        def deliver() -> bool:
            try:
                return inbox.deliver(queue, [envelope])
            finally:
                connection.close()

        post = SlowPost()
        with installed(post), ThreadPoolExecutor(2) as workers:
            slow = workers.submit(deliver)
            assert begun.wait(10)
            second = workers.submit(deliver)
            time.sleep(0.2)
            assert not second.done()
            may_end.set()
            assert slow.result(10)
            assert second.result(10)
        assert len(post.mails) == 1
        assert Mail.objects.values_list("state", "tries").get() == ("SENT", 1)

    def test_to_an_address_that_is_none_is_told_and_given_up(
        self, server: Server, message: tuple[str, object]
    ) -> None:
        server.verdict = "550 no such user"
        assert self.deliver(message)
        mail = Mail.objects.get()
        assert (mail.state, server.mails, Delivery.objects.count()) == ("REFUSED", [], 0)
        (told,) = published(MailBounced)
        assert told.model_dump(exclude={"occurred_at"}) == {**tell_of(mail), "outcome": "REFUSED"}
        assert BouncedAddress.objects.count() == 0
        assert_nothing_is_kept()

    def test_says_so_to_the_audit_without_an_address(
        self, post: FakePost, message: tuple[str, object]
    ) -> None:
        self.deliver(message)
        mail = Mail.objects.get()
        (told,) = published(MailSent)
        assert told.model_dump(exclude={"occurred_at"}) == tell_of(mail)
        payloads = [str(e.payload) for e in envelopes() if e.name.startswith("invoices.mail")]
        assert (len(payloads), any(GUEST in each for each in payloads)) == (2, False)


def flow_inside() -> None:
    """Let invoices hear, but send nothing yet."""
    for queue, envelope in newly_sent():
        if queue == "invoices":
            assert inbox.deliver(queue, [envelope])


def assert_nothing_is_kept() -> None:
    """Check that no table of mails tells where the order went."""
    with connection.cursor() as cursor:
        for table in ("invoices_correspondence", "invoices_mail"):
            cursor.execute(f'SELECT json_agg(t)::text FROM "{table}" AS t')
            rows = cursor.fetchone()[0]
            assert [secret for secret in SECRETS if secret in rows] == []


class TestWaiting:
    def test_for_its_order_ends_when_that_is_heard_of(self, post: FakePost) -> None:
        order_id = new_id()
        tell(cancelled(order_id))
        flow()
        assert (post.mails, states()) == ([], {"CANCELLED": "WAITING"})
        assert published(MailRequested) == []

        tell(placed(order_id))
        flow()
        assert states() == {"CANCELLED": "SENT", "PLACED": "SENT"}

    def test_for_its_readers_address_ends_when_a_job_finds_it(self, post: FakePost) -> None:
        order_id, customer_id = new_id(), new_id()
        tell(placed(order_id, customer_id=customer_id))
        flow()
        jobs.wake_mails()
        flow()
        assert (post.mails, states()) == ([], {"PLACED": "WAITING"})

        tell(registered(customer_id))
        flow()
        jobs.wake_mails()
        flow()
        assert ([mail.to for mail in post.mails], states()) == ([GUEST], {"PLACED": "SENT"})
        assert_nothing_is_kept()


class TestErasure:
    @pytest.fixture
    def customer_id(self) -> uuid.UUID:
        customer_id = new_id()
        tell(registered(customer_id))
        flow()
        return customer_id

    def erased(self, customer_id: uuid.UUID) -> UserErased:
        return UserErased(occurred_at=NOON, user_id=customer_id, version=2)

    @pytest.mark.parametrize("seed", range(6))
    def test_ends_all_mails_in_whatever_order_news_come(
        self, post: FakePost, customer_id: uuid.UUID, seed: int
    ) -> None:
        tell(self.erased(customer_id))
        flow()
        tell(*whole_life(new_id(), customer_id=customer_id))
        flow(twice_and_shuffled(seed))
        assert (post.mails, set(states().values())) == ([], {"DROPPED"})
        assert_nothing_is_kept()

    def test_drops_what_waits_to_be_sent(self, post: FakePost, customer_id: uuid.UUID) -> None:
        tell(placed(new_id(), customer_id=customer_id))
        flow_inside()
        sending = [m for m in newly_sent() if m[0] == "invoices-outside"]
        tell(self.erased(customer_id))
        flow()
        assert states() == {"PLACED": "DROPPED"}
        assert_nothing_is_kept()
        assert all(inbox.deliver(queue, [envelope]) for queue, envelope in sending)
        assert post.mails == []

    def test_of_what_waited_for_the_order_sends_nothing(
        self, post: FakePost, customer_id: uuid.UUID
    ) -> None:
        order_id = new_id()
        tell(shipped(order_id), self.erased(customer_id))
        flow()
        tell(placed(order_id, customer_id=customer_id))
        flow()
        assert (post.mails, set(states().values())) == ([], {"DROPPED"})

    def test_is_not_needed_for_the_address_of_the_goods(self, post: FakePost) -> None:
        order_id = new_id()
        tell(placed(order_id))
        flow_inside()
        assert Correspondence.objects.get().address["name"] == "Ada Lovelace"  # type: ignore[index]
        flow_sending = [m for m in newly_sent() if m[0] == "invoices-outside"]
        assert all(inbox.deliver(queue, [envelope]) for queue, envelope in flow_sending)
        assert_nothing_is_kept()

    def test_of_guests_comes_with_time(self, post: FakePost, clock: time_machine.Traveller) -> None:
        tell(placed(new_id()))
        flow()
        clock.shift(dt.timedelta(days=400))
        jobs.forget_old_mails()
        assert Correspondence.objects.get().email == GUEST
        clock.shift(dt.timedelta(seconds=1))
        jobs.forget_old_mails()
        assert (Correspondence.objects.count(), Mail.objects.count()) == (0, 0)


class TestSendingAgain:
    def test_sends_a_copy_under_an_id_of_its_own(self, server: Server) -> None:
        order_id = new_id()
        tell(*whole_life(order_id))
        flow()
        first = Mail.objects.get(kind="INVOICE")
        with transaction():
            usecases.send_again(mail_id=first.id, at=NOON)
        flow()
        copy = Mail.objects.get(copy_of=first.id)
        assert (copy.state, copy.kind, copy.about) == ("SENT", "INVOICE", first.about)
        assert got(server)[-1].id == str(copy.id)
        assert got(server)[-1].files == got(server)[2].files
        with transaction():
            usecases.send_again(mail_id=copy.id, at=NOON)
        assert Mail.objects.filter(copy_of=first.id).count() == 2

    def test_of_the_first_mail_no_longer_tells_where_the_goods_went(self, post: FakePost) -> None:
        tell(placed(new_id()))
        flow()
        with transaction():
            usecases.send_again(mail_id=Mail.objects.get().id, at=NOON)
        flow()
        first, again = post.mails
        assert ("Storgatan" in first.text, "Storgatan" in again.text) == (True, False)
        assert "Delivery to" not in again.text

    def test_is_refused_while_it_is_under_way(self, post: FakePost) -> None:
        tell(cancelled(new_id()))
        flow()
        with transaction(), pytest.raises(usecases.MailUnderWay):
            usecases.send_again(mail_id=Mail.objects.get().id, at=NOON)
        with transaction(), pytest.raises(usecases.UnknownMail):
            usecases.send_again(mail_id=new_id(), at=NOON)
        assert (Mail.objects.count(), published(MailRequested)) == (1, [])


class TestALostLink:
    def test_is_sent_to_the_guest_alone(self, post: FakePost, clock: object) -> None:
        order_id = new_id()
        tell(placed(order_id))
        flow()
        tell(link_asked(order_id), link_asked(None))
        flow()
        assert [mail.subject for mail in post.mails[1:]] == [f"The link to your order {NUMBER}"]
        assert post.mails[1].to == GUEST
        token = post.mails[1].text.partition("#token=")[2].split("\n")[0]
        assert unsign_order(token) == order_id

    def test_of_a_customers_order_is_sent_to_no_one(self, post: FakePost) -> None:
        order_id, customer_id = new_id(), new_id()
        tell(registered(customer_id), placed(order_id, customer_id=customer_id))
        flow()
        tell(link_asked(order_id))
        flow()
        assert [mail.subject for mail in post.mails] == [f"Your order {NUMBER}"]

    def test_does_not_flood_its_reader(self, post: FakePost, clock: time_machine.Traveller) -> None:
        order_id = new_id()
        tell(placed(order_id))
        tell(*(link_asked(order_id) for _ in range(8)))
        flow()
        assert len(post.mails) == 1 + 5
        clock.shift(dt.timedelta(hours=1))
        tell(link_asked(order_id))
        flow()
        assert len(post.mails) == 1 + 5 + 1


TABLE, COLUMNS = (
    "invoices_mail",
    "kind, order_id, about, facts, state, reason, tries, created_at, sent_at",
)


class TestTheTable:
    @pytest.mark.parametrize(
        ("statement", "guard"),
        [
            ("UPDATE invoices_mail SET state = 'GONE'", "mail_state"),
            ("UPDATE invoices_mail SET kind = 'OTHER'", "mail_kind"),
            ("UPDATE invoices_mail SET sent_at = NULL", "mail_sent_at"),
            (
                f"INSERT INTO invoices_mail (id, {COLUMNS}) SELECT %s, {COLUMNS} FROM {TABLE}",
                "tells_once",
            ),
        ],
    )
    def test_refuses_a_breach_of_a_rule(self, post: FakePost, statement: str, guard: str) -> None:
        tell(placed(new_id()))
        flow()
        cursor = connection.cursor()
        with transaction(), pytest.raises(DatabaseError, match=guard), savepoint(), cursor:
            cursor.execute(statement, [new_id()] if "%s" in statement else None)


def test_a_mail_without_a_file_has_no_document(post: FakePost) -> None:
    tell(placed(new_id()))
    flow()
    assert queries.document_of(mail_id=Mail.objects.get().id) is None
    assert post.mails[0].attachments == ()


def test_a_refund_is_told_once_its_credit_note_is_issued(post: FakePost, heard: Heard) -> None:
    order_id = new_id()
    events: list[Event] = [placed(order_id), refunded(order_id)]
    heard(*events)
    assert states() == {"PLACED": "SENT"}  # there is no invoice yet that could be credited
    heard(fulfilled(order_id), captured(order_id))
    assert states() == {"PLACED": "SENT", "INVOICE": "SENT", "CREDIT_NOTE": "SENT"}
