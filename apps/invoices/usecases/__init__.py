"""All that invoices can be asked to do: about documents, people, and the mails about orders."""

from __future__ import annotations

from apps.invoices.usecases.correspondence import forget_old_mails, forget_reader, note_order
from apps.invoices.usecases.imports import (
    GRACE,
    ImportNotFound,
    ImportOvertaken,
    ask_for_import,
    fail_import,
    finish_import,
    note_upload,
    pause_import,
    record_lines,
    time_out_imports,
)
from apps.invoices.usecases.issuing import note_capture, note_fulfilment, note_refund, record_stored
from apps.invoices.usecases.mails import (
    MailUnderWay,
    UnknownMail,
    note_mail_refused,
    note_mail_sent,
    send_again,
    wake_mails,
    wish_link,
    wish_mail,
    write_mail,
)
from apps.invoices.usecases.people import forget_user, gather_personal_data, note_user
from apps.invoices.usecases.reports import (
    UnknownAddress,
    allow_address,
    note_bounce,
    note_complaint,
)
from apps.invoices.usecases.selling import keep_logo

__all__ = [
    "GRACE",
    "ImportNotFound",
    "ImportOvertaken",
    "MailUnderWay",
    "UnknownAddress",
    "UnknownMail",
    "allow_address",
    "ask_for_import",
    "fail_import",
    "finish_import",
    "forget_old_mails",
    "forget_reader",
    "forget_user",
    "gather_personal_data",
    "keep_logo",
    "note_bounce",
    "note_capture",
    "note_complaint",
    "note_fulfilment",
    "note_mail_refused",
    "note_mail_sent",
    "note_order",
    "note_refund",
    "note_upload",
    "note_user",
    "pause_import",
    "record_lines",
    "record_stored",
    "send_again",
    "time_out_imports",
    "wake_mails",
    "wish_link",
    "wish_mail",
    "write_mail",
]
