"""A canvas of pixels with text, lines and shapes, drawn at twice its size and reduced: smooth, and fast to draw on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]

_SCALE = 2
_FILES = {
    "DejaVu Sans": "DejaVuSans.ttf",
    "DejaVu Serif": "DejaVuSerif.ttf",
    "DejaVu Sans Mono": "DejaVuSansMono.ttf",
    "STIXGeneral": "STIXGeneral.ttf",
}
"""Fonts that come with matplotlib, found without importing it."""


@lru_cache(maxsize=64)
def _font(name: str, size: float) -> ImageFont.FreeTypeFont:
    found = find_spec("matplotlib")
    folder = Path(str(found.origin)).parent / "mpl-data" / "fonts" / "ttf" if found else Path()
    return ImageFont.truetype(folder / _FILES.get(name, "DejaVuSans.ttf"), size)


class Canvas:
    """Coordinates in pixels of the finished image, from the top left. Colours are "#rrggbb"."""

    def __init__(self, width: int, height: int, paper: str, font: str, size: float) -> None:
        self.width, self.height, self.size = width, height, size
        self._name = font
        self._image = Image.new("RGB", (width * _SCALE, height * _SCALE), paper)
        self._draw = ImageDraw.Draw(self._image)

    def finish(self) -> Image.Image:
        """The image in its own size."""
        return self._image.reduce(_SCALE)

    def length(self, text: str, size: float = 0.0) -> float:
        """Width of the text in pixels."""
        return float(_font(self._name, (size or self.size) * _SCALE).getlength(text)) / _SCALE

    def text(self, at: Point, text: str, colour: str, anchor: str = "mm", size: float = 0.0) -> None:
        """One line of text; anchor as in Pillow: l m r across, t m b down."""
        font = _font(self._name, (size or self.size) * _SCALE)
        self._draw.text((at[0] * _SCALE, at[1] * _SCALE), text, colour, font, anchor=anchor)

    def text_up(self, at: Point, text: str, colour: str) -> None:
        """One line of text that reads upwards, centred at `at`."""
        font = _font(self._name, self.size * _SCALE)
        wide, high = int(font.getlength(text)) + 2, int(self.size * _SCALE * 1.4)
        mask = Image.new("L", (wide, high), 0)
        ImageDraw.Draw(mask).text((1, high / 2), text, 255, font, anchor="lm")
        mask = mask.transpose(Image.Transpose.ROTATE_90)
        place = (int(at[0] * _SCALE - high / 2), int(at[1] * _SCALE - wide / 2))
        self._image.paste(colour, place, mask)

    def line(self, points: Sequence[Point], colour: str, width: float = 1.0) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.line(scaled, colour, max(1, round(width * _SCALE)), joint="curve")

    def rectangle(
        self, box: tuple[float, float, float, float], fill: str | None, edge: str = "", width: float = 1
    ) -> None:
        """box: two opposite corners, in any order."""
        x0, x1 = sorted((box[0] * _SCALE, box[2] * _SCALE))
        y0, y1 = sorted((box[1] * _SCALE, box[3] * _SCALE))
        self._draw.rectangle((x0, y0, x1, y1), fill, edge or None, max(1, round(width * _SCALE)))

    def polygon(self, points: Sequence[Point], fill: str, edge: str = "", width: float = 1.0) -> None:
        scaled = [(x * _SCALE, y * _SCALE) for x, y in points]
        self._draw.polygon(scaled, fill, edge or None, max(1, round(width * _SCALE)))

    def disc(self, centre: Point, radius: float, fill: str, edge: str = "") -> None:
        x, y, r = centre[0] * _SCALE, centre[1] * _SCALE, radius * _SCALE
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill, edge or None)

    def slice(self, centre: Point, radius: float, start: float, end: float, fill: str, edge: str) -> None:
        """A slice of a disc, angles in degrees clockwise from three o'clock."""
        x, y, r = centre[0] * _SCALE, centre[1] * _SCALE, radius * _SCALE
        self._draw.pieslice((x - r, y - r, x + r, y + r), start, end, fill, edge, 2 * _SCALE // 2)


def blend(one: str, other: str, share: float) -> str:
    """`share` of the second colour in the first."""
    a, b = ([int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in (one, other))
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in zip(a, b, strict=True))


def from_ramp(ramp: Sequence[str], share: float) -> str:
    """The ramp's colour at `share` of its length, 0..1."""
    place = min(max(share, 0.0), 1.0) * (len(ramp) - 1)
    index = min(int(place), len(ramp) - 2)
    return blend(ramp[index], ramp[index + 1], place - index)
