"""Coupons, for administrators: made, read, changed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import queries, usecases
from apps.orders.models import Coupon, amounts, is_code, normal
from kernel.rest.authentication import ADMIN
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import answer, etag, if_match
from kernel.rest.fields import MoneyField, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction

CODE = OpenApiParameter("code", str, OpenApiParameter.PATH, description="In any case.")
_WRONG = (
    usecases.CouponValueWrong,
    usecases.CouponCurrenciesDiffer,
    usecases.CouponPeriodWrong,
)


@extend_schema_serializer(component_name="Coupon")
class CouponOutput(serializers.Serializer):
    code = serializers.CharField()
    kind = serializers.ChoiceField(Coupon.Kind.choices)
    percent = serializers.CharField(allow_null=True)
    amount = MoneyField(allow_null=True)
    minimum = MoneyField(allow_null=True)
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(allow_null=True)
    limit = serializers.IntegerField(allow_null=True)
    limit_per_customer = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField(help_text="By orders that have not come to nothing.")
    is_active = serializers.BooleanField()
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="CouponPage")
class CouponPage(serializers.Serializer):
    results = CouponOutput(many=True)
    next = serializers.URLField(allow_null=True)


@extend_schema_serializer(component_name="CouponChange")
class CouponChange(StrictSerializer):
    kind = serializers.ChoiceField(Coupon.Kind.choices, required=False)
    percent = serializers.DecimalField(
        max_digits=5,
        decimal_places=2,
        min_value=Decimal("0.01"),
        max_value=Decimal(100),
        required=False,
        allow_null=True,
        help_text="Of the goods; of the kind `percent` alone.",
    )
    amount = MoneyField(
        required=False, allow_null=True, help_text="Off the goods; of the kind `amount` alone."
    )
    minimum = MoneyField(
        required=False, allow_null=True, help_text="What the goods must cost at least."
    )
    valid_from = serializers.DateTimeField(required=False)
    valid_until = serializers.DateTimeField(required=False, allow_null=True)
    limit = serializers.IntegerField(
        min_value=1, max_value=10**9, required=False, allow_null=True, help_text="Uses in all."
    )
    limit_per_customer = serializers.IntegerField(
        min_value=1,
        max_value=1000,
        required=False,
        allow_null=True,
        help_text="Uses by one customer; guests then can't use it.",
    )
    is_active = serializers.BooleanField(required=False)


@extend_schema_serializer(component_name="NewCoupon")
class NewCoupon(CouponChange):
    code = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$", max_length=40, help_text="Kept in upper case."
    )
    kind = serializers.ChoiceField(Coupon.Kind.choices)


class CouponCollection(APIView):
    permission_classes = [role(ADMIN)]

    @extend_schema(
        operation_id="list_coupons",
        summary="List coupons",
        responses={200: CouponPage},
        description="All coupons, newest first.",
    )
    def get(self, request: Request) -> Response:
        return page(request, queries.coupons(), order=("-id",), render=_shown)

    @extend_schema(
        operation_id="create_coupon",
        summary="Make a coupon",
        request=NewCoupon,
        responses={201: CouponOutput},
        description="Customers may write its code in any case.",
    )
    @refuses(usecases.CouponCodeTaken, *_WRONG)
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = NewCoupon(data=request.data)
        form.is_valid(raise_exception=True)
        values = dict(form.validated_data)
        coupon = usecases.create_coupon(code=values.pop("code"), values=values, at=timezone.now())
        location = reverse("orders:coupon", args=[coupon.code])
        return _whole(coupon, status=201, headers={"Location": location})


class CouponDetail(APIView):
    permission_classes = [role(ADMIN)]

    @extend_schema(
        operation_id="get_coupon",
        summary="Read a coupon",
        parameters=[CODE],
        responses={200: CouponOutput},
    )
    @refuses(usecases.CouponNotFound)
    @sends("ETag")
    def get(self, request: Request, code: str) -> Response:
        row = queries.coupons().filter(code=normal(code)).first() if is_code(code) else None
        if row is None:
            raise usecases.CouponNotFound
        return answer(request, _shown(row), version=row["version"], variant=_uses(row["used"]))

    @extend_schema(
        operation_id="change_coupon",
        summary="Change a coupon",
        parameters=[CODE, IF_MATCH],
        request=CouponChange,
        responses={200: CouponOutput},
        description="Fields that are left out stay."
        " Orders that have used it keep what they agreed.",
    )
    @refuses(usecases.CouponNotFound, usecases.CouponLimitBelowUses, *_WRONG)
    @sends("ETag")
    def patch(self, request: Request, code: str) -> Response:
        version = if_match(request)
        form = CouponChange(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            coupon = usecases.change_coupon(
                code=code, version=version, changes=form.validated_data, at=timezone.now()
            )
        return _whole(coupon)


def _whole(coupon: Coupon, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    tag = etag(coupon.version, _uses(coupon.used))
    return Response(_shown(vars(coupon)), status, headers={**(headers or {}), "ETag": tag})


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "code": row["code"],
        "kind": row["kind"],
        "percent": amounts.rate_text(row["percent"]),
        "amount": _money(row["amount"], row["currency"]),
        "minimum": _money(row["minimum"] or None, row["currency"]),
        "valid_from": row["valid_from"],
        "valid_until": row["valid_until"],
        "limit": row["limit"],
        "limit_per_customer": row["limit_per_customer"],
        "used": row["used"],
        "is_active": row["is_active"],
        "version": row["version"],
    }


def _money(amount: int | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


def _uses(used: int) -> str:
    """Write a number in letters, for the entity tag: a use changes what is shown."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(used))
