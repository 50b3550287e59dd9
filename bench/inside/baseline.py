"""
The list of products as Django REST framework's own tutorial would write it.

ModelSerializer, page numbers and their COUNT, the stock renderer; written with care: it reads the
same columns of the same rows in four queries, and answers the same products.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.urls import include, path
from rest_framework import generics, serializers
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer

from apps.products.gateway import picture_url
from apps.products.models import Availability, Picture, Product


class PackageSerializer(serializers.ModelSerializer[Product]):
    """The size of a product."""

    class Meta:
        model = Product
        fields = ("width", "length", "height", "weight")


class PictureSerializer(serializers.ModelSerializer[Picture]):
    """A picture in its sizes."""

    sizes = serializers.SerializerMethodField()

    class Meta:
        model = Picture
        fields = ("id", "alt_text", "position", "sizes")

    def get_sizes(self, picture: Picture) -> list[dict[str, Any]]:
        """Return the sizes, each with its address."""
        return [
            {"width": each["width"], "height": each["height"], "url": picture_url(each["key"])}
            for each in picture.sizes
        ]


class ProductSerializer(serializers.ModelSerializer[Product]):
    """A product as the shop shows it."""

    category = serializers.CharField(source="category.slug")
    pictures = PictureSerializer(many=True, read_only=True)
    package = PackageSerializer(source="*")
    price = serializers.SerializerMethodField()
    available = serializers.BooleanField()

    class Meta:
        model = Product
        fields = (
            "id",
            "code",
            "name",
            "description",
            "model",
            "category",
            "tags",
            "family",
            "attributes",
            "pictures",
            "package",
            "price",
            "available",
            "is_active",
            "version",
        )

    def get_price(self, product: Product) -> dict[str, Any]:
        """Return the price."""
        return {"amount": product.price_amount, "currency": product.price_currency}


class Pages(PageNumberPagination):
    """Pages by number, with a COUNT."""

    page_size = 24


class Products(generics.ListAPIView[Product]):
    """The list."""

    serializer_class = ProductSerializer
    pagination_class = Pages
    permission_classes = (AllowAny,)
    renderer_classes = (JSONRenderer,)
    queryset = (
        Product.objects.filter(is_active=True, deleted_at=None)
        .select_related("category")
        .defer("search")  # for the search alone, and larger than all the rest
        .prefetch_related("pictures")
        .annotate(
            available=Exists(Availability.objects.filter(product_id=OuterRef("id"), free__gt=0))
        )
        .order_by("-id")
    )


urlpatterns = [
    path("baseline/products", Products.as_view()),
    path("", include("ecommerce.urls")),
]
