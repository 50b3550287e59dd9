"""The tree of categories: grown, renamed, moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError
from django.db.models import F

from apps.products.models import MAX_DEPTH, Category
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import savepoint, transaction_required


class SlugTaken(Refusal):
    """Another category has this slug."""


class CategoryNotFound(Refusal):
    """There is no such category."""

    status = 404


class UnknownParent(Refusal):
    """There is no category with the parent's slug."""

    status = 422


class BelowItself(Refusal):
    """A category can't lie below itself."""

    status = 422


class TooDeep(Refusal):
    """The tree of categories has no more than five levels."""

    status = 422


class CategoryNotEmpty(Refusal):
    """Products or categories lie in it."""


@transaction_required
def create_category(*, slug: str, name: str, parent: str | None) -> Category:
    """
    Add a category to the tree, below the one with the slug `parent` or as a root.

    :raises SlugTaken, UnknownParent, TooDeep:
    """
    # Locked, so that it stays where it is until this one hangs below it.
    trunk = Category.objects.select_for_update(no_key=True).filter(slug=parent)
    above = trunk.first() if parent else None
    if parent and above is None:
        raise UnknownParent
    if above and above.depth == MAX_DEPTH:
        raise TooDeep
    category = Category(slug=slug, name=name)
    category.put_below(above)
    try:
        with savepoint():
            category.save(force_insert=True)
    except IntegrityError as error:
        raise SlugTaken from error
    return category


@transaction_required
def change_category(*, slug: str, version: int, changes: Mapping[str, Any]) -> Category:
    """
    Give a category another `name`, or move it with all below it under another `parent` (a slug).

    :raises CategoryNotFound:
    :raises PreconditionFailed: if the category has another version by now.
    :raises UnknownParent, BelowItself, TooDeep:
    """
    # The whole tree: two moves at once could each be right and make a circle together. Products
    # may still be put into categories meanwhile, which locks the category's key alone.
    tree = {
        each.slug: each for each in Category.objects.select_for_update(no_key=True).order_by("id")
    }
    if (category := tree.get(slug)) is None:
        raise CategoryNotFound
    if category.version != version:
        raise PreconditionFailed
    by_id = {each.id: each.slug for each in tree.values()}
    name = changes.get("name", category.name)
    now = by_id.get(category.parent_id) if category.parent_id else None
    parent = changes.get("parent", now)
    if (name, parent) == (category.name, now):
        return category
    if parent != now:
        _move(category, parent, tree)
    category.name = name
    category.version += 1
    category.save(update_fields=["name", "parent", "parent_path", "version"])
    category.refresh_from_db()
    return category


@transaction_required
def delete_category(*, slug: str, version: int) -> None:
    """
    Take an empty category out of the tree.

    Products that were deleted stay in the table, and so in the category above; of a root they
    are in the way.

    :raises CategoryNotFound:
    :raises PreconditionFailed: if the category has another version by now.
    :raises CategoryNotEmpty:
    """
    # Its key is locked too: nothing is put into it until it is gone.
    category = Category.objects.select_for_update().filter(slug=slug).first()
    if category is None:
        raise CategoryNotFound
    if category.version != version:
        raise PreconditionFailed
    if category.parent_id:
        gone = category.products.filter(deleted_at__isnull=False)
        gone.update(category_id=category.parent_id)
    if category.products.exists() or Category.objects.filter(parent=category).exists():
        raise CategoryNotEmpty
    category.delete()


def _move(category: Category, parent: str | None, tree: Mapping[str, Category]) -> None:
    above = tree.get(parent) if parent else None
    if parent and above is None:
        raise UnknownParent
    if above and category.has(above):
        raise BelowItself
    levels = max(each.depth for each in tree.values() if category.has(each)) - category.depth + 1
    if (above.depth if above else 0) + levels > MAX_DEPTH:
        raise TooDeep
    category.put_below(above)
    # Their paths move with it, and so what is shown of them.
    below = Category.objects.filter(path__startswith=f"{category.path}/")
    below.update(version=F("version") + 1)
