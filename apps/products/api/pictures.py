"""Pictures of products: given as a file."""

from __future__ import annotations

import uuid

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import gateway, usecases
from apps.products.api.catalogue import CatalogueView
from kernel.transactions import transaction


class Pictures(CatalogueView):
    parser_classes = (MultiPartParser,)

    @extend_schema_serializer(component_name="NewPicture")
    class Input(serializers.Serializer):
        file = serializers.FileField(max_length=200, help_text="JPEG, PNG or WebP, up to 5 MB.")

    @extend_schema_serializer(component_name="Picture")
    class Output(serializers.Serializer):
        url = serializers.URLField()
        width = serializers.IntegerField(help_text="Pixels.")
        height = serializers.IntegerField(help_text="Pixels.")
        position = serializers.IntegerField()

    @extend_schema(
        request={"multipart/form-data": Input},
        responses={
            201: Output,
            400: OpenApiResponse(description="`invalid`"),
            404: OpenApiResponse(description="`product_not_found`"),
            409: OpenApiResponse(description="`too_many_pictures`"),
            413: OpenApiResponse(description="`picture_too_large`"),
            422: OpenApiResponse(description="`not_a_picture`"),
        },
        summary="Add a picture",
        description="It becomes the last one. The same picture twice is there once, so that an"
        " `Idempotency-Key` isn't needed.",
    )
    def post(self, request: Request, product_id: uuid.UUID) -> Response:
        stored = gateway.store(self._content(request))
        with transaction():
            picture = usecases.add_picture(
                product_id=product_id,
                key=stored.key,
                width=stored.width,
                height=stored.height,
                at=timezone.now(),
            )
        body = {
            "url": gateway.picture_url(picture.key),
            "width": picture.width,
            "height": picture.height,
            "position": picture.position,
        }
        return Response(body, status=201)

    def _content(self, request: Request) -> bytes:
        """Return the file's bytes; a body that is too long is refused before it is read."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > gateway.MAX_BYTES + 10_000:
            raise gateway.PictureTooLarge
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        content: bytes = form.validated_data["file"].read()
        return content
