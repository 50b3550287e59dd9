"""What Amazon SES reports by SNS of mails that it took, as django-anymail reads it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import ClassVar

from anymail.exceptions import AnymailConfigurationError, AnymailError
from anymail.signals import AnymailTrackingEvent, EventType
from anymail.utils import get_request_basic_auth
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from kernel.refusals import Refusal

# What anymail raises over a body that it doesn't expect.
_UNREADABLE = (AnymailError, AnymailConfigurationError, AttributeError, KeyError, TypeError)


class UntrustedReport(Refusal):
    """The report doesn't come with the name and the password that were agreed."""

    status = 401
    challenge: ClassVar = 'Basic realm="mails"'  # without it SNS sends neither


class UnreadableReport(Refusal):
    """The report isn't what SNS sends of SES."""

    status = 400


@dataclasses.dataclass(frozen=True)
class Report:
    """A mail came back from an address, or was called spam there."""

    mail_id: uuid.UUID | None  # None: it doesn't say of which
    email: str
    is_complaint: bool
    reason: str  # of a bounce: its type and subtype
    is_final: bool  # there is no such mailbox


def read_reports(request: HttpRequest) -> list[Report]:
    """
    Return what a request reports; a subscription that SNS wants to have confirmed is confirmed.

    :raises UntrustedReport: if it hasn't come with what the settings demand, or they demand none.
    :raises UnreadableReport: if it isn't from SNS, or doesn't speak of mails.
    """
    _demand_secret(request)
    view = AmazonSESTrackingWebhookView()
    try:
        view.run_validators(request)
        found = view.parse_events(request)
    except _UNREADABLE as error:
        raise UnreadableReport from error
    return [report for event in found for report in _reports(event)]


def _demand_secret(request: HttpRequest) -> None:
    # SNS signs what it sends, but for whoever has a topic; that this one is ours, only the secret
    # says. It comes by TLS alone.
    agreed = settings.ANYMAIL["WEBHOOK_SECRET"]
    if not agreed or not constant_time_compare(get_request_basic_auth(request) or "", agreed):
        raise UntrustedReport


def _reports(event: AnymailTrackingEvent) -> Iterator[Report]:
    if event.event_type in {EventType.BOUNCED, EventType.COMPLAINED}:
        # What a foreign server answered may hold the address: the types alone are kept.
        kind, _, subtype = (event.description or "").partition(": ")
        yield Report(
            mail_id=_mail_id(event.metadata),
            email=event.recipient,
            is_complaint=event.event_type == EventType.COMPLAINED,
            reason=f"{kind}: {subtype}" if subtype else "",
            is_final=kind == "Permanent",
        )


def _mail_id(metadata: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(metadata["mail"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
