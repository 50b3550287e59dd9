from __future__ import annotations

import datetime as dt
import logging
import smtplib
import uuid
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail.backends import locmem
from rest_framework.test import APIClient

from apps.invoices.events import AddressNoted
from apps.users import jobs, usecases
from apps.users.events import LetterRequested, UserUpdated
from apps.users.models import Letter, NotedAddress, RefreshToken, User
from apps.users.usecases import accounts
from kernel.bus import inbox
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.testing import (
    Courier,
    envelopes,
    in_order,
    newly_sent,
    published,
    run_until_quiet,
    twice_and_shuffled,
)
from kernel.ids import new_id
from kernel.mail import FakePost, Mail, address_id, digest_of, installed
from kernel.mail import post as current_post
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.users.conftest import EMAIL, PASSWORD
from tests.users.mails import mails, tokens

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "cheap_hashes")]
Clients = Callable[..., APIClient]
Clock = time_machine.Traveller
NEW = "another good password"


def register(client: APIClient, **changes: str) -> Any:
    body = {"email": EMAIL, "password": PASSWORD, "name": "Anna", **changes}
    return client.post("/api/v1/users", body)


def verify(client: APIClient, token: str) -> Any:
    return client.post("/api/v1/auth/verify-email", {"token": token})


def ask_reset(client: APIClient, email: str = EMAIL) -> Any:
    return client.post("/api/v1/auth/password-reset", {"email": email})


def confirm(client: APIClient, token: str, password: str = NEW) -> Any:
    body = {"token": token, "password": password}
    return client.post("/api/v1/auth/password-reset/confirm", body)


def log_in(client: APIClient, password: str) -> Any:
    return client.post("/api/v1/auth/token", {"email": EMAIL, "password": password})


def is_verified() -> bool:
    return User.objects.get(email=EMAIL).email_verified_at is not None


class TestRegistering:
    def test_sends_a_link_that_confirms_the_address_once(self, anyone: APIClient) -> None:
        register(anyone)
        (sent,) = mails()
        assert (sent.to, sent.subject) == ([EMAIL], "Confirm your e-mail address")
        (token,) = tokens()
        assert f"http://127.0.0.1:8000/verify-email#token={token}" in str(sent.body)
        ((html, kind),) = sent.alternatives
        assert (kind, f"/verify-email#token={token}" in str(html)) == ("text/html", True)

        assert (verify(anyone, token).status_code, is_verified()) == (204, True)
        user = User.objects.get()
        assert published(UserUpdated) == [
            UserUpdated(
                occurred_at=NOON,
                user_id=user.id,
                version=2,
                email=EMAIL,
                name_of_user="Anna",
                is_email_verified=True,
                changed=("is_email_verified",),
            )
        ]
        again = verify(anyone, token)
        assert (again.status_code, again.json()["code"]) == (422, "link_not_valid")

    def test_says_nothing_in_the_mail_that_who_registers_could_choose(
        self, anyone: APIClient
    ) -> None:
        register(anyone, name="Buy at http://spam.example")
        (sent,) = mails()
        assert "spam" not in f"{sent.body}{sent.alternatives}{sent.subject}"

    def test_an_address_that_has_an_account_tells_its_owner_alone(self, anyone: APIClient) -> None:
        first, second = register(anyone), register(anyone, password=NEW)
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert [sent.subject for sent in mails()] == [
            "Confirm your e-mail address",
            "You have an account already",
        ]
        assert len(tokens()) == 1

    def test_does_not_flood_the_owner(self, anyone: APIClient) -> None:
        for _ in range(8):
            assert register(anyone).status_code == 201
        kinds = list(Letter.objects.order_by("id").values_list("kind", flat=True))
        assert kinds == ["verify_email"] + ["account_exists"] * 5

    def test_costs_the_same_with_and_without_an_account(
        self, anyone: APIClient, django_assert_num_queries: Any
    ) -> None:
        register(anyone, email="bo@example.com")
        with django_assert_num_queries(7):  # savepoint, insert, look, count, letter, event, release
            register(anyone, email="bo@example.com")
        with django_assert_num_queries(9):  # and the person's key, and that there is one more
            register(anyone)


class TestALink:
    def test_expires(self, anyone: APIClient, clock: Clock) -> None:
        register(anyone)
        (token,) = tokens()
        clock.shift(dt.timedelta(days=3))
        assert verify(anyone, token).json()["code"] == "link_not_valid"
        assert not is_verified()

    @pytest.mark.parametrize("token", ["", "x", "x" * 500, "x" * 501, "a:b:c"])
    def test_that_was_never_given_out_opens_nothing(self, anyone: APIClient, token: str) -> None:
        register(anyone)
        assert verify(anyone, token).status_code in {400, 422}
        assert confirm(anyone, token).status_code in {400, 422}
        assert (is_verified(), len(published(UserUpdated))) == (False, 0)

    def test_of_one_kind_does_not_do_for_the_other(self, anyone: APIClient) -> None:
        register(anyone)
        ask_reset(anyone)
        to_verify, to_reset = tokens()
        assert verify(anyone, to_reset).json()["code"] == "link_not_valid"
        assert confirm(anyone, to_verify).json()["code"] == "link_not_valid"
        assert User.objects.get().check_password(PASSWORD)

    def test_of_a_closed_account_opens_nothing(self, anyone: APIClient) -> None:
        register(anyone)
        ask_reset(anyone)
        to_verify, to_reset = tokens()
        with transaction():
            accounts.deactivate(user_id=User.objects.get().id, at=NOON)
        assert verify(anyone, to_verify).json()["code"] == "link_not_valid"
        assert confirm(anyone, to_reset).json()["code"] == "link_not_valid"

    def test_that_is_followed_takes_the_others_of_its_kind_with_it(self, anyone: APIClient) -> None:
        register(anyone)
        ask_reset(anyone)
        ask_reset(anyone)
        _, first, second = tokens()
        assert confirm(anyone, second).status_code == 204
        assert confirm(anyone, first).json()["code"] == "link_not_valid"

    def test_stands_in_no_table_and_no_log(
        self, anyone: APIClient, caplog: pytest.LogCaptureFixture, capfd: Any
    ) -> None:
        caplog.set_level(logging.DEBUG)
        register(anyone)
        ask_reset(anyone)
        found = tokens()
        out, err = capfd.readouterr()
        seen = f"{caplog.text}{out}{err}{list(OutboxEvent.objects.values())}"
        seen += str(list(Letter.objects.values("id", "kind", "used_at")))
        assert len(found) == 2
        assert [token for token in found if token in seen or token.split(":")[0] in seen] == []
        assert EMAIL not in seen


class TestAnAddressWithoutAMailbox:
    def noted(self, *, takes_mail: bool, minutes: int = 0) -> AddressNoted:
        return AddressNoted(
            occurred_at=NOON + dt.timedelta(minutes=minutes),
            address_id=address_id(digest_of(EMAIL.upper())),
            takes_mail=takes_mail,
        )

    def tell(self, *events: AddressNoted, courier: Courier = in_order) -> None:
        with transaction():
            publish(*events)
        run_until_quiet(courier, only={"users"})

    def test_is_sent_nothing_until_staff_let_it(self, anyone: APIClient) -> None:
        register(anyone)
        assert len(mails()) == 1
        self.tell(self.noted(takes_mail=False))
        answer = ask_reset(anyone)
        assert (answer.status_code, len(mails())) == (202, 1)
        assert Letter.objects.filter(kind="reset_password").count() == 0  # it will not come late
        register(anyone, email="bo@example.com")
        assert [sent.to for sent in mails()] == [[EMAIL], ["bo@example.com"]]

        self.tell(self.noted(takes_mail=True, minutes=1))
        ask_reset(anyone)
        assert [sent.to for sent in mails()][2:] == [[EMAIL]]

    @pytest.mark.parametrize("seed", range(4))
    def test_is_what_was_said_of_it_last_in_whatever_order_it_comes(self, seed: int) -> None:
        said = [self.noted(takes_mail=bool(n % 2), minutes=n) for n in range(4)]
        self.tell(*said, courier=twice_and_shuffled(seed))
        [noted] = NotedAddress.objects.values_list("takes_mail", "noted_at")
        assert noted == (True, NOON + dt.timedelta(minutes=3))


class TestResending:
    def test_gives_another_link_and_leaves_the_first_one_good(
        self, client_for: Clients, anyone: APIClient, registered: uuid.UUID
    ) -> None:
        answer = client_for(user_id=registered).post("/api/v1/auth/verify-email/resend")
        assert answer.status_code == 202
        first, second = tokens()
        assert first != second
        assert (verify(anyone, first).status_code, is_verified()) == (204, True)
        assert verify(anyone, second).json()["code"] == "link_not_valid"

    def test_is_bounded(self, client_for: Clients, registered: uuid.UUID, clock: Clock) -> None:
        client = client_for(user_id=registered)
        clock.shift(dt.timedelta(minutes=10))
        for _ in range(4):
            assert client.post("/api/v1/auth/verify-email/resend").status_code == 202
        before = len(published())
        for _ in range(2):
            answer = client.post("/api/v1/auth/verify-email/resend")
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_letters")
            assert answer["Retry-After"] == "3000"
        assert (len(published()), len(mails())) == (before, 5)
        clock.shift(dt.timedelta(minutes=50))
        assert client.post("/api/v1/auth/verify-email/resend").status_code == 202

    def test_is_refused_once_the_address_is_confirmed_or_without_an_account(
        self, client_for: Clients, anyone: APIClient, registered: uuid.UUID
    ) -> None:
        verify(anyone, tokens()[0])
        before = published()
        asked = "/api/v1/auth/verify-email/resend"
        assert client_for(user_id=registered).post(asked).json()["code"] == "email_already_verified"
        assert client_for().post(asked).json()["code"] == "user_not_found"
        assert anyone.post(asked).status_code == 401
        assert published() == before


class TestAForgottenPassword:
    def test_is_replaced_by_who_reads_the_mail(
        self, anyone: APIClient, registered: uuid.UUID
    ) -> None:
        held = log_in(anyone, PASSWORD).json()["refresh"]
        assert ask_reset(anyone, " ANNA@Example.com ".strip()).status_code == 202
        assert confirm(anyone, tokens()[-1]).status_code == 204

        assert log_in(anyone, PASSWORD).status_code == 401
        assert log_in(anyone, NEW).status_code == 200
        old = RefreshToken.objects.get(token_hash=RefreshToken.hash_of(held))
        assert old.revoked_at == NOON  # before anyone tries it
        refreshed = anyone.post("/api/v1/auth/token/refresh", {"refresh": held})
        assert refreshed.json()["code"] == "invalid_refresh_token"
        assert mails()[-1].subject == "Your password was changed"
        (event,) = published(UserUpdated)
        assert isinstance(event, UserUpdated)
        assert (event.version, event.changed) == (2, ("is_email_verified", "password"))

    def test_gets_the_same_answer_at_the_same_cost_without_an_account(
        self, anyone: APIClient, registered: uuid.UUID, django_assert_num_queries: Any
    ) -> None:
        mails()
        answers = []
        for email in (EMAIL, "nobody@example.com"):
            with django_assert_num_queries(5):  # savepoint, count, letter, event, release
                answers.append(ask_reset(anyone, email))
        assert [(a.status_code, a.content) for a in answers] == [(202, b"")] * 2
        events = published(LetterRequested)[-2:]
        assert [event.kind for event in events] == ["reset_password"] * 2  # type: ignore[attr-defined]
        mail.outbox.clear()
        assert [sent.to for sent in mails()] == [[EMAIL]]
        assert not Letter.objects.filter(email="nobody@example.com").exists()

    def test_is_asked_for_five_times_within_the_hour_and_no_one_learns_the_bound(
        self, anyone: APIClient, registered: uuid.UUID, clock: Clock
    ) -> None:
        for _ in range(7):
            assert ask_reset(anyone).status_code == 202
        assert Letter.objects.filter(kind="reset_password").count() == 5
        clock.shift(dt.timedelta(hours=1))
        ask_reset(anyone)
        assert Letter.objects.filter(kind="reset_password").count() == 6

    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("short", "password_too_short"),
            ("password", "password_too_common"),
            (EMAIL, "password_too_similar"),
        ],
    )
    def test_is_not_replaced_by_a_weak_one_and_the_link_stays_good(
        self, anyone: APIClient, registered: uuid.UUID, password: str, code: str
    ) -> None:
        ask_reset(anyone)
        token, before = tokens()[-1], published()
        answer = confirm(anyone, token, password)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
        assert errors == [("password", code)]
        assert published() == before
        assert User.objects.get().check_password(PASSWORD)
        assert confirm(anyone, token).status_code == 204

    def test_link_lives_for_an_hour(
        self, anyone: APIClient, registered: uuid.UUID, clock: Clock
    ) -> None:
        ask_reset(anyone)
        token = tokens()[-1]
        clock.shift(dt.timedelta(hours=1))
        assert confirm(anyone, token).json()["code"] == "link_not_valid"

    def test_no_longer_locks_out_who_has_replaced_it(
        self, anyone: APIClient, registered: uuid.UUID
    ) -> None:
        for _ in range(11):
            log_in(anyone, "wrong")
        assert log_in(anyone, PASSWORD).status_code == 429
        ask_reset(anyone)
        confirm(anyone, tokens()[-1])
        assert log_in(anyone, NEW).status_code == 200


class TestSending:
    def test_twice_sends_once(self, registered: uuid.UUID) -> None:
        assert len(mails()) == 1
        (envelope,) = [each for each in envelopes() if each.name == "users.letter_requested.v1"]
        assert inbox.deliver("users-outside", [envelope])
        assert (len(mails()), Letter.objects.get().sent_at) == (1, NOON)
        with transaction():  # as a replay asks, which passes the marks
            assert usecases.write_letter(letter_id=envelope.subject, at=NOON) is None

    def test_is_tried_again_while_the_server_is_down(self, registered: uuid.UUID) -> None:
        post = FakePost()
        ((queue, envelope),) = [m for m in newly_sent() if m[0] == "users-outside"]
        with installed(post):
            post.is_down = True
            assert not inbox.deliver(queue, [envelope])
            failed = Delivery.objects.get()
            assert (failed.handler, failed.error) == (
                "users.send_letter",
                "builtins.ConnectionError",
            )
            post.is_down = False
            assert inbox.deliver(queue, [envelope])
        assert [each.to for each in post.mails] == [EMAIL]

    def test_after_a_crash_goes_out_under_the_same_id(
        self, registered: uuid.UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        post = FakePost()
        ((queue, envelope),) = [m for m in newly_sent() if m[0] == "users-outside"]
        with installed(post):
            with monkeypatch.context() as patch:
                patch.setattr(usecases, "note_letter_sent", None)  # dies at the answer
                assert not inbox.deliver(queue, [envelope])
            assert inbox.deliver(queue, [envelope])
            assert inbox.deliver(queue, [envelope])
        first, second = post.mails
        assert first.id == second.id

    def test_to_an_address_that_is_none_is_given_up(self, registered: uuid.UUID) -> None:
        post = FakePost()
        post.unknown.add(EMAIL)
        with installed(post):
            assert mails() == []
        assert (Letter.objects.count(), Delivery.objects.count()) == (0, 0)

    def test_comes_too_late_once_the_link_is(self, registered: uuid.UUID, clock: Clock) -> None:
        clock.shift(dt.timedelta(days=3))
        assert (mails(), Letter.objects.count()) == ([], 0)

    def test_is_forgotten_when_its_time_is_over(self, registered: uuid.UUID, clock: Clock) -> None:
        mails()
        clock.shift(dt.timedelta(days=3) - dt.timedelta(seconds=1))
        jobs.forget_old_letters()
        assert Letter.objects.count() == 1
        clock.shift(dt.timedelta(seconds=1))
        jobs.forget_old_letters()
        assert Letter.objects.count() == 0


def one_mail() -> Mail:
    return Mail(id=new_id(), to=EMAIL, subject="S", text="T", html="<p>H</p>")


class TestTheMailServer:
    def test_gets_both_texts_under_the_mails_id(self) -> None:
        told = one_mail()
        assert current_post().send(told)
        (sent,) = mail.outbox
        message: EmailMessage = sent.message()  # type: ignore[assignment]
        assert message["Message-ID"] == f"<{told.id}@shop.example>"
        assert (message["From"], message["Auto-Submitted"]) == (
            "The Shop <shop@shop.example>",
            "auto-generated",
        )
        kinds = [part.get_content_type() for part in message.walk()]
        assert kinds == ["multipart/alternative", "text/plain", "text/html"]

    @pytest.mark.parametrize(("code", "is_final"), [(550, True), (450, False)])
    def test_says_whether_an_address_is_none(
        self, monkeypatch: pytest.MonkeyPatch, code: int, is_final: bool
    ) -> None:
        def refuse(*args: object) -> int:
            raise smtplib.SMTPRecipientsRefused({EMAIL: (code, b"no")})

        monkeypatch.setattr(locmem.EmailBackend, "send_messages", refuse)
        if is_final:
            assert not current_post().send(one_mail())
        else:
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                current_post().send(one_mail())
