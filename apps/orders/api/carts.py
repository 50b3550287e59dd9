"""Carts over HTTP: shown, filled, emptied, merged, ordered. Every answer is the whole cart."""

from __future__ import annotations

import uuid

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import usecases
from apps.orders.api.cart_bodies import (
    IF_MATCH,
    REFUSALS,
    WRITES,
    CartOrderInput,
    CartOutput,
    CartQuery,
    CouponInput,
    QuantityInput,
    asked,
    country_of,
    known_to,
    show,
    to_change,
    version_of,
)
from apps.orders.api.cart_tokens import (
    CART_CALLERS,
    CART_TOKEN_EXPIRED,
    CART_TOKEN_NOT_VALID,
    HEADER,
    CartTokenMissing,
    guest_of,
    holder_of,
    new_guest,
    token_of,
)
from apps.orders.api.guests import demand_email
from apps.orders.api.locales import ENGLISH
from apps.orders.api.orders import PLACING_REFUSALS, PlacedOrderOutput, placed
from kernel.rest.authentication import BearerAuthentication
from kernel.rest.declarations import refuses, sends
from kernel.rest.idempotency import idempotent
from kernel.transactions import transaction


class CartResource(APIView):
    authentication_classes = CART_CALLERS

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny() if self.request.method == "POST" else IsAuthenticated()]

    @extend_schema(
        operation_id="get_cart",
        summary="Read the cart",
        parameters=[CartQuery],
        responses={200: CartOutput},
        description="The caller's open cart at today's prices; an empty one if there is none."
        " `changes` tells what is another than you were shown. Whoever sends the ETag of an answer"
        " as If-None-Match says by it that this answer was shown: its changes are then told no"
        " more.",
    )
    @refuses(*REFUSALS)
    @sends("ETag")
    def get(self, request: Request) -> Response:
        with transaction():
            view = usecases.show_cart(known=known_to(request), **asked(request))
        return show(request, view)

    @extend_schema(
        operation_id="begin_cart",
        summary="Begin a cart",
        request=None,
        parameters=[CartQuery],
        responses={201: CartOutput},
        description="Answers the open cart. A guest gets a `token` that names it for a year, or a"
        " new one instead of the one that was sent. Nothing is stored before the first line.",
    )
    @refuses(*REFUSALS)
    @sends("ETag")
    def post(self, request: Request) -> Response:
        holder = holder_of(request) if request.user.is_authenticated else new_guest()
        with transaction():
            view = usecases.show_cart(
                holder=holder, country=country_of(request), known=(), at=timezone.now()
            )
        return show(request, view, status=201, token=token_of(holder) if holder.is_guest else "")

    @extend_schema(
        operation_id="empty_cart",
        summary="Empty the cart",
        **WRITES,
        responses={200: CartOutput},
        description="Takes out every line, and the coupon.",
    )
    @refuses(*REFUSALS)
    @sends("ETag")
    def delete(self, request: Request) -> Response:
        with transaction():
            view = usecases.empty_cart(**to_change(request))
        return show(request, view)


class CartLineResource(APIView):
    authentication_classes = CART_CALLERS

    @extend_schema(
        operation_id="put_cart_line",
        summary="Put a product into the cart",
        **WRITES,
        request=QuantityInput,
        responses={200: CartOutput},
        description="Lets so many of the product be in the cart, however many there were. More"
        " than there are may be wanted: the line then isn't available, and can't be ordered.",
    )
    @refuses(*REFUSALS, usecases.CustomerErased, usecases.CartFull, usecases.UnknownProduct)
    @sends("ETag")
    def put(self, request: Request, product_id: uuid.UUID) -> Response:
        form = QuantityInput(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            view = usecases.put_line(
                product_id=product_id,
                quantity=form.validated_data["quantity"],
                **to_change(request),
            )
        return show(request, view)

    @extend_schema(
        operation_id="remove_cart_line",
        summary="Take a product out of the cart",
        **WRITES,
        responses={200: CartOutput},
        description="One that isn't in the cart is out already.",
    )
    @refuses(*REFUSALS)
    @sends("ETag")
    def delete(self, request: Request, product_id: uuid.UUID) -> Response:
        with transaction():
            view = usecases.remove_line(product_id=product_id, **to_change(request))
        return show(request, view)


class CartCoupon(APIView):
    authentication_classes = CART_CALLERS

    @extend_schema(
        operation_id="put_cart_coupon",
        summary="Put a coupon into the cart",
        **WRITES,
        request=CouponInput,
        responses={200: CartOutput},
        description="Puts a coupon in, instead of another. One that can't be used now stays in,"
        " and `coupon_problem` says why.",
    )
    @refuses(*REFUSALS, usecases.CustomerErased)
    @sends("ETag")
    def put(self, request: Request) -> Response:
        form = CouponInput(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            view = usecases.set_coupon(code=form.validated_data["code"], **to_change(request))
        return show(request, view)

    @extend_schema(
        operation_id="remove_cart_coupon",
        summary="Take the coupon out of the cart",
        **WRITES,
        responses={200: CartOutput},
    )
    @refuses(*REFUSALS)
    @sends("ETag")
    def delete(self, request: Request) -> Response:
        with transaction():
            view = usecases.set_coupon(code="", **to_change(request))
        return show(request, view)


class CartMerge(APIView):
    authentication_classes = (BearerAuthentication,)

    # Twice is once by what it does: a stored answer would only be an old cart.
    @extend_schema(
        operation_id="merge_cart",
        summary="Merge a guest's cart into one's own",
        request=None,
        parameters=[
            CartQuery,
            OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, required=True),
        ],
        responses={200: CartOutput},
        description="After a login: adds the lines of the guest's cart to the customer's, and"
        " closes it. Quantities end at 999, lines at 100: what is `left_out` is a change. Done"
        " twice it is as once.",
    )
    @refuses(
        *REFUSALS,
        CartTokenMissing,
        CART_TOKEN_EXPIRED,
        CART_TOKEN_NOT_VALID,
        usecases.CustomerErased,
    )
    @sends("ETag")
    def post(self, request: Request) -> Response:
        if (guest := guest_of(request)) is None:
            raise CartTokenMissing
        customer = holder_of(request)
        with transaction():
            view = usecases.merge_carts(
                guest=guest, customer=customer, country=country_of(request), at=timezone.now()
            )
        return show(request, view)


class CartOrder(APIView):
    authentication_classes = CART_CALLERS

    @extend_schema(
        operation_id="order_cart",
        summary="Order what is in the cart",
        parameters=[IF_MATCH],
        request=CartOrderInput,
        responses={201: PlacedOrderOutput},
        description="Turns the cart into an order, which is done once, however often it is asked"
        " for. Guests give an `email`, and get a link to the order.",
    )
    @refuses(*PLACING_REFUSALS, usecases.CartOrdered, usecases.CartEmpty)
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = CartOrderInput(data=request.data)
        form.is_valid(raise_exception=True)
        ask, holder = form.validated_data, holder_of(request)
        demand_email(ask.get("email"), is_guest=holder.is_guest)
        order = usecases.order_cart(
            holder=holder,
            email=ask.get("email"),
            locale=ask.get("locale", ENGLISH),
            address=ask["address"],
            delivery_quote=ask["delivery_quote"],
            payment_token=ask["payment_token"],
            expected_total=ask.get("expected_total"),
            version=version_of(request),
            at=timezone.now(),
        )
        return placed(order)


class OrderReorder(APIView):
    @extend_schema(
        operation_id="reorder",
        summary="Put an earlier order into the cart",
        request=None,
        parameters=[CartQuery],
        responses={200: CartOutput},
        description="Lets at least as much be in the caller's cart as this order had. The prices"
        " of then count as seen: `changes` tells what costs another price now, and what is gone.",
    )
    @refuses(*REFUSALS, usecases.CustomerErased, usecases.OrderNotFound)
    @sends("ETag")
    @idempotent
    def post(self, request: Request, order_id: uuid.UUID) -> Response:
        view = usecases.reorder(
            order_id=order_id,
            customer_id=holder_of(request).id,
            country=country_of(request),
            at=timezone.now(),
        )
        return show(request, view)
