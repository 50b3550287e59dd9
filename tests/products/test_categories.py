from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection
from rest_framework.test import APIClient

from apps.products import queries, usecases
from apps.products.models import Category, Product
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.refusals import Refusal
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import STATE

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


def paths() -> list[str]:
    return list(Category.objects.order_by("path").values_list("path", flat=True))


def grow(*slugs: str) -> None:
    """Make a chain of categories, each below the one before."""
    for parent, slug in zip((None, *slugs), slugs, strict=False):
        with transaction():
            usecases.create_category(slug=slug, name=slug, parent=parent)


def change(admin: APIClient, slug: str, body: dict[str, Any], version: int = 1) -> Any:
    return admin.patch(f"/api/v1/categories/{slug}", body, headers={"If-Match": f'"v{version}"'})


def delete(admin: APIClient, slug: str, version: int = 1) -> Any:
    return admin.delete(f"/api/v1/categories/{slug}", headers={"If-Match": f'"v{version}"'})


def test_categories_are_a_tree_read_with_one_query(
    anyone: APIClient, tree: None, django_assert_num_queries: Callable[..., Any]
) -> None:
    with django_assert_num_queries(1):
        answer = anyone.get("/api/v1/categories")
    leaf = {"children": []}
    assert answer.json() == {
        "results": [
            {"slug": "garden", "name": "Garden", "path": "garden", **leaf},
            {
                "slug": "home",
                "name": "Home",
                "path": "home",
                "children": [
                    {"slug": "chairs", "name": "Chairs", "path": "home/chairs", **leaf},
                    {"slug": "lamps", "name": "Lamps", "path": "home/lamps", **leaf},
                ],
            },
        ]
    }
    assert answer["Cache-Control"] == "public, max-age=60"


def test_an_administrator_adds_a_category_below_another(admin: APIClient, tree: None) -> None:
    body = {"slug": "desk-lamps", "name": "Desk lamps", "parent": "lamps"}
    answer = admin.post("/api/v1/categories", body)
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "slug": "desk-lamps",
            "name": "Desk lamps",
            "path": "home/lamps/desk-lamps",
            "children": [],
        },
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"slug": "lamps", "name": "Lamps"}, 409, "slug_taken"),
        ({"slug": "new", "name": "New", "parent": "nowhere"}, 422, "unknown_parent"),
        ({"slug": "New!", "name": "New"}, 400, "invalid"),
        ({"slug": "f", "name": "F", "parent": "e"}, 422, "too_deep"),
    ],
)
def test_a_category_that_does_not_fit_is_refused(
    admin: APIClient, tree: None, body: dict[str, str], status: int, code: str
) -> None:
    for slug, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")):
        with transaction():
            usecases.create_category(slug=slug, name=slug, parent=parent)
    before = Category.objects.count()
    answer = admin.post("/api/v1/categories", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (Category.objects.count(), published()) == (before, [])


def test_a_category_moves_with_all_below_it_and_products_are_found_there(
    admin: APIClient, made: Made
) -> None:
    grow("a", "b", "c")
    made("DEEP", category="c")
    answer = change(admin, "a", {"parent": "lamps"})
    assert (answer.status_code, answer["ETag"], answer.json()) == (
        200,
        '"v2"',
        {
            "parent": "lamps",
            "slug": "a",
            "name": "a",
            "path": "home/lamps/a",
            "version": 2,
        },
    )
    assert paths() == [
        "garden",
        "home",
        "home/chairs",
        "home/lamps",
        "home/lamps/a",
        "home/lamps/a/b",
        "home/lamps/a/b/c",
    ]
    found = admin.get("/api/v1/products?category=home").json()["results"]
    assert [row["code"] for row in found] == ["DEEP"]
    assert admin.get("/api/v1/categories/c")["ETag"] == '"v2"'
    assert admin.get("/api/v1/categories/lamps")["ETag"] == '"v1"'


def test_a_category_becomes_a_root_and_takes_another_name(admin: APIClient, tree: None) -> None:
    answer = change(admin, "lamps", {"parent": None, "name": "Light"})
    assert (answer.json()["path"], answer.json()["name"]) == ("lamps", "Light")
    assert paths() == ["garden", "home", "home/chairs", "lamps"]


def test_a_change_to_what_is_there_already_is_none(admin: APIClient, tree: None) -> None:
    answer = change(admin, "lamps", {"parent": "home", "name": "Lamps"})
    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_a_known_category_is_answered_with_304(anyone: APIClient, tree: None) -> None:
    url = "/api/v1/categories/lamps"
    assert anyone.get(url, headers={"If-None-Match": anyone.get(url)["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("slug", "body", "version", "status", "code"),
    [
        ("home", {"parent": "home"}, 1, 422, "below_itself"),
        ("home", {"parent": "lamps"}, 1, 422, "below_itself"),
        ("home", {"parent": "nowhere"}, 1, 422, "unknown_parent"),
        ("home", {"parent": "d"}, 1, 422, "too_deep"),
        ("a", {"parent": "lamps"}, 1, 422, "too_deep"),
        ("home", {"parent": "garden"}, 2, 412, "precondition_failed"),
        ("nowhere", {"parent": "garden"}, 1, 404, "category_not_found"),
        ("home", {"name": ""}, 1, 400, "invalid"),
        ("home", {"slug": "house"}, 1, 400, "invalid"),
    ],
)
def test_a_move_that_does_not_fit_is_refused(
    admin: APIClient,
    tree: None,
    slug: str,
    body: dict[str, Any],
    version: int,
    status: int,
    code: str,
) -> None:
    grow("a", "b", "c", "d")
    before = list(Category.objects.order_by("path").values())
    answer = change(admin, slug, body, version)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (list(Category.objects.order_by("path").values()), published()) == (before, [])


def test_a_change_needs_the_version_that_was_read(admin: APIClient, tree: None) -> None:
    answer = admin.patch("/api/v1/categories/home", {"name": "House"})
    assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


def test_only_administrators_move(
    anyone: APIClient, client_for: Callable[..., APIClient], tree: None
) -> None:
    assert change(anyone, "lamps", {"parent": None}).status_code == 401
    assert change(client_for("support"), "lamps", {"parent": None}).status_code == 403


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"slug": "Lamps!"}, "products_category_slug"),
        ({"slug": "home"}, "products_category_slug"),
        ({"parent": None}, "products_category_parent"),
        ({"parent_path": None}, "products_category_parent"),
        ({"parent_path": "garden"}, "products_category_parent_path"),
    ],
)
def test_the_database_refuses_what_no_category_can_be(
    tree: None, change: dict[str, Any], constraint: str
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        Category.objects.filter(slug="lamps").update(**change)


def test_the_database_refuses_a_circle(tree: None) -> None:
    lamps = Category.objects.get(slug="lamps")
    with pytest.raises(IntegrityError, match=r"products_category_(depth|parent_path)"):
        Category.objects.filter(slug="home").update(parent=lamps, parent_path=lamps.path)


def test_the_database_refuses_a_sixth_level(tree: None) -> None:
    grow("a", "b", "c", "d")
    chairs = Category.objects.get(slug="chairs")
    with pytest.raises(IntegrityError, match="products_category_depth"):
        Category.objects.filter(slug="a").update(parent=chairs, parent_path=chairs.path)


def meanwhile(act: Callable[[], object], *, first: Callable[[], object]) -> str:
    """Let an act begin while the first one's transaction is open; return how it ends."""
    ends: list[str] = []

    def run() -> None:
        try:
            with transaction():
                act()
            ends.append("done")
        except (Refusal, IntegrityError) as error:
            ends.append(error.code() if isinstance(error, Refusal) else type(error).__name__)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction():
        first()
        thread.start()
        deadline = time.monotonic() + 10
        while not ends and not _is_awaited() and time.monotonic() < deadline:
            time.sleep(0.01)
    thread.join()
    return ends[0]


def _is_awaited() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        is_awaited: bool = cursor.fetchone()[0]
    return is_awaited


def move(slug: str, parent: str) -> object:
    return usecases.change_category(slug=slug, version=1, changes={"parent": parent})


@pytest.mark.django_db(transaction=True)
def test_of_two_moves_at_once_that_would_make_a_circle_the_second_is_refused() -> None:
    grow("a")
    grow("b")
    end = meanwhile(lambda: move("b", "a"), first=lambda: move("a", "b"))
    assert (end, paths()) == ("below_itself", ["b", "b/a"])


@pytest.mark.parametrize("slug", ["home", "garden", "lamps"])
def test_a_category_that_is_not_empty_is_not_deleted(
    admin: APIClient, made: Made, slug: str
) -> None:
    made("A", category="garden")
    made("B", category="lamps", is_active=False)
    before = paths()
    answer = delete(admin, slug)
    assert (answer.status_code, answer.json()["code"]) == (409, "category_not_empty")
    assert paths() == before


def test_an_empty_category_is_deleted_and_what_was_deleted_in_it_moves_up(
    admin: APIClient, made: Made
) -> None:
    product_id = made("A", category="lamps")
    with transaction():
        usecases.delete_product(product_id=product_id, version=1, at=NOON)
    before = len(published())
    assert delete(admin, "lamps").status_code == 204
    assert (paths(), len(published())) == (["garden", "home", "home/chairs"], before)
    assert Product.objects.get().category.slug == "home"
    assert delete(admin, "garden").status_code == 204
    assert delete(admin, "garden").json()["code"] == "category_not_found"


def test_a_deletion_needs_the_version_that_was_read(admin: APIClient, tree: None) -> None:
    assert delete(admin, "garden", 2).json()["code"] == "precondition_failed"
    answer = admin.delete("/api/v1/categories/garden")
    assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


def test_only_administrators_delete(
    anyone: APIClient, client_for: Callable[..., APIClient], tree: None
) -> None:
    assert delete(anyone, "garden").status_code == 401
    assert delete(client_for("support"), "garden").status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_deleted_first", [True, False])
def test_nothing_is_put_into_a_category_that_is_deleted_at_that_moment(
    is_deleted_first: bool,
) -> None:
    grow("a")
    state = STATE.model_copy(update={"category": "a"})
    acts: list[Callable[[], object]] = [
        lambda: usecases.delete_category(slug="a", version=1),
        lambda: usecases.create_product(product_id=new_id(), product=state, at=NOON),
    ]
    first, second = acts if is_deleted_first else reversed(acts)
    end = meanwhile(second, first=first)
    assert end == ("unknown_category" if is_deleted_first else "category_not_empty")


def test_what_lies_below_a_category_has_its_index(tree: None) -> None:
    home = Category.objects.get(slug="home")
    Category.objects.bulk_create(
        Category(slug=f"c-{number}", name="C", parent=home, parent_path="home")
        for number in range(2000)
    )
    grow("home-x")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_category")
        cursor.execute(f"EXPLAIN {queries.BELOW}", ["lamps"])
        assert re.search(r"products_category_path_\w+_like", str(cursor.fetchall()))
        cursor.execute(queries.BELOW, ["home"])
        assert len(cursor.fetchall()) == 2003  # without home-x, which only begins alike
