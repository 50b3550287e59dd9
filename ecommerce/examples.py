"""Examples for the schema: each body is written as it would be for one lamp, order and customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Node = Mapping[str, Any]

IDS = {
    "order_id": "019f3c1e-7a52-7d3e-9f0e-2f6f2f0f4f11",
    "product_id": "019f3c1d-11c4-7aa0-8c7d-6b1e2d3c4b5a",
    "customer_id": "019f3c1c-5b6e-70f2-b1a4-93d2c7e8f901",
}
OTHER_ID = "019f3c1f-2d4b-7c6a-a5e8-0b9c8d7e6f5a"
TEXTS = {
    "access": "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMDE5ZiJ9.c2lnbmF0dXJl",
    "actor": "customer:019f3c1c-5b6e-70f2-b1a4-93d2c7e8f901",
    "category": "lamps",
    "city": "Stockholm",
    "code": "LAMP-1",
    "company_name": "",
    "country": "SE",
    "coupon": "SUMMER10",
    "current_password": "a-long-and-quiet-afternoon",
    "currency": "EUR",
    "delivery_quote": "eyJ2YWx1ZSI6eyJjb3VudHJ5IjoiU0UifX0:1vX:c2lnbmF0dXJl",
    "description": "Gives a warm light.",
    "email": "ann@shop.example",
    "failure_reason": "",
    "gateway": "payment_3p",
    "label": "At home",
    "locale": "en",
    "model": "L1",
    "name": "Reading lamp",
    "new_password": "a-short-and-noisy-morning",
    "number": "INV-2026-000001",
    "options": "size",
    "order_number": "FYSH-2NGY-AVMC",
    "parent": "home",
    "password": "a-long-and-quiet-afternoon",
    "path": "home/lamps",
    "payment_token": "tok_4f9a2c",
    "phone_number": "+46701234567",
    "post_code": "111 22",
    "quote": "eyJ2YWx1ZSI6eyJjb3VudHJ5IjoiU0UifX0:1vX:c2lnbmF0dXJl",
    "rate_percent": "25",
    "reason": "A scratch on the shade",
    "refresh": "Zr8Qm1b2Vt5x9KpL",
    "refusal": "",
    "request_id": "019f3c20-3e5c-7d7b-b6f9-1c0d9e8f7a6b",
    "roles": "support",
    "slug": "lamps",
    "state": "",
    "street_address": "Storgatan 1",
    "tag": "light",
    "tags": "light",
    "token": "Wm9yY2hpZC1zaWduZWQ",
    "tracking_number": "SHP-7K2M-94QX",
    "type": "orders.order_placed.v1",
    "vat_number": "SE123456789701",
}
URLS = {
    "pdf": "https://shop.example/api/v1/invoices/019f3c1f-2d4b-7c6a-a5e8-0b9c8d7e6f5a/pdf",
    "pictures": "https://media.shop.example/products/4f9a2c.webp",
    "url": "https://media.shop.example/products/4f9a2c.webp",
}
NUMBERS = {
    "amount": 1250,
    "delta": 10,
    "expires_in": 300,
    "quantity": 1,
    "version": 1,
    "weight": 500,
}
COUPON = {
    "code": "SUMMER10",
    "percent": "10",
    "amount": None,
    "limit": 100,
    "limit_per_customer": 1,
    "valid_until": "2026-08-31T22:00:00Z",
    "is_active": True,
}
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
UPLOAD = {
    "url": "https://shop-uploads.s3.eu-north-1.amazonaws.com/invoice-imports/019f3c1f-2d4b-7c6a",
    "headers": {
        "Content-Length": "1250000",
        "Content-Type": "application/x-ndjson",
        "If-None-Match": "*",
    },
}
IMPORT = {
    "state": "FILE_PROCESSED",
    "reason": None,
    "size_bytes": 1_250_000,
    "bytes_read": 1_250_000,
    "percent": 100,
    "lines_read": 5_000,
}
# Where a name alone doesn't say what is meant.
OF_COMPONENTS: dict[str, dict[str, Any]] = {
    "Address": {"name": "Ann Archer"},
    "InvoiceSeller": {"name": "The Shop AB"},
    "InvoiceBuyer": {"name": "Ann Archer"},
    "Account": {"name": "Ann Archer"},
    "AccountChange": {"name": "Ann Archer"},
    "Registration": {"name": "Ann Archer"},
    "Registered": {"name": "Ann Archer"},
    "InvoiceTaxLine": {"name": "VAT"},
    "InvoiceImport": IMPORT,
    "AwaitedImport": IMPORT | {"state": "GENERATED"},
    "NewInvoiceImport": {"size_bytes": 1_250_000, "sha256": SHA256},
    "InvoiceUpload": UPLOAD,
    "ImportCounts": {"ok": 4_998, "empty_products_list": 1, "invalid": 0, "duplicate": 1},
    "InvoiceImportLine": {"number": 17, "invoice_number": "2019-000017", "reason": None},
    "Category": {"name": "Lamps", "children": []},
    "OneCategory": {"name": "Lamps", "parent": None, "path": "lamps"},
    "NewCategory": {"slug": "ceiling-lamps", "name": "Ceiling lamps", "parent": "lamps"},
    "CategoryChange": {"name": "Lamps and lights", "parent": None},
    "CategoryCount": {"name": "Lamps"},
    "NewFamily": {"name": "Shirts"},
    "Family": {"name": "Shirts"},
    "FamilyChange": {"name": "Shirts"},
    "Variants": {"name": "Shirts"},
    "Order": {"number": "FYSH-2NGY-AVMC", "cancellation": None, "tracking_number": None},
    "CreditNote": {"number": "CN-2026-000001"},
    "LostOrderLink": {"number": "FYSH-2NGY-AVMC"},
    "NewOrder": {"expected_total": None},
    "CartOrder": {"expected_total": None},
    "CartCoupon": {"code": "SUMMER10"},
    "Coupon": COUPON,
    "NewCoupon": COUPON,
    "CouponChange": COUPON,
    "TaxRate": {"name": "VAT", "percent": "25"},
    "TaxRateInput": {"name": "VAT", "percent": "25"},
    "NewProduct": {"code": "LAMP-7", "family": None, "attributes": {"colour": "red"}},
    "ProductChange": {"code": "LAMP-7", "family": None, "attributes": {"colour": "red"}},
    "Product": {"family": None},
    "OneProduct": {"family": None, "attributes": {"colour": "red"}},
    "Variant": {"options": {"size": "M"}},
}
# What a body may leave out, and the example does: a customer gives no e-mail address.
LEFT_OUT = {"errors", "highlight", "variants"}
LEFT_OUT_OF = {"NewOrder": {"email"}, "CartOrder": {"email"}}


def add_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give each request body and each successful answer of a schema an example, if it has none."""
    components = result["components"]["schemas"]
    for item in result["paths"].values():
        for operation in item.values():
            answers = [
                answer for status, answer in operation["responses"].items() if status < "300"
            ]
            for body in [operation.get("requestBody", {}), *answers]:
                for media_type, content in body.get("content", {}).items():
                    if media_type == "application/json" and not {"example", "examples"} & {
                        *content
                    }:
                        content["example"] = example(content["schema"], components)
    return result


def example(schema: Node, components: Node, name: str = "", owner: str = "") -> Any:
    """Return an example of a schema: what a field of this name holds in a component of that."""
    if (given := OF_COMPONENTS.get(owner, {}).get(name, ...)) is not ...:
        return given
    if reference := schema.get("$ref"):
        component = reference.rsplit("/", 1)[-1]
        return example(components[component], components, name, component.removesuffix("Request"))
    if choices := schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf"):
        return example(choices[0], components, name, owner)
    return schema["enum"][0] if "enum" in schema else _of_type(schema, components, name, owner)


def _of_type(schema: Node, components: Node, name: str, owner: str) -> Any:
    types = schema.get("type", "object")
    kind = types if isinstance(types, str) else next(each for each in types if each != "null")
    if kind == "array":
        return [example(schema["items"], components, name, owner)]
    if kind == "object":
        return _object(schema, components, owner)
    return _value(kind, schema, name)


def _object(schema: Node, components: Node, owner: str) -> dict[str, Any]:
    return {
        name: example(each, components, name, owner)
        for name, each in schema.get("properties", {}).items()
        if name not in LEFT_OUT | LEFT_OUT_OF.get(owner, set())
    }


def _value(kind: str, schema: Node, name: str) -> Any:
    if kind == "boolean":
        return name.startswith("is_") and name != "is_refused"
    if kind in {"integer", "number"}:
        return NUMBERS.get(name, max(schema.get("minimum", 1), 1))
    return _FORMATS.get(schema.get("format", ""), lambda name: TEXTS.get(name, "text"))(name)


_FORMATS: dict[str, Any] = {
    "uuid": lambda name: IDS.get(name, OTHER_ID),
    "date-time": lambda name: "2026-03-01T12:00:00Z",
    "date": lambda name: "2026-03-01",
    "uri": lambda name: URLS.get(name, "https://shop.example/api/v1/orders?cursor=WyIwMTlmIl0"),
}
