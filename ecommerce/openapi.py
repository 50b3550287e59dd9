"""What drf-spectacular is told, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {
    "TITLE": "Shop API",
    "VERSION": "1.0.0",
    "DESCRIPTION": "Errors are RFC 9457 problem details with a stable `code`; lists are"
    " cursor-paginated; POSTs that change something honour `Idempotency-Key`.",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "COMPONENT_SPLIT_PATCH": False,  # what a PATCH may leave out, its serializer says
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "kernel.rest.schema.add_shared_parts",
        "kernel.rest.links.add_links",
        "ecommerce.examples.add_examples",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "CouponKind": "apps.orders.models.Coupon.Kind",
        "OrderState": "apps.orders.models.Order.State",
        "PictureState": "apps.products.models.Picture.State",
        "WorkState": ["NEW", "IN_PROGRESS", "COMPLETED", "FAILED", "CANCELLED"],
        "PaymentState": "apps.payment.models.Payment.State",
        "OperationState": "apps.payment.models.Operation.State",
        "GatewayState": "apps.payment.models.Circuit.State",
        "OperationKind": "apps.payment.models.Kind",
        "CancelReason": "apps.orders.models.Order.CancelReason",
        "AuditOutcome": "apps.audit.models.Record.Outcome",
        "InvoiceImportState": "apps.invoices.models.Import.State",
        "ImportLineOutcome": "apps.invoices.models.Outcome",
        "TimelineEntryKind": "apps.orders.models.What",
    },
}
