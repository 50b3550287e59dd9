"""The caller's address book."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import (
    extend_schema,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.users import queries
from apps.users.api.callers import caller_id
from apps.users.models import SavedAddress
from apps.users.usecases import accounts, addresses
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import AddressField, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.transactions import transaction


@extend_schema_serializer(component_name="SavedAddress")
class AddressInput(StrictSerializer):
    address = AddressField()
    label = serializers.CharField(  # type: ignore[assignment]  # the field's name, not its label
        max_length=50, allow_blank=True, default="", help_text="What its owner calls it."
    )
    is_default_shipping = serializers.BooleanField(default=False)
    is_default_billing = serializers.BooleanField(default=False)


@extend_schema_serializer(component_name="SavedAddressChange")
class AddressChange(StrictSerializer):
    address = AddressField(required=False)
    label = serializers.CharField(  # type: ignore[assignment]
        max_length=50, allow_blank=True, required=False
    )
    is_default_shipping = serializers.BooleanField(required=False)
    is_default_billing = serializers.BooleanField(required=False)


@extend_schema_serializer(component_name="SavedAddress")
class AddressOutput(serializers.Serializer):
    id = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]  # the field's name, not its label
    address = AddressField()
    is_default_shipping = serializers.BooleanField()
    is_default_billing = serializers.BooleanField()
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class Addresses(APIView):
    @extend_schema_serializer(component_name="SavedAddressPage")
    class Output(serializers.Serializer):
        results = AddressOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_addresses",
        summary="List one's own addresses",
        description="The newest first.",
        responses={200: Output},
    )
    def get(self, request: Request) -> Response:
        return page(request, queries.addresses_of(caller_id(request)), order=("-id",), render=_body)

    @extend_schema(
        operation_id="add_address",
        summary="Keep an address",
        description="At most twenty. The first one is the default for shipping and for billing; one"
        " that is made a default later takes the place of the one before it.",
        request=AddressInput,
        responses={201: AddressOutput},
    )
    @refuses(accounts.UserNotFound, addresses.TooManyAddresses)
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = AddressInput(data=request.data)
        form.is_valid(raise_exception=True)
        saved = addresses.add_address(
            user_id=caller_id(request), fields=form.validated_data, at=timezone.now()
        )
        return _written(saved, status=201)


class OneAddress(APIView):
    @extend_schema(
        operation_id="get_address",
        summary="Read an address",
        responses={200: AddressOutput},
    )
    @refuses(addresses.AddressNotFound)
    @sends("ETag")
    def get(self, request: Request, address_id: uuid.UUID) -> Response:
        saved = queries.addresses_of(caller_id(request)).filter(id=address_id).first()
        if saved is None:
            raise addresses.AddressNotFound
        return answer(request, _body(saved), version=saved.version)

    @extend_schema(
        operation_id="replace_address",
        summary="Replace an address",
        parameters=[IF_MATCH],
        request=AddressInput,
        responses={200: AddressOutput},
    )
    @refuses(addresses.AddressNotFound, accounts.UserNotFound)
    @sends("ETag", "Location")
    def put(self, request: Request, address_id: uuid.UUID) -> Response:
        return self._change(request, address_id, AddressInput(data=request.data))

    @extend_schema(
        operation_id="change_address",
        summary="Change an address",
        description="Fields that are left out stay; `address` is given whole.",
        parameters=[IF_MATCH],
        request=AddressChange,
        responses={200: AddressOutput},
    )
    @refuses(addresses.AddressNotFound, accounts.UserNotFound)
    @sends("ETag", "Location")
    def patch(self, request: Request, address_id: uuid.UUID) -> Response:
        return self._change(request, address_id, AddressChange(data=request.data))

    def _change(
        self, request: Request, address_id: uuid.UUID, form: serializers.Serializer
    ) -> Response:
        version = if_match(request)
        form.is_valid(raise_exception=True)
        with transaction():
            saved = addresses.change_address(
                user_id=caller_id(request),
                address_id=address_id,
                version=version,
                fields=form.validated_data,
            )
        return _written(saved, status=200)

    @extend_schema(
        operation_id="remove_address",
        summary="Remove an address",
        parameters=[IF_MATCH],
        responses={204: None},
    )
    @refuses(addresses.AddressNotFound, accounts.UserNotFound)
    def delete(self, request: Request, address_id: uuid.UUID) -> Response:
        version = if_match(request)
        with transaction():
            addresses.remove_address(
                user_id=caller_id(request), address_id=address_id, version=version
            )
        return Response(status=204)


def _body(saved: SavedAddress) -> dict[str, Any]:
    return {
        "id": saved.id,
        "label": saved.label,
        "address": saved.address,
        "is_default_shipping": saved.is_default_shipping,
        "is_default_billing": saved.is_default_billing,
        "version": saved.version,
        "created_at": saved.created_at,
    }


def _written(saved: SavedAddress, *, status: int) -> Response:
    headers = {
        "ETag": etag(saved.version),
        "Location": reverse("users:address", args=[saved.id]),
    }
    return Response(_body(saved), status=status, headers=headers)
