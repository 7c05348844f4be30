"""What an import made, and what it left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mmsum.examples import ExampleFigure
from mmsum.images import is_image


@dataclass(slots=True)
class ImportReport:
    """written: examples per split. skipped: name of an item -> why it has no example. broken: images left out."""

    written: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    other_licence: int = 0


def read_figure(path: Path, root: Path, label: str, caption: str, report: ImportReport) -> ExampleFigure | None:
    """The figure in a local file below `root`; None, counted as broken, where it is outside, missing or no image."""
    path = path.resolve()
    try:
        data = path.read_bytes() if path.is_relative_to(root.resolve()) else b""
    except OSError:
        data = b""
    if not data or not is_image(data):
        report.broken.append(str(path))
        return None
    return ExampleFigure(label, f"{label}: {caption}".strip(" :") if caption else label, data)
