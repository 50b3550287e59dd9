"""What the admin's sidebar and first page lead to: daily work first, every other table below."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

DAILY = {
    "Orders": ["orders.order", "orders.coupon", "orders.taxrate"],
    "Catalogue": ["products.product", "products.category", "products.family"],
    "Warehouse": ["warehouse.packagingrequest", "warehouse.stock"],
    "Delivery": ["delivery.shipment", "delivery.zone", "delivery.zonecountry"],
    "Payment": [
        "payment.payment",
        "payment.difference",
        "payment.reconciliation",
        "payment.circuit",
    ],
    "Papers": [
        "invoices.invoice",
        "invoices.creditnote",
        "invoices.mail",
        "invoices.import",
        "invoices.seller",
    ],
    "People": ["users.user"],
    "What happened": ["audit.record", "bus.delivery", "bus.subscription"],
}
"""Titles, and the tables below them: `app.model`."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return groups of links, of what this person may look at; those not of daily work collapse."""
    links = {
        page.opts.label_lower: {
            "title": capfirst(page.opts.verbose_name_plural),
            "link": _url(page),
        }
        for page in admin.site._registry.values()  # noqa: SLF001 -- get_app_list() asks the database
        if page.has_view_or_change_permission(request)
    }
    daily = [_group(title, (links.pop(table, None) for table in DAILY[title])) for title in DAILY]
    others = [
        _group(
            f"{app.verbose_name}: all tables",
            (links[table] for table in sorted(links) if table.startswith(f"{app.label}.")),
            collapsible=True,
        )
        for app in apps.get_app_configs()
    ]
    return [group for group in [*daily, *others] if group["items"]]


def _url(page: ModelAdmin[Any]) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def _group(
    title: str, links: Iterable[dict[str, Any] | None], *, collapsible: bool = False
) -> dict[str, Any]:
    return {
        "title": title,
        "items": [link for link in links if link],
        "collapsible": collapsible,
    }
