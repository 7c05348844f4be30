"""Where the boxes and arrows of a flow diagram go, whatever draws them."""

from __future__ import annotations

from dataclasses import dataclass

from mmsum.data.synthetic.plot import Look, Plot

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Flow:
    """In units of the unit square, y down. Arrows run from border to border along straight lines."""

    centres: list[Point]
    width: float  # of a box
    height: float
    arrows: list[list[Point]]  # each a path of two or more points


def flow_layout(plot: Plot, look: Look) -> Flow:
    """Boxes in rows of three, read like text, or in a column where look.horizontal."""
    count = len(plot.labels)
    columns = 1 if look.horizontal and plot.shape in ("chain", "loop") else 3
    rows = -(-count // columns)
    cell_w, cell_h = 0.9 / columns, 0.9 / rows
    centres = [(0.05 + (i % columns + 0.5) * cell_w, 0.05 + (i // columns + 0.5) * cell_h) for i in range(count)]
    width, height = cell_w * (0.7 if columns > 1 else 0.5), min(cell_h * 0.55, 0.3)
    pairs = [(i, i + 1) for i in range(count - 1)]
    if plot.shape == "branch":  # the last two both follow the one before them
        pairs[-1] = (count - 3, count - 1)
    elif plot.shape == "merge":  # the first two both lead to the third
        pairs[0] = (0, 2)
    if plot.shape in ("branch", "merge"):
        centres = _spread(plot.shape, count)
        width, height = 0.8 / (count - 1), 0.24
    arrows = [_between(centres[a], centres[b], width, height) for a, b in pairs]
    if plot.shape == "loop":
        arrows.append(_back(centres, width, height, columns))
    return Flow(centres, width, height, arrows)


def _spread(shape: str, count: int) -> list[Point]:
    """One row, with two boxes above each other at its end or at its start."""
    steps = count - 1
    xs = [0.02 + (i + 0.5) * 0.96 / steps for i in range(steps)]
    if shape == "branch":
        return [*((x, 0.5) for x in xs[:-1]), (xs[-1], 0.22), (xs[-1], 0.78)]
    return [(xs[0], 0.22), (xs[0], 0.78), *((x, 0.5) for x in xs[1:])]


def _between(start: Point, end: Point, width: float, height: float) -> list[Point]:
    (x0, y0), (x1, y1) = start, end
    if abs(y0 - y1) < 1e-6:
        return [(x0 + width / 2, y0), (x1 - width / 2, y1)]
    if abs(x0 - x1) < 1e-6:
        return [(x0, y0 + height / 2), (x1, y1 - height / 2)]
    if x1 > x0:
        return [(x0 + width / 2, y0), (x1 - width / 2, y1)]
    middle = (y0 + y1) / 2  # from the end of a row to the start of the next
    return [(x0, y0 + height / 2), (x0, middle), (x1, middle), (x1, y1 - height / 2)]


def _back(centres: list[Point], width: float, height: float, columns: int) -> list[Point]:
    """From the last box around the others to the first."""
    (x0, y0), (x1, y1) = centres[-1], centres[0]
    if columns == 1:
        side = 0.95
        return [(x0 + width / 2, y0), (side, y0), (side, y1), (x1 + width / 2, y1)]
    floor = 0.985
    return [(x0, y0 + height / 2), (x0, floor), (0.012, floor), (0.012, y1), (x1 - width / 2, y1)]


def luminance(code: str) -> float:
    """0 black to 1 white of "#rrggbb"."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return 0.3 * red + 0.59 * green + 0.11 * blue
