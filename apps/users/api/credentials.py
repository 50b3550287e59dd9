"""An address is confirmed, a forgotten password replaced: by links that were mailed."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.users.api.callers import caller_id, ip_address
from apps.users.api.logins import TokenOutput, given
from apps.users.usecases import accounts, credentials, letters, logins
from kernel.rest.declarations import refuses
from kernel.rest.fields import StrictSerializer
from kernel.transactions import transaction

_TOKEN: dict[str, Any] = {
    "max_length": 500,
    "help_text": "What stands behind `#token=` in the mailed link.",
}


class VerifyEmail(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema_serializer(component_name="EmailVerification")
    class Input(StrictSerializer):
        token = serializers.CharField(**_TOKEN)

    @extend_schema(
        operation_id="verify_email",
        summary="Confirm an e-mail address",
        description="The link is good once, for three days.",
        request=Input,
        responses={204: None},
        auth=[],
    )
    @refuses(letters.LinkNotValid)
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            credentials.verify_email(token=form.validated_data["token"], at=timezone.now())
        return Response(status=204)


class Resend(APIView):
    @extend_schema(
        operation_id="resend_verification",
        summary="Send the confirmation link again",
        description="At most five within an hour; the one of the registration counts.",
        request=None,
        responses={202: None},
    )
    @refuses(accounts.UserNotFound, credentials.EmailAlreadyVerified, letters.TooManyLetters)
    def post(self, request: Request) -> Response:
        with transaction():
            credentials.ask_for_verification(user_id=caller_id(request), at=timezone.now())
        return Response(status=202)


class PasswordReset(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "password_reset"

    @extend_schema_serializer(component_name="PasswordReset")
    class Input(StrictSerializer):
        email = serializers.EmailField(max_length=254)

    @extend_schema(
        operation_id="ask_for_password_reset",
        summary="Ask for a link that sets a new password",
        description="The answer is always the same, and takes as long, whether or not the address"
        " has an account. The link leads to the storefront's `/reset-password#token=…`. At most"
        " five mails within an hour go to one address; what is asked beyond that is not sent.",
        request=Input,
        responses={202: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            credentials.ask_for_password_reset(**form.validated_data, at=timezone.now())
        return Response(status=202)


class PasswordResetConfirm(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "password_reset"

    @extend_schema_serializer(component_name="NewPassword")
    class Input(StrictSerializer):
        token = serializers.CharField(**_TOKEN)
        password = serializers.CharField(max_length=128, trim_whitespace=False)

    @extend_schema(
        operation_id="reset_password",
        summary="Set a new password",
        description="The link is good once, for one hour; a password that isn't good enough leaves"
        " it good. Every login of the account ends, the address counts as confirmed, and its owner"
        " is told by mail.",
        request=Input,
        responses={204: None},
        auth=[],
    )
    @refuses(letters.LinkNotValid)
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            credentials.reset_password(
                **form.validated_data, ip_address=ip_address(request), at=timezone.now()
            )
        return Response(status=204)


class ChangePassword(APIView):
    throttle_scope = "login"

    @extend_schema_serializer(component_name="PasswordChange")
    class Input(StrictSerializer):
        current_password = serializers.CharField(max_length=128, trim_whitespace=False)
        new_password = serializers.CharField(max_length=128, trim_whitespace=False)

    @extend_schema(
        operation_id="change_password",
        summary="Change one's own password",
        description="Every login of the account ends, this one too: go on with the tokens of the"
        " answer. The owner is told by mail. A wrong current password counts as a failed login. No"
        " `Idempotency-Key` is kept: it would be stored with tokens and a hash of the passwords.",
        request=Input,
        responses={200: TokenOutput},
    )
    @refuses(accounts.UserNotFound, credentials.WrongPassword, logins.TooManyAttempts)
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            outcome = credentials.change_password(
                user_id=caller_id(request),
                **form.validated_data,
                ip_address=ip_address(request),
                at=timezone.now(),
            )
        return given(outcome)
