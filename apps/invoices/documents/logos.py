"""Which pictures can be a logo."""

from __future__ import annotations

import io
import re

import typst
from PIL import Image

from apps.invoices.documents.setting import FONTS_SET, Picture
from kernel.refusals import Refusal

MAX_LOGO = 200_000
MAX_PIXELS = 4_000_000
_TRIAL = """
#set document(date: datetime(year: 2026, month: 1, day: 1))
#set page(width: auto, height: auto)
#let (is-svg, content) = json(bytes(sys.inputs.logo))
#image(bytes(content), format: if is-svg { "svg" } else { "png" }, height: 16mm)
"""
_ACTIVE = re.compile(
    rb"<!(?:DOCTYPE|ENTITY)|<script|<foreignObject|href\s*=\s*[\"'](?!#|data:)", re.IGNORECASE
)


class LogoNotUsable(Refusal):
    """A logo is a PNG or an SVG of at most 200 kB and 4 megapixels that can be set on paper."""

    status = 400


def demand_logo(content: bytes) -> Picture:
    """
    Return a logo that documents can bear.

    :raises LogoNotUsable: for anything else.
    """
    if not content or len(content) > MAX_LOGO:
        raise LogoNotUsable
    picture = Picture(content, is_svg=not content.startswith(b"\x89PNG\r\n\x1a\n"))
    if picture.is_svg and _ACTIVE.search(content):
        raise LogoNotUsable("This SVG loads something, or does something: a logo is a picture.")
    if not picture.is_svg:
        _demand_png(content)
    _demand_that_it_sets(picture)
    return picture


def _demand_png(content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            width, height = image.size
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise LogoNotUsable from error
    if width * height > MAX_PIXELS:
        raise LogoNotUsable


def _demand_that_it_sets(picture: Picture) -> None:
    """Try it as documents will: PDF/A takes not all that a picture can hold."""
    try:
        typst.compile(
            _TRIAL.encode(),
            font_paths=FONTS_SET,
            ignore_system_fonts=True,
            format="pdf",
            pdf_standards=["a-3b"],
            sys_inputs={"logo": picture.as_json()},
        )
    except typst.TypstError as error:
        raise LogoNotUsable from error
