"""How many products a list would show, by each thing that it can be narrowed by."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import queries
from apps.products.api.catalogue import CatalogueView
from apps.products.api.filters import ATTRIBUTE, Filters, wanted
from kernel.rest.declarations import refuses
from kernel.rest.selection import UnknownParameter, demand_known


@extend_schema_serializer(component_name="CategoryCount")
class CategoryCount(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    path = serializers.CharField(help_text="The slugs from the root: `home/lamps`.")
    count = serializers.IntegerField(help_text="With those below it.")


@extend_schema_serializer(component_name="TagCount")
class TagCount(serializers.Serializer):
    tag = serializers.CharField()
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="PriceCount")
class PriceCount(serializers.Serializer):
    price_min = serializers.IntegerField(help_text="In minor units.")
    price_max = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="AvailabilityCount")
class AvailabilityCount(serializers.Serializer):
    available = serializers.BooleanField()
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="ValueCount")
class ValueCount(serializers.Serializer):
    value = serializers.CharField()
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="AttributeCount")
class AttributeCount(serializers.Serializer):
    name = serializers.CharField()
    values = ValueCount(many=True, help_text="The fifty most frequent.")


class Facets(CatalogueView):
    @extend_schema_serializer(component_name="Facets")
    class Output(serializers.Serializer):
        count = serializers.IntegerField(help_text="Of all that the same filters find.")
        is_capped = serializers.BooleanField(
            help_text="More than 5,000 products were to be counted: the newest 5,000 are."
        )
        categories = CategoryCount(many=True)
        tags = TagCount(many=True, help_text="The fifty most frequent.")
        prices = PriceCount(many=True, help_text="Each to be asked for as it stands.")
        availability = AvailabilityCount(many=True)
        attributes = AttributeCount(
            many=True,
            help_text="Those by which families of what is found tell their products apart.",
        )

    @extend_schema(
        operation_id="count_products",
        summary="Count products by what a list can be narrowed by",
        description="What a facet itself narrows by is left out of its own counts, which so say"
        " what another choice would find; but for tags, of which each one more narrows further.",
        parameters=[Filters, ATTRIBUTE],
        responses={200: Output},
    )
    @refuses(UnknownParameter)
    def get(self, request: Request) -> Response:
        demand_known(request, Filters)
        form = Filters(data=request.query_params)
        form.is_valid(raise_exception=True)
        headers = {"Cache-Control": "public, max-age=60"}
        asked = form.validated_data
        return Response(queries.facets(wanted(asked), asked.get("q")), headers=headers)
