"""The link to a guest's order, for whoever has lost it."""

from __future__ import annotations

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import usecases
from kernel.rest.fields import StrictSerializer
from kernel.transactions import transaction


class OrderLinks(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "order_link"

    @extend_schema_serializer(component_name="LostOrderLink")
    class Input(StrictSerializer):
        email = serializers.EmailField(max_length=254, help_text="That the guest ordered with.")
        number = serializers.CharField(max_length=20, help_text="The order's.")

    @extend_schema(
        operation_id="ask_for_order_link",
        summary="Ask for the link to a guest's order",
        description="It is sent to the address that the guest ordered with. The answer is always"
        " the same, and takes as long, whether or not there is such an order. At most five mails"
        " within an hour tell of one order; what is asked beyond that is not sent.",
        request=Input,
        responses={202: None},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            usecases.ask_for_link(**form.validated_data, at=timezone.now())
        return Response(status=202)
