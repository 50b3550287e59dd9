"""The outside world of products: the files of pictures, judged and made small."""

from __future__ import annotations

from apps.products.gateway.files import (
    MAX_BYTES,
    UPLOAD_SECONDS,
    FakeUploads,
    NothingUploaded,
    S3Uploads,
    Uploads,
    installed,
    picture_url,
    store,
    take,
    uploads,
)
from apps.products.gateway.images import (
    KINDS,
    MAX_PIXELS,
    WIDTHS,
    NotAPicture,
    PictureTooLarge,
    SizedPicture,
    UnfitPicture,
    WrongType,
    sizes_of,
)

__all__ = (
    "KINDS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "UPLOAD_SECONDS",
    "WIDTHS",
    "FakeUploads",
    "NotAPicture",
    "NothingUploaded",
    "PictureTooLarge",
    "S3Uploads",
    "SizedPicture",
    "UnfitPicture",
    "Uploads",
    "WrongType",
    "installed",
    "picture_url",
    "sizes_of",
    "store",
    "take",
    "uploads",
)
