"""Tokens: given, renewed and taken back."""

from __future__ import annotations

import dataclasses

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.users.api.callers import caller_id, ip_address
from apps.users.usecases import logins
from kernel.refusals import Refusal
from kernel.rest.declarations import refuses
from kernel.rest.fields import StrictSerializer
from kernel.transactions import transaction


@extend_schema_serializer(component_name="Tokens")
class TokenOutput(serializers.Serializer):
    access = serializers.CharField(help_text="For the header `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Used once, for the next pair of tokens.")
    expires_in = serializers.IntegerField(help_text="Seconds that the access token lives.")


class Login(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "login"

    @extend_schema_serializer(component_name="Credentials")
    class Input(StrictSerializer):
        email = serializers.EmailField(max_length=254)
        password = serializers.CharField(max_length=128, trim_whitespace=False)

    @extend_schema(
        operation_id="log_in",
        summary="Log in",
        description="Ten failures from one address for one e-mail lock it out for 15 minutes.",
        request=Input,
        responses={200: TokenOutput},
        auth=[],
    )
    @refuses(logins.InvalidCredentials, logins.TooManyAttempts)
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            outcome = logins.log_in(
                **form.validated_data, ip_address=ip_address(request), at=timezone.now()
            )
        return given(outcome)


@extend_schema_serializer(component_name="RefreshToken")
class TokenInput(StrictSerializer):
    refresh = serializers.CharField(max_length=200)


class Refresh(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="refresh_tokens",
        summary="Take the next tokens",
        description="A refresh token is good once; one that comes again ends its whole login.",
        request=TokenInput,
        responses={200: TokenOutput},
        auth=[],
    )
    @refuses(logins.InvalidRefreshToken)
    def post(self, request: Request) -> Response:
        form = TokenInput(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            outcome = logins.refresh(token=form.validated_data["refresh"], at=timezone.now())
        return given(outcome)


class Logout(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="log_out",
        summary="Log out",
        description="Ends the login that the refresh token belongs to. A token that isn't known"
        " gets the same answer.",
        request=TokenInput,
        responses={204: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        form = TokenInput(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            logins.log_out(token=form.validated_data["refresh"], at=timezone.now())
        return Response(status=204)


class LogoutEverywhere(APIView):
    @extend_schema(
        operation_id="log_out_everywhere",
        summary="Log out everywhere",
        description="Ends every login of the caller's account, on whichever device. Access tokens"
        " that are out live on for at most five minutes; nothing renews them. Asking twice does"
        " no harm.",
        request=None,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        with transaction():
            logins.log_out_everywhere(user_id=caller_id(request), at=timezone.now())
        return Response(status=204)


def given(outcome: logins.Tokens | Refusal) -> Response:
    """Answer with the tokens, never kept by a cache; or refuse, now that the count is committed."""
    if isinstance(outcome, Refusal):
        raise outcome
    return Response(dataclasses.asdict(outcome), headers={"Cache-Control": "no-store"})
