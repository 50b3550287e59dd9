"""What SES reports by SNS, as the documentation of its notifications has it."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from kernel.ids import new_id
from tests.invoices.mail_scenes import GUEST

SECRET = "sns:a long and shared secret"


def report(kind: str, mail_id: uuid.UUID | None, **detail: Any) -> dict[str, Any]:
    """Return what SES tells of a mail."""
    headers = [{"name": "To", "value": GUEST}]
    if mail_id:
        headers.append({"name": "X-Metadata", "value": json.dumps({"mail": str(mail_id)})})
    mail = {"messageId": "0102", "destination": [GUEST], "headers": headers}
    return {"notificationType": kind, "mail": mail, kind.lower(): detail}


def bounce(
    mail_id: uuid.UUID | None, kind: str = "Permanent", email: str = GUEST
) -> dict[str, Any]:
    recipient = {"emailAddress": email, "diagnosticCode": f"smtp; 550 5.1.1 <{email}> unknown"}
    types = {"bounceType": kind, "bounceSubType": "General"}
    return report("Bounce", mail_id, **types, bouncedRecipients=[recipient])


def complaint(mail_id: uuid.UUID) -> dict[str, Any]:
    recipients = [{"emailAddress": GUEST}]
    return report("Complaint", mail_id, complainedRecipients=recipients)


def envelope(message: object, kind: str = "Notification") -> dict[str, Any]:
    text = message if isinstance(message, str) else json.dumps(message)
    return {"Type": kind, "MessageId": str(new_id()), "TopicArn": "arn:t", "Message": text}


def signed(body: dict[str, Any], *, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that SNS sends with a body, once it was asked for name and password."""
    return {
        "X-Amz-Sns-Message-Type": body.get("Type", ""),
        "X-Amz-Sns-Message-Id": body.get("MessageId", ""),
        "Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}",
    }
