"""Registration, and the caller's own account."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.users import queries
from apps.users.api.callers import caller_id
from apps.users.models import User
from apps.users.usecases import accounts, erasure
from kernel.ids import new_id
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import StrictSerializer
from kernel.transactions import transaction


class Registration(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "register"

    @extend_schema_serializer(component_name="Registration")
    class Input(StrictSerializer):
        email = serializers.EmailField(max_length=254)
        password = serializers.CharField(max_length=128, trim_whitespace=False)
        name = serializers.CharField(max_length=200)

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            """Judge the password by the project's validators, one of which knows the person."""
            try:
                validate_password(attrs["password"], User(email=attrs["email"], name=attrs["name"]))
            except ValidationError as error:
                details = serializers.as_serializer_error(error)["non_field_errors"]
                raise serializers.ValidationError({"password": details}) from error
            return attrs

    @extend_schema_serializer(component_name="Registered")
    class Output(serializers.Serializer):
        email = serializers.EmailField()
        name = serializers.CharField()

    @extend_schema(
        operation_id="register",
        summary="Open an account",
        description="The answer is the same if the address has an account, which stays as it is:"
        " no one learns who is a customer but who reads the address. It is sent a mail either way:"
        " a link to the storefront's `/verify-email#token=…`, or word that there is an account."
        " One may log in before the address is confirmed. Doing it twice opens one account; an"
        " `Idempotency-Key` is not needed, and none is kept: it would be stored with a hash of the"
        " password.",
        request=Input,
        responses={201: Output},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = form.validated_data
        with transaction():
            accounts.register(user_id=new_id(), **asked, at=timezone.now())
        body = {"email": asked["email"].strip().lower(), "name": asked["name"]}
        return Response(body, status=201)


class Me(APIView):
    @extend_schema_serializer(component_name="AccountChange")
    class Input(StrictSerializer):
        name = serializers.CharField(max_length=200)

    @extend_schema_serializer(component_name="Account")
    class Output(serializers.Serializer):
        id = serializers.UUIDField()
        email = serializers.EmailField()
        name = serializers.CharField()
        is_email_verified = serializers.BooleanField()
        roles = serializers.ListField(child=serializers.CharField())
        version = serializers.IntegerField()
        created_at = serializers.DateTimeField()

    @extend_schema(
        operation_id="get_account",
        summary="Read one's own account",
        responses={200: Output},
    )
    @refuses(accounts.UserNotFound)
    @sends("ETag")
    def get(self, request: Request) -> Response:
        user = queries.own_account(caller_id(request))
        if user is None:
            raise accounts.UserNotFound
        return answer(request, _account(user), version=user.version)

    @extend_schema(
        operation_id="change_account",
        summary="Change one's own name",
        parameters=[IF_MATCH],
        request=Input,
        responses={200: Output},
    )
    @refuses(accounts.UserNotFound)
    @sends("ETag")
    def patch(self, request: Request) -> Response:
        version = if_match(request)
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            user = accounts.change_name(
                user_id=caller_id(request),
                version=version,
                name=form.validated_data["name"],
                at=timezone.now(),
            )
        return Response(_account(user), headers={"ETag": etag(user.version)})

    @extend_schema(
        operation_id="erase_account",
        summary="Erase one's own account",
        description="For good: account, address book and logins, and what the other modules hold of"
        " the person. Orders under way go on, and lose their address when they end. Issued invoices"
        " stay as the law wants them. The e-mail address may register anew.",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    @refuses(accounts.UserNotFound, erasure.StaffNotErasable)
    def delete(self, request: Request) -> Response:
        version = if_match(request)
        with transaction():
            erasure.erase_account(user_id=caller_id(request), version=version, at=timezone.now())
        return Response(status=204)


def _account(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "is_email_verified": user.email_verified_at is not None,
        "roles": user.roles,
        "version": user.version,
        "created_at": user.created_at,
    }
