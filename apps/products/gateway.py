"""The files of pictures, in Django's storage (S3): judged, stored, found again."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io

from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from kernel.refusals import Refusal

MAX_BYTES = 5_000_000
MAX_PIXELS = 4_000
_ENDINGS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


class NotAPicture(Refusal):
    """The file is not a picture in JPEG, PNG or WebP."""

    status = 422


class PictureTooLarge(Refusal):
    """A picture has at most 5 MB, and 4000 pixels a side."""

    status = 413


@dataclasses.dataclass(frozen=True)
class StoredPicture:
    """A file in the bucket, and its size in pixels."""

    key: str
    width: int
    height: int


def store(content: bytes) -> StoredPicture:
    """
    Store a picture under the hash of its content: doing it twice does it once.

    :raises NotAPicture, PictureTooLarge:
    """
    kind, width, height = _judge(content)
    key = f"products/{hashlib.sha256(content).hexdigest()}.{_ENDINGS[kind]}"
    if not default_storage.exists(key):
        default_storage.save(key, SimpleUploadedFile(key, content, f"image/{kind.lower()}"))
    return StoredPicture(key, width, height)


def picture_url(key: str) -> str:
    """Return where anyone can read the file."""
    return _base_url() + key


@functools.cache
def _base_url() -> str:
    """Ask the storage once: unsigned URLs differ by nothing but the key, and boto3 is slow."""
    return default_storage.url("x").removesuffix("x")


def _judge(content: bytes) -> tuple[str, int, int]:
    if len(content) > MAX_BYTES:
        raise PictureTooLarge
    try:
        with Image.open(io.BytesIO(content), formats=tuple(_ENDINGS)) as picture:
            kind, (width, height) = str(picture.format), picture.size
            is_too_large = max(width, height) > MAX_PIXELS
            if not is_too_large:
                picture.load()  # all of it: a picture cut off is none
    except Image.DecompressionBombError as error:
        raise PictureTooLarge from error
    except (OSError, SyntaxError, ValueError) as error:
        raise NotAPicture from error
    if is_too_large:
        raise PictureTooLarge
    return kind, width, height
