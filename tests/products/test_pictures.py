from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError
from rest_framework.test import APIClient

from apps.products import gateway, usecases
from apps.products.events import ProductUpdated
from apps.products.models import Picture, Product
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import in_transaction, transaction
from tests.conftest import NOON
from tests.products.conftest import STATE, picture

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


def send(client: APIClient, product_id: uuid.UUID, content: bytes) -> Any:
    file = SimpleUploadedFile("any name.bin", content)
    url = f"/api/v1/products/{product_id}/pictures"
    return client.post(url, {"file": file}, format="multipart")


@pytest.mark.parametrize(("kind", "ending"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_a_picture_is_stored_under_the_hash_of_its_content_and_told(
    admin: APIClient, made: Made, kind: str, ending: str
) -> None:
    product_id, content = made("LAMP-1"), picture(kind)
    answer = send(admin, product_id, content)
    key = f"products/{hashlib.sha256(content).hexdigest()}.{ending}"
    assert (answer.status_code, answer.json()) == (
        201,
        {"url": f"https://pictures.example/{key}", "width": 40, "height": 30, "position": 0},
    )
    assert default_storage.open(key).read() == content
    event = published()[-1]
    assert event == ProductUpdated(
        occurred_at=event.occurred_at,
        product_id=product_id,
        version=2,
        old=STATE,
        new=STATE,
        changed=("pictures",),
    )


def test_the_same_picture_twice_is_there_once(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    first, second = (send(admin, product_id, picture()) for _ in range(2))
    assert (second.status_code, second.json()) == (201, first.json())
    assert (Picture.objects.count(), Product.objects.get().version, len(published())) == (1, 2, 2)


def test_pictures_stand_in_the_order_in_which_they_came(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    urls = [send(admin, product_id, picture(colour=n)).json()["url"] for n in range(3)]
    assert admin.get(f"/api/v1/products/{product_id}").json()["pictures"] == urls


def test_two_products_may_show_the_same_picture(admin: APIClient, made: Made) -> None:
    first, second = (send(admin, made(code), picture()) for code in ("A", "B"))
    assert (first.json(), Picture.objects.count()) == (second.json(), 2)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"<svg/>", 422, "not_a_picture"),
        (picture("GIF"), 422, "not_a_picture"),
        (picture("JPEG", (400, 400))[:-600], 422, "not_a_picture"),
        (picture(size=(4001, 10)), 413, "picture_too_large"),
        (b"x" * (gateway.MAX_BYTES + 1), 413, "picture_too_large"),
        (b"x" * (gateway.MAX_BYTES + 20_000), 413, "picture_too_large"),
        (b"", 400, "invalid"),
    ],
    ids=["svg", "gif", "cut off", "wide", "heavy", "very heavy", "empty"],
)
def test_a_file_that_is_no_fit_picture_is_refused_and_not_stored(
    admin: APIClient, made: Made, content: bytes, status: int, code: str
) -> None:
    product_id = made("LAMP-1")
    answer = send(admin, product_id, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (Picture.objects.count(), len(published())) == (0, 1)
    assert not default_storage.exists("products")


def test_a_product_that_is_not_there_gets_no_picture(admin: APIClient, tree: None) -> None:
    answer = send(admin, new_id(), picture())
    assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


def test_a_product_has_no_more_pictures_than_it_may(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    with transaction():
        for number in range(usecases.MAX_PICTURES):
            usecases.add_picture(
                product_id=product_id, key=f"{number}.png", width=1, height=1, at=NOON
            )
    answer = send(admin, product_id, picture())
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_pictures")


def test_the_file_is_stored_outside_of_a_transaction(
    admin: APIClient, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    store = gateway.store

    def watched(content: bytes) -> gateway.StoredPicture:
        seen.append(in_transaction())
        return store(content)

    monkeypatch.setattr(gateway, "store", watched)
    send(admin, made("LAMP-1"), picture())
    assert seen == [False]


def test_the_database_refuses_two_pictures_in_one_place(made: Made) -> None:
    product_id = made("LAMP-1")
    Picture.objects.create(product_id=product_id, key="a", width=1, height=1, position=0)
    with pytest.raises(IntegrityError, match="products_picture_place"):
        Picture.objects.create(product_id=product_id, key="b", width=1, height=1, position=0)
