"""
One request for each operation of the API, such that whoever may make it succeeds.

Paths and bodies name what the world holds: an order is one in a state that allows what is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.test import APIClient

from tests.api.world import API, PASSWORD, RUG, World
from tests.shop import ADDRESS

Body = Callable[[World], Any]
GUESTS = {"anonymous", "cart", "link", "other link"}


@dataclasses.dataclass(frozen=True)
class Asked:
    """
    What goes into a request beside its method and path.

    `path` names a thing of the world for each parameter; `tag_of` is the path whose ETag is
    sent as If-Match; a body of bytes is sent as it is.
    """

    path: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: Body = lambda _: None
    body_of_guest: Body | None = None
    headers: Callable[[World], Mapping[str, str]] = lambda _: {}
    tag_of: str = ""

    def prepared(self, world: World, operation: str, by: str, **query: object) -> Callable[[], Any]:
        """Read the ETag if one is needed; return what then makes the request."""
        method, template = operation.split()
        client, url = world.client(by, self.path.values()), self._url(world, template, by)
        body = (self.body_of_guest if by in GUESTS and self.body_of_guest else self.body)(world)
        headers = {**self.headers(world), **self._tag(world, client, by)}
        if method == "GET":
            return lambda: client.get(url, query, headers=headers)
        if isinstance(body, bytes):
            kind = "application/json"
            return lambda: client.generic(method, url, body, kind, headers=headers)
        return lambda: getattr(client, method.lower())(url, body, headers=headers)

    def _url(self, world: World, template: str, by: str) -> str:
        things = {name: world.thing(thing, by=by) for name, thing in self.path.items()}
        return API + template.format(**things)

    def _tag(self, world: World, client: APIClient, by: str) -> dict[str, str]:
        """Return the caller's tag, or of one who may read it if the caller may not."""
        if not self.tag_of:
            return {}
        url = self._url(world, self.tag_of, by)
        readers = (client, world.people["customer"], world.people["admin"])
        return {"If-Match": next(tag for each in readers if (tag := each.get(url).get("ETag")))}


def _is(body: Any) -> Body:
    return lambda _: body


def _thing(name: str, **more: Any) -> Body:
    return lambda world: {**world.things[name], **more}


def _part(name: str, *fields: str, **more: Any) -> Body:
    return lambda world: {field: world.things[name][field] for field in fields} | more


def _order(name: str, **more: Any) -> Asked:
    return Asked({"order_id": name}, **more)


_ORDERED = ("address", "delivery_quote", "payment_token")
_LINES = "/warehouse/packaging-requests/{order_id}"
_LAMP = {**RUG, "code": "LAMP-9", "name": "Lamp"}
_PRODUCT = {"path": {"product_id": "lamp"}, "tag_of": "/products/{product_id}"}
_ADDRESS = {"path": {"address_id": "address"}, "tag_of": "/users/me/addresses/{address_id}"}
_RATE, _RATES = {"country": "country", "tax_class": "tax class"}, "/tax-rates/{country}/{tax_class}"
_PICTURE = {"product_id": "rug", "picture_id": "picture"}
_PAID = {"amount": 100, "reason": "a scratch"}
_REASON = _is({"reason": "nobody at home"})
_REFRESH: Body = lambda world: {"refresh": world.things["refresh"]}  # noqa: E731
_NEW_USER = {"email": "new@example.com", "password": "horse battery staple", "name": "New"}

REQUESTS: dict[str, Asked] = {
    "GET /audit/events": Asked(),
    "GET /audit/orders/{order_id}": _order("fulfilled"),
    "POST /auth/logout": Asked(body=_REFRESH),
    "POST /auth/logout-everywhere": Asked(),
    "POST /auth/password-reset": Asked(body=_is({"email": "customer@example.com"})),
    "POST /auth/password-reset/confirm": Asked(
        body=lambda world: {"token": world.things["reset_token"], "password": "staple battery"}
    ),
    "POST /auth/token": Asked(body=_thing("credentials")),
    "POST /auth/token/refresh": Asked(body=_REFRESH),
    "POST /auth/verify-email": Asked(body=lambda world: {"token": world.things["verify_token"]}),
    "POST /auth/verify-email/resend": Asked(),
    "GET /cart": Asked(),
    "POST /cart": Asked(),
    "DELETE /cart": Asked(),
    "PUT /cart/coupon": Asked(body=_is({"code": "TENTH"})),
    "DELETE /cart/coupon": Asked(),
    "PUT /cart/lines/{product_id}": Asked({"product_id": "lamp"}, _is({"quantity": 5})),
    "DELETE /cart/lines/{product_id}": Asked({"product_id": "lamp"}),
    "POST /cart/merge": Asked(headers=lambda world: world.things["cart_headers"]),
    "POST /cart/order": Asked(
        body=_part("order_body", *_ORDERED),
        body_of_guest=_part("order_body", *_ORDERED, email="guest@example.com"),
    ),
    "GET /categories": Asked(),
    "POST /categories": Asked(body=_is({"slug": "rugs", "name": "Rugs"})),
    "GET /categories/{slug}": Asked({"slug": "category"}),
    "PATCH /categories/{slug}": Asked(
        {"slug": "category"}, _is({"name": "Lights"}), tag_of="/categories/{slug}"
    ),
    "DELETE /categories/{slug}": Asked({"slug": "empty category"}, tag_of="/categories/{slug}"),
    "GET /coupons": Asked(),
    "POST /coupons": Asked(body=_is({"code": "FIFTH", "kind": "percent", "percent": "20.00"})),
    "GET /coupons/{code}": Asked({"code": "coupon"}),
    "PATCH /coupons/{code}": Asked(
        {"code": "coupon"}, _is({"is_active": False}), tag_of="/coupons/{code}"
    ),
    "GET /tax-rates": Asked(),
    "GET /tax-rates/{country}/{tax_class}": Asked(_RATE),
    "PUT /tax-rates/{country}/{tax_class}": Asked(
        _RATE, _is({"name": "Moms", "percent": "24.000"}), tag_of=_RATES
    ),
    "DELETE /tax-rates/{country}/{tax_class}": Asked(_RATE, tag_of=_RATES),
    "POST /delivery/quotes": Asked(body=_part("order_body", "lines", "address")),
    "GET /delivery/shipments": Asked(),
    "GET /delivery/shipments/{order_id}": _order("packed"),
    "POST /delivery/shipments/{order_id}/start": _order("packed"),
    "POST /delivery/shipments/{order_id}/complete": _order("shipped"),
    "POST /delivery/shipments/{order_id}/fail": _order("shipped", body=_REASON),
    "GET /delivery/tracking/{number}": Asked({"number": "tracking_number"}),
    "GET /families": Asked(),
    "POST /families": Asked(body=_is({"name": "Mats", "options": ["size"]})),
    "GET /families/{family_id}": Asked({"family_id": "family"}),
    "PATCH /families/{family_id}": Asked(
        {"family_id": "family"}, _is({"name": "Mats"}), tag_of="/families/{family_id}"
    ),
    "GET /invoices": Asked(),
    "GET /invoices/imports": Asked(),
    "POST /invoices/imports": Asked(body=_is({"size_bytes": 100})),
    "GET /invoices/imports/{import_id}": Asked({"import_id": "import"}),
    "GET /invoices/imports/{import_id}/lines": Asked({"import_id": "import"}),
    "GET /invoices/exports/{month}.zip": Asked({"month": "month"}),
    "GET /invoices/exports/{month}.csv": Asked({"month": "month"}),
    "GET /invoices/{invoice_id}": Asked({"invoice_id": "invoice"}),
    "GET /invoices/{invoice_id}/pdf": Asked({"invoice_id": "invoice"}),
    "GET /invoices/{invoice_id}/credit-notes/{credit_note_id}/pdf": Asked(
        {"invoice_id": "invoice", "credit_note_id": "credit_note"}
    ),
    "POST /mails/webhooks/ses": Asked(
        body=lambda world: world.things["ses_report"],
        headers=lambda world: world.things["ses_headers"],
    ),
    "GET /orders": Asked(),
    "POST /orders": Asked(
        body=_thing("order_body"),
        body_of_guest=_thing("order_body", email="guest@example.com"),
    ),
    "POST /orders/links": Asked(
        body=lambda world: {"email": "guest@example.com", "number": world.things["number"]}
    ),
    "GET /orders/{order_id}": _order("fulfilled"),
    "PATCH /orders/{order_id}": _order(
        "placed",
        body=_is({"address": {**ADDRESS, "street_address": "Storgatan 2"}}),
        tag_of="/orders/{order_id}",
    ),
    "POST /orders/{order_id}/cancel": _order("placed"),
    "POST /orders/{order_id}/reorder": _order("fulfilled"),
    "GET /orders/{order_id}/stream": _order("fulfilled"),
    "GET /orders/{order_id}/timeline": _order("placed"),
    "GET /payments": Asked(),
    "GET /payments/gateways": Asked(),
    "GET /payments/{order_id}": _order("fulfilled"),
    "POST /payments/{order_id}/refunds": _order("fulfilled", body=_is(_PAID)),
    "POST /payments/{order_id}/capture-retries": _order("unpaid"),
    "POST /payments/{order_id}/retries": _order("unreleased"),
    "POST /payments/{order_id}/write-offs": _order("unpaid", body=_REASON),
    "POST /payments/webhooks/{gateway}": Asked(
        {"gateway": "gateway"},
        lambda world: world.things["webhook_body"],
        headers=lambda world: world.things["webhook_headers"],
    ),
    "GET /products": Asked(),
    "GET /products/facets": Asked(),
    "POST /products": Asked(body=_is(_LAMP)),
    "GET /products/{product_id}": Asked({"product_id": "rug"}),
    "PUT /products/{product_id}": Asked(body=_is(_LAMP), **_PRODUCT),
    "PATCH /products/{product_id}": Asked(body=_is({"name": "Reading lamp"}), **_PRODUCT),
    "DELETE /products/{product_id}": Asked(**_PRODUCT),
    "GET /products/{product_id}/pictures": Asked({"product_id": "rug"}),
    "POST /products/{product_id}/pictures": Asked(
        {"product_id": "lamp"}, _is({"content_type": "image/png", "size_bytes": 100})
    ),
    "GET /products/{product_id}/pictures/{picture_id}": Asked(_PICTURE),
    "PATCH /products/{product_id}/pictures/{picture_id}": Asked(_PICTURE, _is({"position": 1})),
    "DELETE /products/{product_id}/pictures/{picture_id}": Asked(_PICTURE),
    "POST /products/{product_id}/pictures/{picture_id}/complete": Asked(
        {"product_id": "lamp", "picture_id": "announced"}
    ),
    "POST /users": Asked(body=_is(_NEW_USER)),
    "GET /users/me": Asked(),
    "PATCH /users/me": Asked(body=_is({"name": "Another"}), tag_of="/users/me"),
    "DELETE /users/me": Asked(tag_of="/users/me"),
    "GET /users/me/addresses": Asked(),
    "POST /users/me/addresses": Asked(body=_is({"address": ADDRESS})),
    "GET /users/me/addresses/{address_id}": Asked({"address_id": "address"}),
    "PUT /users/me/addresses/{address_id}": Asked(body=_is({"address": ADDRESS}), **_ADDRESS),
    "PATCH /users/me/addresses/{address_id}": Asked(body=_is({"label": "Home"}), **_ADDRESS),
    "DELETE /users/me/addresses/{address_id}": Asked(**_ADDRESS),
    "POST /users/me/password": Asked(
        body=_is({"current_password": PASSWORD, "new_password": "staple battery"})
    ),
    "POST /users/me/exports": Asked(),
    "GET /users/me/exports/{export_id}": Asked({"export_id": "export"}),
    "GET /warehouse/packaging-requests": Asked(),
    "GET /warehouse/packaging-requests/{order_id}": _order("packing"),
    "POST /warehouse/packaging-requests/{order_id}/start": _order("confirmed"),
    "PATCH /warehouse/packaging-requests/{order_id}/lines/{product_id}": Asked(
        {"order_id": "packing", "product_id": "lamp"}, _is({"quantity": 1}), tag_of=_LINES
    ),
    "POST /warehouse/packaging-requests/{order_id}/complete": _order("packing"),
    "GET /warehouse/stock": Asked(),
    "POST /warehouse/stock/{product_id}/adjustments": Asked(
        {"product_id": "lamp"}, _is({"delta": 1, "reason": "found"})
    ),
}
