"""The mail server of the settings, spoken to in SMTP."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from apps.users import gateway
from apps.users.gateway import Mail
from kernel.ids import new_id
from tests.users.smtp import Server, serving

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
    assert gateway.post().send(told)
    assert [line for line in server.commands if line.split(":")[0] in {"mail FROM", "rcpt TO"}] == [
        next(line for line in server.commands if line.startswith("mail FROM:<shop@shop.example>")),
        f"rcpt TO:<{READER}>",
    ]
    (sent,) = server.mails
    head = sent.split("\r\n\r\n")[0].split("\r\n")
    assert f"Message-ID: <{told.id}@shop.example>" in head
    assert {"Auto-Submitted: auto-generated", f"To: {READER}"} <= set(head)
    assert (sent.count("text/plain"), sent.count("text/html")) == (1, 1)


@pytest.mark.parametrize("verdict", ["550 no such user", "553 no such mailbox"])
def test_an_address_that_is_none_is_told(server: Server, verdict: str) -> None:
    server.verdict = verdict
    assert not gateway.post().send(one_mail())
    assert server.mails == []


def test_an_address_that_is_refused_for_now_comes_again(server: Server) -> None:
    server.verdict = "450 try later"
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        gateway.post().send(one_mail())


def test_a_server_that_is_not_there_or_silent_is_an_error_in_time(settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        use(settings, silent.getsockname()[1])
        with pytest.raises(ConnectionRefusedError):
            gateway.post().send(one_mail())
        silent.listen()
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
            gateway.post().send(one_mail())
