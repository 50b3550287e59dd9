from __future__ import annotations

import datetime as dt
import io
import struct
import uuid
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import IntegrityError
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from apps.products import gateway, jobs, usecases
from apps.products.events import PictureUploaded, ProductUpdated
from apps.products.gateway import FakeUploads, files
from apps.products.models import Picture, Product
from kernel.bus import inbox
from kernel.bus.testing import envelopes, published, run_until_quiet, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import in_transaction, transaction
from tests.conftest import NOON
from tests.products.conftest import STATE, picture

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]
OUTSIDE = "products-outside"


@pytest.fixture(autouse=True)
def uploads() -> Iterator[FakeUploads]:
    fake = FakeUploads()
    with gateway.installed(fake):
        yield fake


def announce(client: APIClient, product_id: uuid.UUID, **changes: Any) -> Any:
    body = {"content_type": "image/png", "size_bytes": 100, "alt_text": "A lamp", **changes}
    return client.post(f"/api/v1/products/{product_id}/pictures", body)


def complete(client: APIClient, product_id: uuid.UUID, picture_id: str) -> Any:
    return client.post(f"/api/v1/products/{product_id}/pictures/{picture_id}/complete")


def upload(
    client: APIClient, uploads: FakeUploads, product_id: uuid.UUID, content: bytes, **changes: Any
) -> str:
    """Announce, upload, complete; return the picture's id."""
    body = announce(client, product_id, **changes).json()
    uploads.files[body["upload"]["fields"]["key"]] = content
    assert complete(client, product_id, body["id"]).status_code == 202
    picture_id: str = body["id"]
    return picture_id


def read(client: APIClient, product_id: uuid.UUID, picture_id: str) -> Any:
    return client.get(f"/api/v1/products/{product_id}/pictures/{picture_id}").json()


def shown(client: APIClient, product_id: uuid.UUID) -> list[dict[str, Any]]:
    pictures: list[dict[str, Any]] = client.get(f"/api/v1/products/{product_id}").json()["pictures"]
    return pictures


def test_a_picture_is_announced_with_a_form_for_just_this_file(
    admin: APIClient, made: Made
) -> None:
    product_id = made("LAMP-1")
    answer = announce(admin, product_id, size_bytes=1234)
    row = Picture.objects.get()
    expires_at = answer.json()["upload"].pop("expires_at")
    assert (answer.status_code, answer.json()) == (
        201,
        {
            "id": str(row.id),
            "state": "AWAITING",
            "reason": None,
            "alt_text": "A lamp",
            "position": 0,
            "sizes": [],
            "upload": {
                "url": "https://uploads.example/",
                "fields": {
                    "key": f"pictures/{row.id}",
                    "Content-Type": "image/png",
                    "size": "1234",
                },
            },
        },
    )
    assert dt.datetime.fromisoformat(expires_at) == row.created_at + dt.timedelta(minutes=5)
    assert answer["Location"] == f"/api/v1/products/{product_id}/pictures/{row.id}"
    assert (shown(admin, product_id), len(published())) == ([], 1)


def test_what_was_uploaded_is_shown_in_its_sizes_and_told(
    admin: APIClient, made: Made, uploads: FakeUploads
) -> None:
    product_id = made("LAMP-1")
    picture_id = upload(admin, uploads, product_id, picture(size=(600, 300)))
    assert read(admin, product_id, picture_id)["state"] == "PROCESSING"
    run_until_quiet(only={OUTSIDE})
    (found,) = shown(admin, product_id)
    sizes = [(each["width"], each["height"]) for each in found.pop("sizes")]
    assert sizes == [(160, 80), (480, 240), (600, 300)]
    assert found == {"id": picture_id, "alt_text": "A lamp", "position": 0}
    assert uploads.files == {}
    event = published()[-1]
    assert event == ProductUpdated(
        occurred_at=event.occurred_at,
        product_id=product_id,
        version=2,
        old=STATE,
        new=STATE,
        changed=("pictures",),
    )


def test_files_are_named_by_what_was_given_and_are_pictures(
    admin: APIClient, made: Made, uploads: FakeUploads
) -> None:
    first, second = made("A"), made("B")
    for product_id in (first, second):
        upload(admin, uploads, product_id, picture(size=(2000, 1000)))
    run_until_quiet(only={OUTSIDE})
    assert shown(admin, first)[0]["sizes"] == shown(admin, second)[0]["sizes"]
    for size in Picture.objects.all()[0].sizes:
        with Image.open(default_storage.open(size["key"])) as file:
            assert (file.format, file.size) == ("WEBP", (size["width"], size["height"]))
    assert [size["width"] for size in Picture.objects.all()[0].sizes] == [160, 480, 1200]


def with_exif() -> bytes:
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "where I live"
    Image.new("RGB", (40, 20)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_a_picture_is_turned_upright_and_tells_nothing_else() -> None:
    (small,) = gateway.sizes_of(with_exif(), "image/jpeg")
    assert (small.width, small.height) == (20, 40)
    with Image.open(io.BytesIO(small.content)) as file:
        assert (file.size, dict(file.getexif()), b"where I live" in small.content) == (
            (20, 40),
            {},
            False,
        )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_all_kinds_are_made_small(mode: str) -> None:
    file = io.BytesIO()
    Image.new(mode, (200, 100)).save(file, "JPEG" if mode == "CMYK" else "PNG")
    assert [size.width for size in gateway.sizes_of(file.getvalue())] == [160, 200]


def bomb() -> bytes:
    """Return a small PNG that says it has 10,000,000,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<svg/>", "not_a_picture"),
        (b"", "not_a_picture"),
        (picture("GIF"), "not_a_picture"),
        (picture("PNG", (400, 400))[:-200], "not_a_picture"),
        (picture("JPEG"), "wrong_type"),
        (bomb(), "picture_too_large"),
        (None, "nothing_uploaded"),
    ],
    ids=["svg", "empty", "gif", "cut off", "jpeg", "bomb", "nothing"],
)
def test_what_is_no_fit_picture_is_refused_and_nothing_of_it_stays(
    admin: APIClient, made: Made, uploads: FakeUploads, content: bytes | None, reason: str
) -> None:
    product_id = made("LAMP-1")
    body = announce(admin, product_id).json()
    if content is not None:
        uploads.files[body["upload"]["fields"]["key"]] = content
    complete(admin, product_id, body["id"])
    before = len(published())
    run_until_quiet(only={OUTSIDE})
    found = read(admin, product_id, body["id"])
    assert (found["state"], found["reason"], found["sizes"]) == ("REFUSED", reason, [])
    assert (shown(admin, product_id), uploads.files, len(published())) == ([], {}, before)
    assert not default_storage.exists("products")


def test_completing_twice_is_completing_once(
    admin: APIClient, made: Made, uploads: FakeUploads
) -> None:
    product_id = made("LAMP-1")
    picture_id = upload(admin, uploads, product_id, picture())
    assert complete(admin, product_id, picture_id).json()["state"] == "PROCESSING"
    run_until_quiet(only={OUTSIDE})
    again = complete(admin, product_id, picture_id)
    assert (again.status_code, again.json()["state"]) == (202, "READY")
    assert [type(event) for event in published()].count(PictureUploaded) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_picture_that_comes_twice_is_there_once(
    admin: APIClient, made: Made, uploads: FakeUploads, seed: int
) -> None:
    product_id = made("LAMP-1")
    for number in range(2):
        upload(admin, uploads, product_id, picture(colour=number))
    run_until_quiet(twice_and_shuffled(seed), only={OUTSIDE})
    assert (len(shown(admin, product_id)), Product.objects.get().version) == (2, 3)


@pytest.mark.parametrize("what", ["store", "note", "forget"])
def test_who_dies_on_the_way_begins_anew(
    admin: APIClient,
    made: Made,
    uploads: FakeUploads,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    product_id = made("LAMP-1")
    upload(admin, uploads, product_id, picture())
    envelope = envelopes()[-1]

    def die(*_: object, **__: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        if what == "store":
            broken.setattr(default_storage, "save", die)
        elif what == "note":
            broken.setattr(usecases, "show_picture", die)
        else:
            broken.setattr(uploads, "forget", die)
        assert not inbox.deliver(OUTSIDE, [envelope])
    assert len(shown(admin, product_id)) == (1 if what == "forget" else 0)
    assert inbox.deliver(OUTSIDE, [envelope])
    assert (len(shown(admin, product_id)), Product.objects.get().version) == (1, 2)


def test_files_are_read_and_stored_outside_of_a_transaction(
    admin: APIClient, made: Made, uploads: FakeUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    store = files.store

    def watched(pictures: Any) -> Any:
        seen.append(in_transaction())
        return store(pictures)

    monkeypatch.setattr(files, "store", watched)
    upload(admin, uploads, made("LAMP-1"), picture())
    run_until_quiet(only={OUTSIDE})
    assert seen == [False]


@pytest.mark.parametrize("what", ["picture", "product", "before"])
def test_what_is_deleted_while_it_is_looked_at_stays_deleted(
    admin: APIClient,
    made: Made,
    uploads: FakeUploads,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    product_id = made("LAMP-1")
    picture_id = upload(admin, uploads, product_id, picture())
    read_file = uploads.read

    def delete_meanwhile(key: str) -> bytes | None:
        with transaction():
            if what == "product":
                usecases.delete_product(product_id=product_id, version=1, at=NOON)
            else:
                usecases.delete_picture(
                    product_id=product_id, picture_id=uuid.UUID(picture_id), at=NOON
                )
        return read_file(key)

    if what == "before":
        delete_meanwhile("")
    else:
        monkeypatch.setattr(uploads, "read", delete_meanwhile)
    run_until_quiet(only={OUTSIDE})
    assert not Picture.objects.filter(state="READY").exists()
    assert Product.objects.get().version == (2 if what == "product" else 1)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content_type": "image/gif"}, "content_type"),
        ({"content_type": None}, "content_type"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": 10_000_001}, "size_bytes"),
        ({"alt_text": "x" * 301}, "alt_text"),
        ({"file": "x"}, "file"),
    ],
)
def test_an_announcement_that_is_not_good_is_refused(
    admin: APIClient, made: Made, changes: dict[str, Any], field: str
) -> None:
    answer = announce(admin, made("LAMP-1"), **changes)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert Picture.objects.count() == 0


def test_a_product_has_at_most_twelve_pictures(admin: APIClient, made: Made) -> None:
    product_id = made("LAMP-1")
    for _ in range(12):
        assert announce(admin, product_id).status_code == 201
    before = len(published())
    answer = announce(admin, product_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_pictures")
    assert [event.name for event in published()[before:]] == ["products.product_rejected.v1"]
    Picture.objects.filter(position=3).update(state="REFUSED", reason="not_a_picture")
    assert announce(admin, product_id).json()["position"] == 12


@pytest.fixture
def three(admin: APIClient, made: Made) -> tuple[uuid.UUID, list[Picture]]:
    """Make a product with three pictures that are shown."""
    product_id = made("LAMP-1")
    sizes = [{"key": "a.webp", "width": 1, "height": 1}]
    with transaction():
        pictures = [
            usecases.add_picture(product_id=product_id, sizes=sizes, alt_text=text, at=NOON)
            for text in "abc"
        ]
    return product_id, pictures


@pytest.mark.parametrize(
    ("moved", "position", "order"),
    [(0, 1, "bac"), (2, 0, "cab"), (0, 2, "bca"), (0, 900, "bca"), (1, 1, "abc")],
)
def test_a_picture_that_moves_lets_the_others_make_room(
    admin: APIClient,
    three: tuple[uuid.UUID, list[Picture]],
    moved: int,
    position: int,
    order: str,
) -> None:
    product_id, pictures = three
    url = f"/api/v1/products/{product_id}/pictures/{pictures[moved].id}"
    answer = admin.patch(url, {"position": position})
    assert (answer.status_code, answer.json()["position"]) == (200, min(position, 2))
    found = shown(admin, product_id)
    assert "".join(each["alt_text"] for each in found) == order
    assert [each["position"] for each in found] == [0, 1, 2]
    assert Product.objects.get().version == (4 if order == "abc" else 5)


def test_a_picture_is_described_anew_and_told(
    admin: APIClient, three: tuple[uuid.UUID, list[Picture]]
) -> None:
    product_id, pictures = three
    url = f"/api/v1/products/{product_id}/pictures/{pictures[1].id}"
    assert admin.patch(url, {"alt_text": "new"}).json()["alt_text"] == "new"
    assert [each["alt_text"] for each in shown(admin, product_id)] == ["a", "new", "c"]
    assert published()[-1].changed == ("pictures",)  # type: ignore[attr-defined]


def test_a_deleted_picture_is_gone_and_told(
    admin: APIClient, three: tuple[uuid.UUID, list[Picture]]
) -> None:
    product_id, pictures = three
    url = f"/api/v1/products/{product_id}/pictures/{pictures[1].id}"
    assert admin.delete(url).status_code == 204
    assert [each["alt_text"] for each in shown(admin, product_id)] == ["a", "c"]
    assert (Product.objects.get().version, admin.delete(url).json()["code"]) == (
        5,
        "picture_not_found",
    )


def test_what_is_not_there_is_not_found(admin: APIClient, made: Made) -> None:
    product_id, other = made("A"), made("B")
    picture_id = announce(admin, other).json()["id"]
    url = f"/api/v1/products/{product_id}/pictures/{picture_id}"
    for answer in (
        admin.get(url),
        admin.patch(url, {"alt_text": "x"}),
        admin.delete(url),
        admin.post(f"{url}/complete"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "picture_not_found")
    for answer in (
        announce(admin, new_id()),
        admin.get(f"/api/v1/products/{new_id()}/pictures"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


def test_only_administrators_see_and_change_what_is_not_shown(
    anyone: APIClient, client_for: Callable[..., APIClient], made: Made
) -> None:
    product_id = made("LAMP-1")
    url = f"/api/v1/products/{product_id}/pictures"
    for client, status in ((anyone, 401), (client_for("support"), 403)):
        found = [
            client.get(url),
            client.post(url, {}),
            client.get(f"{url}/{new_id()}"),
            client.patch(f"{url}/{new_id()}", {}),
            client.delete(f"{url}/{new_id()}"),
            client.post(f"{url}/{new_id()}/complete"),
        ]
        assert {answer.status_code for answer in found} == {status}


def test_pictures_of_which_nothing_came_are_forgotten_after_a_day(
    admin: APIClient, made: Made, three: tuple[uuid.UUID, list[Picture]]
) -> None:
    product_id = made("LAMP-2")
    noon = timezone.now()
    with time_machine.travel(noon, tick=False):
        awaited, refused, waiting = (announce(admin, product_id).json()["id"] for _ in range(3))
        Picture.objects.filter(id=refused).update(state="REFUSED", reason="wrong_type")
        complete(admin, product_id, waiting)
    for hours, left in ((24, {awaited, refused, waiting}), (24.1, {waiting})):
        with time_machine.travel(noon + dt.timedelta(hours=hours), tick=False):
            jobs.forget_old_pictures()
        kept = {str(each) for each in Picture.objects.values_list("id", flat=True)}
        assert kept == left | {str(each.id) for each in three[1]}


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "READY"}, "products_picture_sizes"),
        ({"sizes": [{"key": "a"}]}, "products_picture_sizes"),
        ({"state": "REFUSED"}, "products_picture_reason"),
        ({"reason": "x"}, "products_picture_reason"),
        ({"state": "GONE"}, "products_picture_state"),
    ],
)
def test_the_database_refuses_what_no_picture_can_be(
    made: Made, fields: dict[str, Any], constraint: str
) -> None:
    row = {"product_id": made("LAMP-1"), "position": 0, "created_at": NOON}
    with pytest.raises(IntegrityError, match=constraint):
        Picture.objects.create(**row, **fields)
