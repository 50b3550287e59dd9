"""Fills an empty shop: `python -m dev.demo_data`. What is there already stays as it is."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 -- Django must be set up before any model
from django.utils import timezone  # noqa: E402

from apps.orders.models import Coupon  # noqa: E402
from apps.orders.usecases import create_coupon  # noqa: E402
from apps.products.events import Package, ProductState  # noqa: E402
from apps.products.gateway import sizes_of, store  # noqa: E402
from apps.products.models import Category, Product  # noqa: E402
from apps.products.usecases import add_picture, create_category, create_product  # noqa: E402
from apps.users.models import User  # noqa: E402
from apps.users.usecases import accounts  # noqa: E402
from apps.warehouse.usecases import adjust_stock, open_stock, remember_product  # noqa: E402
from dev import ROOT  # noqa: E402
from dev.demo_users import ROLES, email_of  # noqa: E402
from dev.pictures import draw  # noqa: E402
from kernel.bus.event import event_class  # noqa: E402
from kernel.bus.models import InboxMark, OutboxEvent  # noqa: E402
from kernel.bus.subscriptions import hearers_of  # noqa: E402
from kernel.ids import new_id  # noqa: E402
from kernel.money import Money  # noqa: E402
from kernel.transactions import transaction  # noqa: E402

TREE = {
    "Home": ("Kitchen", "Lighting", "Textiles", "Storage"),
    "Outdoors": ("Garden", "Camping"),
    "Work": ("Tools", "Stationery", "Desk"),
    "Sound": ("Headphones", "Speakers"),
    "Travel": ("Bags",),
}
COUPONS: dict[str, dict[str, Any]] = {
    "WELCOME10": {"kind": "percent", "percent": Decimal(10)},
    "FREESHIP": {
        "kind": "free_delivery",
        "minimum": Money(amount=5000, currency=settings.CURRENCY),
    },
}
ACTOR = "demo data"
SETTLING_SECONDS = 90.0

Row = dict[str, str]
Sizes = list[dict[str, Any]]


def main() -> None:
    """Fill the shop, then wait until every module has heard of all of it."""
    begun = time.monotonic()
    with (ROOT / "dev" / "catalogue.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = set(Product.objects.filter(deleted_at=None).values_list("code", flat=True))
    missing = [row for row in rows if row["code"] not in known]
    make_users(os.environ["DEMO_PASSWORD"])
    make_categories()
    make_products(missing)
    make_coupons()
    print(f"{len(missing)} of {len(rows)} products were made, in {time.monotonic() - begun:.1f} s")
    if missing:
        wait_until_heard()
        print(f"all modules have heard of them, after {time.monotonic() - begun:.1f} s")


def make_users(password: str) -> None:
    """Open an account for each role."""
    known = set(User.objects.values_list("email", flat=True))
    for role in ROLES:
        if email_of(role) in known:
            continue
        with transaction():
            user_id, now = new_id(), timezone.now()
            name = f"{role.title()} of the demo"
            accounts.register(
                user_id=user_id, email=email_of(role), password=password, name=name, at=now
            )
            if role != "customer":
                accounts.set_roles(user_id=user_id, roles=[role], at=now)


def make_categories() -> None:
    """Make the tree of categories."""
    known = set(Category.objects.values_list("slug", flat=True))
    with transaction():
        for root, branches in TREE.items():
            for name, parent in [(root, None), *((branch, root.lower()) for branch in branches)]:
                if name.lower() not in known:
                    create_category(slug=name.lower(), name=name, parent=parent)


def make_products(rows: list[Row]) -> None:
    """Make products with their pictures and their stock, a few at a time."""
    with ThreadPoolExecutor(4) as pool:
        pictures = pool.map(_picture, rows)
        for part in _parts(list(zip(rows, pictures, strict=True)), 16):
            with transaction():
                for row, picture in part:
                    _make_product(row, picture)


def make_coupons() -> None:
    """Make the coupons that the shop's first customers may use."""
    known = set(Coupon.objects.values_list("code", flat=True))
    with transaction():
        for code, values in COUPONS.items():
            if code not in known:
                create_coupon(code=code, values=values, at=timezone.now())


def wait_until_heard() -> None:
    """Wait until each event of the log has taken effect in every module that hears it."""
    last = ""
    deadline = time.monotonic() + SETTLING_SECONDS
    while (heard := InboxMark.objects.count()) < (all_of_it := _expected_marks()):
        if time.monotonic() > deadline:
            raise SystemExit(f"Only {heard} of {all_of_it} deliveries after {SETTLING_SECONDS} s.")
        now = f"{heard * 4 // all_of_it * 25} % of {all_of_it} deliveries are done"
        if now != last:
            print(now)
        last = now
        time.sleep(0.2)


def _expected_marks() -> int:
    names: Iterable[str] = OutboxEvent.objects.values_list("name", flat=True)
    classes = [cls for name in names if (cls := event_class(name))]
    return sum(len(hearers_of(cls)) for cls in classes)


def _picture(row: Row) -> Sizes:
    return store(sizes_of(draw(row["category"], row["code"])))


def _make_product(row: Row, sizes: Sizes) -> None:
    product_id, now = new_id(), timezone.now()
    create_product(product_id=product_id, product=_state(row), at=now)
    add_picture(product_id=product_id, sizes=sizes, alt_text=row["name"], at=now)
    # The warehouse would hear of it in a moment; its stock need not wait for that.
    remember_product(product_id=product_id, version=1, code=row["code"], name=row["name"])
    open_stock(product_id=product_id, at=now)
    adjust_stock(
        product_id=product_id, delta=int(row["stock"]), reason="Opening stock", actor=ACTOR, at=now
    )


def _state(row: Row) -> ProductState:
    sizes = {name: int(row[name]) for name in ("width", "length", "height", "weight")}
    return ProductState(
        code=row["code"],
        name=row["name"],
        description=row["description"],
        model=row["model"],
        category=row["category"].lower(),
        tags=tuple(row["tags"].split("|")),
        package=Package(**sizes),
        price=Money(amount=int(row["price"]), currency=settings.CURRENCY),
        is_active=True,
        tax_class=row["tax_class"],
    )


def _parts(items: list[Any], size: int) -> Iterable[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


if __name__ == "__main__":
    main()
