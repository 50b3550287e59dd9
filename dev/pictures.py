"""Draws a product's picture: a plain shape on a gradient in its category's colours."""

from __future__ import annotations

import colorsys
import io
import random
import zlib
from collections.abc import Callable

from PIL import Image, ImageDraw

SIZE = 640
_SCALE = 2  # drawn larger and shrunk: smooth edges
_UNIT = SIZE * _SCALE / 100  # shapes are told in hundredths of the picture

Colour = tuple[int, int, int]
Shape = Callable[["Brush"], None]


class Brush:
    """Draws in hundredths, in three tones of one colour and with a product's own dice."""

    def __init__(self, image: Image.Image, hue: float, dice: random.Random) -> None:
        self._draw = ImageDraw.Draw(image, "RGBA")
        self.dice = dice
        self.dark, self.main, self.light = (
            _colour(hue, 0.55, 0.32),
            _colour(hue, 0.60, 0.55),
            _colour(hue, 0.35, 0.82),
        )

    def box(
        self, x: float, y: float, w: float, h: float, colour: Colour, round_by: float = 3
    ) -> None:
        """Fill a rectangle with rounded corners."""
        corners = [_px(x), _px(y), _px(x + w), _px(y + h)]
        self._draw.rounded_rectangle(corners, _px(round_by), fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle around a point."""
        edges = [_px(x - radius), _px(y - radius), _px(x + radius), _px(y + radius)]
        self._draw.ellipse(edges, fill=colour)

    def ring(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Draw a circle's line."""
        edges = [_px(x - radius), _px(y - radius), _px(x + radius), _px(y + radius)]
        self._draw.ellipse(edges, outline=colour, width=int(_px(width)))

    def arch(self, x: float, y: float, radius: float, width: float, colour: Colour) -> None:
        """Draw the upper half of a circle's line."""
        edges = [_px(x - radius), _px(y - radius), _px(x + radius), _px(y + radius)]
        self._draw.arc(edges, 180, 360, fill=colour, width=int(_px(width)))

    def shape(self, colour: Colour, *points: tuple[float, float]) -> None:
        """Fill a polygon."""
        self._draw.polygon([(_px(x), _px(y)) for x, y in points], fill=colour)


def draw(category: str, code: str) -> bytes:
    """Return a picture as WebP: the same one each time for the same product."""
    dice = random.Random(zlib.crc32(code.encode()))  # noqa: S311 -- repeatable, not secret
    hue, shape = _STYLES[category]
    hue = (hue + dice.uniform(-0.04, 0.04)) % 1
    image = _gradient(hue, dice)
    brush = Brush(image, hue, dice)
    brush.box(22, 82, 56, 3, _colour(hue, 0.25, 0.62), 1.5)  # what it stands on
    shape(brush)
    out = io.BytesIO()
    image.reduce(_SCALE).save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _gradient(hue: float, dice: random.Random) -> Image.Image:
    size = SIZE * _SCALE
    mask = Image.linear_gradient("L").rotate(dice.choice((0, 90, 180, 270))).resize((size, size))
    above = Image.new("RGB", (size, size), _colour(hue, 0.10, 0.98))
    below = Image.new("RGB", (size, size), _colour((hue + 0.08) % 1, 0.28, 0.86))
    return Image.composite(below, above, mask)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _px(hundredths: float) -> float:
    return hundredths * _UNIT


def _mug(b: Brush) -> None:
    height = b.dice.uniform(34, 46)
    b.ring(66, 82 - height / 2, 11, 4, b.dark)
    b.box(32, 82 - height, 34, height, b.main, 5)
    b.box(32, 82 - height * 0.45, 34, height * 0.16, b.light, 0)


def _lamp(b: Brush) -> None:
    top = b.dice.uniform(22, 34)
    b.box(48.5, top + 10, 3, 70 - top, b.dark, 1)
    b.box(38, 78, 24, 4, b.dark, 2)
    b.shape(b.main, (40, top), (60, top), (70, top + 24), (30, top + 24))
    b.disc(50, top + 24, 5, b.light)


def _cloth(b: Brush) -> None:
    b.box(26, 40, 48, 42, b.main, 6)
    for row in range(b.dice.randint(2, 5)):
        b.box(26, 47 + row * 7, 48, 2.5, b.light if row % 2 else b.dark, 0)
    b.box(26, 34, 48, 12, b.dark, 6)


def _crate(b: Brush) -> None:
    for row in range(b.dice.randint(2, 3)):
        top = 64 - row * 19
        b.box(28 + row * 3, top, 44 - row * 6, 18, b.main if row % 2 else b.dark, 2)
        b.box(44, top + 6, 12, 4, b.light, 2)


def _plant(b: Brush) -> None:
    for side in (-1, 1):
        for leaf in range(b.dice.randint(2, 4)):
            y = 58 - leaf * 11
            b.shape(b.main, (50, y), (50 + side * 20, y - 14), (50 + side * 8, y - 15))
    b.box(49, 20, 2, 44, b.dark, 1)
    b.shape(b.dark, (34, 60), (66, 60), (61, 82), (39, 82))


def _tent(b: Brush) -> None:
    peak = b.dice.uniform(26, 38)
    b.shape(b.main, (50, peak), (82, 82), (18, 82))
    b.shape(b.dark, (50, peak + 14), (62, 82), (38, 82))
    b.disc(76, 26, b.dice.uniform(4, 7), b.light)


def _tool(b: Brush) -> None:
    width = b.dice.uniform(6, 9)
    b.box(50 - width / 2, 36, width, 46, b.dark, 3)
    b.box(28, 24, 44, 15, b.main, 3)
    b.shape(b.main, (28, 24), (28, 39), (18, 36))
    b.box(46, 60, 8, 16, b.light, 3)


def _notebook(b: Brush) -> None:
    b.box(32, 22, 38, 60, b.dark, 3)
    b.box(30, 20, 38, 60, b.main, 3)
    b.box(58, 20, 2.5, 60, b.light, 0)
    for line in range(b.dice.randint(1, 3)):
        b.box(36, 32 + line * 6, 16, 2.5, b.light, 1)


def _screen(b: Brush) -> None:
    height = b.dice.uniform(30, 38)
    b.box(22, 34, 56, height, b.dark, 3)
    b.box(25, 37, 50, height - 6, b.main, 1)
    b.box(46, 34 + height, 8, 48 - height, b.dark, 0)
    b.box(36, 78, 28, 4, b.dark, 2)


def _headphones(b: Brush) -> None:
    radius = b.dice.uniform(22, 27)
    b.arch(50, 52, radius, 5, b.dark)
    for side in (-1, 1):
        b.box(50 + side * (radius - 2) - 6, 50, 12, 28, b.main, 6)
        b.box(50 + side * (radius - 7) - 2, 54, 4, 20, b.light, 2)


def _speaker(b: Brush) -> None:
    b.box(32, 18, 36, 64, b.dark, 4)
    b.disc(50, 34, b.dice.uniform(5, 8), b.light)
    b.disc(50, 61, 14, b.light)
    b.disc(50, 61, b.dice.uniform(9, 12), b.main)
    b.disc(50, 61, 4, b.dark)


def _bag(b: Brush) -> None:
    top = b.dice.uniform(34, 44)
    b.arch(50, top + 2, 13, 4, b.dark)
    b.box(28, top, 44, 82 - top, b.main, 7)
    b.box(34, top + 18, 32, 16, b.light, 4)
    b.box(28, top, 44, 9, b.dark, 5)


_STYLES: dict[str, tuple[float, Shape]] = {
    "Kitchen": (0.06, _mug),
    "Lighting": (0.13, _lamp),
    "Textiles": (0.94, _cloth),
    "Storage": (0.09, _crate),
    "Garden": (0.34, _plant),
    "Camping": (0.42, _tent),
    "Tools": (0.02, _tool),
    "Stationery": (0.58, _notebook),
    "Desk": (0.64, _screen),
    "Headphones": (0.76, _headphones),
    "Speakers": (0.70, _speaker),
    "Bags": (0.50, _bag),
}
