"""The mail server of the settings, spoken to in SMTP."""

from __future__ import annotations

import dataclasses
import email.policy
import smtplib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from kernel.ids import new_id
from kernel.mail import Attachment, Mail, post, sending
from tests.smtp import Server, serving

READER = "anna@example.com"


def one_mail() -> Mail:
    return Mail(id=new_id(), to=READER, subject="Schön", text="Grüße", html="<p>Grüße</p>")


def use(settings: Settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 0.2


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with serving() as server:
        use(settings, server.server_address[1])
        yield server


def test_a_mail_is_sent_whole_under_its_own_id(server: Server) -> None:
    told = one_mail()
    assert post().send(told)
    commands = [line.split()[:2] for line in server.commands if ":<" in line]
    assert [" ".join(words).casefold() for words in commands] == [  # capitals from Python 3.13 on
        "mail from:<shop@shop.example>",
        f"rcpt to:<{READER}>",
    ]
    (sent,) = server.mails
    head = sent.split("\r\n\r\n")[0].split("\r\n")
    assert f"Message-ID: <{told.id}@shop.example>" in head
    assert {"Auto-Submitted: auto-generated", f"To: {READER}"} <= set(head)
    assert f'X-Metadata: {{"mail": "{told.id}"}}' in head
    assert (sent.count("text/plain"), sent.count("text/html")) == (1, 1)


def test_a_file_goes_with_it_whole_and_by_its_name(server: Server) -> None:
    content = bytes(range(256)) * 20
    file = Attachment("INV-1.pdf", "application/pdf", content)
    assert post().send(dataclasses.replace(one_mail(), attachments=(file,)))
    (sent,) = server.mails
    whole = email.message_from_string(sent, policy=email.policy.default)
    assert [
        (part.get_filename(), part.get_content_type(), part.get_content())
        for part in whole.iter_attachments()  # type: ignore[attr-defined]
    ] == [("INV-1.pdf", "application/pdf", content)]


@pytest.mark.django_db(transaction=True)
def test_a_mail_is_sent_by_one_at_a_time_until_that_one_ends_or_dies() -> None:
    told = new_id()

    def another() -> str:
        try:
            with sending(told):
                return "sends"
        except OperationalError as error:
            return str(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as workers:
        with sending(told):
            waiting = workers.submit(another)
            time.sleep(0.2)
            assert not waiting.done()
            connection.close()  # as when the process dies
            assert waiting.result(5) == "sends"
        with sending(told):
            waiting = workers.submit(another)
        assert waiting.result(5) == "sends"
        with sending(told):
            assert "lock timeout" in workers.submit(another).result(10)


@pytest.mark.parametrize("verdict", ["550 no such user", "553 no such mailbox"])
def test_an_address_that_is_none_is_told(server: Server, verdict: str) -> None:
    server.verdict = verdict
    assert not post().send(one_mail())
    assert server.mails == []


def test_an_address_that_is_refused_for_now_comes_again(server: Server) -> None:
    server.verdict = "450 try later"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        post().send(one_mail())


def test_a_server_that_is_not_there_or_silent_is_an_error_in_time(settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        use(settings, silent.getsockname()[1])
        with pytest.raises(ConnectionRefusedError):
            post().send(one_mail())
        silent.listen()
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            post().send(one_mail())
