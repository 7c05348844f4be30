"""Distractors without data: something like a photo, something like a logo."""

from __future__ import annotations

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mmsum.data.synthetic.plot import Look


def draw_picture(kind: str, look: Look, seed: str) -> Image.Image:
    """A "photo" or a "logo" of the look's size."""
    rng = Random(seed)
    return _photo(look, rng) if kind == "photo" else _logo(look, rng)


def _photo(look: Look, rng: Random) -> Image.Image:
    """Clouds of colour under a sky, with grain."""
    noise = np.random.default_rng(rng.randrange(2**32))
    coarse = noise.uniform(0, 255, (6, 8, 3)).astype(np.uint8)
    size = (look.width, look.height)
    land = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(3))
    pixels = np.asarray(land, dtype=np.float32)
    sky = np.linspace(1.25, 0.7, look.height, dtype=np.float32)[:, None, None]
    grain = noise.normal(0, 9, pixels.shape)
    return Image.fromarray(np.clip(pixels * sky * 0.7 + 40 + grain, 0, 255).astype(np.uint8))


def _logo(look: Look, rng: Random) -> Image.Image:
    """A few plain shapes in the middle of the paper."""
    image = Image.new("RGB", (look.width, look.height), look.paper)
    draw = ImageDraw.Draw(image)
    middle, side = look.width / 2, look.height * 0.3
    for colour in look.colours[: rng.choice((2, 3))]:
        x, y = middle + rng.uniform(-side, side) * 0.5, look.height / 2 + rng.uniform(-side, side) * 0.5
        half = side * rng.uniform(0.4, 0.9)
        box = (x - half, y - half, x + half, y + half)
        (draw.ellipse if rng.random() < 0.5 else draw.rectangle)(box, fill=colour.code)
    return image
