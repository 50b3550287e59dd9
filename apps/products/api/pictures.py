"""Pictures of products: announced, uploaded to the storage, completed, changed, deleted."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import gateway, queries, usecases
from apps.products.api.bodies import SizeOutput, shown_sizes
from apps.products.api.catalogue import CatalogueView
from apps.products.models import MAX_ALT_TEXT, Picture
from kernel.ids import new_id
from kernel.rest.authentication import ADMIN
from kernel.rest.declarations import refuses, sends
from kernel.rest.fields import StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.roles import role
from kernel.transactions import transaction

_NOT_FOUND = (usecases.ProductNotFound, usecases.PictureNotFound)


@extend_schema_serializer(component_name="Picture")
class PictureOutput(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(Picture.State.choices)
    reason = serializers.CharField(
        allow_null=True,
        help_text="Why it was refused: `not_a_picture`, `wrong_type`, `picture_too_large`,"
        " `nothing_uploaded`.",
    )
    alt_text = serializers.CharField()
    position = serializers.IntegerField()
    sizes = SizeOutput(many=True, help_text="Smallest first; none until it is ready.")


@extend_schema_serializer(component_name="UploadForm")
class UploadOutput(serializers.Serializer):
    url = serializers.URLField()
    fields = serializers.DictField(  # type: ignore[assignment]  # only a serializer's own fields
        child=serializers.CharField(), help_text="To be sent as they are, with `file` as the last."
    )
    expires_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="AwaitedPicture")
class AwaitedOutput(PictureOutput):
    upload = UploadOutput(help_text="A form (multipart/form-data, POST) for just this file.")


class PicturesView(CatalogueView):
    """Of administrators alone: the product itself shows its pictures to all."""

    def get_permissions(self) -> list[BasePermission]:
        return [role(ADMIN)()]


class Pictures(PicturesView):
    @extend_schema_serializer(component_name="NewPicture")
    class Input(StrictSerializer):
        content_type = serializers.ChoiceField(tuple(gateway.KINDS))
        size_bytes = serializers.IntegerField(min_value=1, max_value=gateway.MAX_BYTES)
        alt_text = serializers.CharField(
            max_length=MAX_ALT_TEXT, allow_blank=True, default="", help_text="What it shows."
        )

    @extend_schema_serializer(component_name="PictureList")
    class Output(serializers.Serializer):
        results = PictureOutput(many=True)

    @extend_schema(
        operation_id="list_pictures",
        summary="List all pictures of a product, ready or not",
        responses={200: Output},
    )
    @refuses(usecases.ProductNotFound)
    def get(self, request: Request, product_id: uuid.UUID) -> Response:
        if queries.product(product_id) is None:
            raise usecases.ProductNotFound
        return Response({"results": [_shown(each) for each in queries.pictures(product_id)]})

    @extend_schema(
        operation_id="announce_picture",
        summary="Announce a picture",
        request=Input,
        responses={201: AwaitedOutput},
        description="The answer holds a form that uploads it to the storage within five minutes."
        " Then say so at `…/complete`. It becomes the last of at most twelve pictures.",
    )
    @refuses(usecases.ProductNotFound, usecases.TooManyPictures)
    @sends("Location")
    @idempotent
    def post(self, request: Request, product_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked, now = form.validated_data, timezone.now()
        picture = usecases.ask_for_picture(
            product_id=product_id,
            picture_id=new_id(),
            content_type=asked["content_type"],
            alt_text=asked["alt_text"],
            at=now,
        )
        upload = gateway.uploads().form(
            picture.upload_key, asked["content_type"], asked["size_bytes"]
        )
        expires_at = now + dt.timedelta(seconds=gateway.UPLOAD_SECONDS)
        body = {**_shown(picture), "upload": {**upload, "expires_at": expires_at}}
        location = reverse("products:picture", args=[product_id, picture.id])
        return Response(body, status=201, headers={"Location": location})


class OnePicture(PicturesView):
    @extend_schema_serializer(component_name="PictureChange")
    class Input(StrictSerializer):
        alt_text = serializers.CharField(max_length=MAX_ALT_TEXT, allow_blank=True, required=False)
        position = serializers.IntegerField(
            min_value=0, max_value=1000, required=False, help_text="From 0; others make room."
        )

    @extend_schema(
        operation_id="get_picture", summary="Read a picture", responses={200: PictureOutput}
    )
    @refuses(usecases.PictureNotFound)
    def get(self, request: Request, product_id: uuid.UUID, picture_id: uuid.UUID) -> Response:
        found = [each for each in queries.pictures(product_id) if each.id == picture_id]
        if not found:
            raise usecases.PictureNotFound
        return Response(_shown(found[0]))

    @extend_schema(
        operation_id="change_picture",
        summary="Describe or move a picture",
        request=Input,
        responses={200: PictureOutput},
    )
    @refuses(*_NOT_FOUND)
    def patch(self, request: Request, product_id: uuid.UUID, picture_id: uuid.UUID) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            picture = usecases.change_picture(
                product_id=product_id,
                picture_id=picture_id,
                changes=form.validated_data,
                at=timezone.now(),
            )
        return Response(_shown(picture))

    @extend_schema(operation_id="delete_picture", summary="Delete a picture", responses={204: None})
    @refuses(*_NOT_FOUND)
    def delete(self, request: Request, product_id: uuid.UUID, picture_id: uuid.UUID) -> Response:
        with transaction():
            usecases.delete_picture(product_id=product_id, picture_id=picture_id, at=timezone.now())
        return Response(status=204)


class Completion(PicturesView):
    @extend_schema(
        operation_id="complete_picture",
        summary="Say that a picture was uploaded",
        request=None,
        responses={202: PictureOutput},
        description="It is looked at then: `READY` or `REFUSED` in a moment. Again it changes"
        " nothing.",
    )
    @refuses(*_NOT_FOUND)
    @idempotent
    def post(self, request: Request, product_id: uuid.UUID, picture_id: uuid.UUID) -> Response:
        picture = usecases.complete_picture(
            product_id=product_id, picture_id=picture_id, at=timezone.now()
        )
        return Response(_shown(picture), status=202)


def _shown(picture: Picture) -> dict[str, Any]:
    return {
        "id": picture.id,
        "state": picture.state,
        "reason": picture.reason or None,
        "alt_text": picture.alt_text,
        "position": picture.position,
        "sizes": shown_sizes(picture.sizes),
    }
