"""What became of mails: the mail service tells."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.invoices import gateway, usecases
from kernel.rest.declarations import refuses
from kernel.transactions import transaction


class SesReports(APIView):
    authentication_classes = ()  # the secret in the subscription's URL says who it is
    throttle_classes = ()  # SNS has few addresses, and tells of many mails
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="hear_of_mails",
        summary="Hear what became of mails",
        description="Amazon SES tells by SNS which mails came back, or were called spam; to such an"
        " address no mail about an order is sent any more, nor, if there is no such mailbox, one"
        " about an account. It comes with the user and the password of `SES_WEBHOOK_SECRET`; a"
        " subscription is confirmed by itself.",
        request=OpenApiTypes.OBJECT,
        responses={204: OpenApiResponse(description="Heard, whatever it speaks of.")},
        auth=[],
    )
    @refuses(gateway.UntrustedReport, gateway.UnreadableReport)
    def post(self, request: Request) -> Response:
        at = timezone.now()
        for report in gateway.read_reports(request._request):  # noqa: SLF001 -- for anymail
            about: dict[str, Any] = {"mail_id": report.mail_id, "email": report.email, "at": at}
            with transaction():
                if report.is_complaint:
                    usecases.note_complaint(**about)
                else:
                    usecases.note_bounce(**about, reason=report.reason, is_final=report.is_final)
        return Response(status=204)
