from __future__ import annotations

from django.urls import path

from apps.orders.api import carts, coupons, links, orders, tax_rates, timeline

app_name = "orders"
urlpatterns = [
    path("orders", orders.OrderCollection.as_view(), name="collection"),
    path("orders/links", links.OrderLinks.as_view(), name="links"),
    path("orders/<uuid:order_id>", orders.OrderDetail.as_view(), name="detail"),
    path("orders/<uuid:order_id>/cancel", orders.OrderCancel.as_view(), name="cancel"),
    path("orders/<uuid:order_id>/timeline", timeline.OrderTimeline.as_view(), name="timeline"),
    path("orders/<uuid:order_id>/stream", timeline.OrderStream.as_view(), name="stream"),
    path("orders/<uuid:order_id>/reorder", carts.OrderReorder.as_view(), name="reorder"),
    path("cart", carts.CartResource.as_view(), name="cart"),
    path("cart/lines/<uuid:product_id>", carts.CartLineResource.as_view(), name="cart-line"),
    path("cart/coupon", carts.CartCoupon.as_view(), name="cart-coupon"),
    path("cart/merge", carts.CartMerge.as_view(), name="cart-merge"),
    path("cart/order", carts.CartOrder.as_view(), name="cart-order"),
    path("coupons", coupons.CouponCollection.as_view(), name="coupons"),
    path("coupons/<str:code>", coupons.CouponDetail.as_view(), name="coupon"),
    path("tax-rates", tax_rates.TaxRateCollection.as_view(), name="tax-rates"),
    path(
        "tax-rates/<str:country>/<str:tax_class>",
        tax_rates.TaxRateDetail.as_view(),
        name="tax-rate",
    ),
]
