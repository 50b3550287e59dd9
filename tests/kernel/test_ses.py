"""Mails by Amazon SES, against the emulator: what the service is given, and when it is down."""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from typing import Any

import boto3
import pytest
from anymail.exceptions import AnymailError
from pytest_django import Settings

from ecommerce.environment import Environment
from ecommerce.mails import anymail_settings
from kernel.ids import new_id
from kernel.mail import Attachment, Mail, post
from tests.aws import REGION, emulator

__all__ = ["emulator"]
READER = "anna@example.com"


def use(settings: Settings, endpoint: str) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.amazon_ses.EmailBackend"
    environment = Environment().model_copy(update={"aws_endpoint_url": endpoint})
    settings.ANYMAIL = anymail_settings(environment)


@pytest.fixture
def ses(settings: Settings, emulator: str) -> str:
    """Let the shop's address be one that SES lets it send from; return where the emulator is."""
    use(settings, emulator)
    client = boto3.client("sesv2", region_name=REGION, endpoint_url=emulator)
    client.create_email_identity(EmailIdentity="shop.example")
    return emulator


def taken(ses: str) -> list[dict[str, Any]]:
    """Return what the emulator was given to send, oldest first."""
    with urllib.request.urlopen(f"{ses}/_ministack/ses/messages") as answer:
        (messages,) = json.load(answer)["messages"].values()
    return messages  # type: ignore[no-any-return]


def one_mail() -> Mail:
    file = Attachment("INV-1.pdf", "application/pdf", b"%PDF")
    return Mail(new_id(), READER, "Schön", "Grüße", "<p>Grüße</p>", (file,))


def test_a_mail_is_given_to_ses_whole(ses: str) -> None:
    told = dataclasses.replace(one_mail(), subject=f"Schön {new_id()}")
    assert post().send(told)
    (found,) = [each for each in taken(ses) if each["Subject"] == told.subject]
    assert found["To"] == [READER]
    assert (found["BodyText"].strip(), found["BodyHtml"].strip()) == (told.text, told.html)


def test_ses_that_refuses_or_is_not_there_is_an_error(ses: str, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "The Shop <shop@not-verified.example>"
    with pytest.raises(AnymailError, match="not verified"):
        post().send(one_mail())
    use(settings, "http://127.0.0.1:1")
    with pytest.raises(AnymailError, match="Could not connect"):
        post().send(one_mail())
