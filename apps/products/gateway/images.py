"""What is done to a picture: judged, turned upright, made small; nothing of it is believed."""

from __future__ import annotations

import dataclasses
import hashlib
import io

from PIL import Image, ImageOps

from kernel.refusals import Refusal

WIDTHS = (160, 480, 1200)
MAX_PIXELS = 50_000_000  # of a good camera; a small file can claim billions
KINDS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
Image.MAX_IMAGE_PIXELS = None  # Pillow would only warn: we look ourselves, before it decodes


class UnfitPicture(Refusal):
    """What was uploaded can't be shown."""


class NotAPicture(UnfitPicture):
    """The file is not a picture in JPEG, PNG or WebP, or is cut off."""


class WrongType(UnfitPicture):
    """The file is a picture of another type than was announced."""


class PictureTooLarge(UnfitPicture):
    """A picture has at most fifty million pixels."""


@dataclasses.dataclass(frozen=True)
class SizedPicture:
    """A picture in one size, as a file."""

    key: str
    width: int
    height: int
    content: bytes


def sizes_of(content: bytes, content_type: str | None = None) -> list[SizedPicture]:
    """
    Return a picture in all sizes up to its own, smallest first, as WebP without metadata.

    Keys hold the hash of what was given: the same again is the same.

    :raises NotAPicture, WrongType, PictureTooLarge:
    """
    digest = hashlib.sha256(content).hexdigest()
    picture = _upright(content, KINDS.get(content_type or ""))
    widths = [width for width in WIDTHS if width < picture.width]
    if len(widths) < len(WIDTHS):
        widths.append(picture.width)
    return [_sized(picture, width, f"products/{digest}-{width}.webp") for width in widths]


def _upright(content: bytes, announced: str | None) -> Image.Image:
    try:
        with Image.open(io.BytesIO(content), formats=tuple(KINDS.values())) as picture:
            if announced and picture.format != announced:
                raise WrongType
            if picture.width * picture.height > MAX_PIXELS:
                raise PictureTooLarge
            if picture.format == "JPEG":  # decoded no larger than it is wanted
                picture.draft("RGB", (2 * WIDTHS[-1], 2 * WIDTHS[-1]))
            upright = ImageOps.exif_transpose(picture)
            is_clear = picture.has_transparency_data
            return upright.convert("RGBA" if is_clear else "RGB")
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise NotAPicture from error


def _sized(picture: Image.Image, width: int, key: str) -> SizedPicture:
    height = max(1, round(picture.height * width / picture.width))
    file = io.BytesIO()
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    small.save(file, "WEBP", quality=82, exif=b"", icc_profile=b"", xmp=b"")
    return SizedPicture(key, width, height, file.getvalue())
