from __future__ import annotations

from django.urls import path

from apps.products.api import categories, facets, families, pictures, products

app_name = "products"
urlpatterns = [
    path("products", products.Products.as_view(), name="all"),
    path("products/facets", facets.Facets.as_view(), name="facets"),
    path("products/<uuid:product_id>", products.OneProduct.as_view(), name="one"),
    path("products/<uuid:product_id>/pictures", pictures.Pictures.as_view(), name="pictures"),
    path(
        "products/<uuid:product_id>/pictures/<uuid:picture_id>",
        pictures.OnePicture.as_view(),
        name="picture",
    ),
    path(
        "products/<uuid:product_id>/pictures/<uuid:picture_id>/complete",
        pictures.Completion.as_view(),
        name="picture-complete",
    ),
    path("families", families.Families.as_view(), name="families"),
    path("families/<uuid:family_id>", families.OneFamily.as_view(), name="family"),
    path("categories", categories.Categories.as_view(), name="categories"),
    path("categories/<slug:slug>", categories.OneCategory.as_view(), name="category"),
]
