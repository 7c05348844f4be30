"""What an import made, and what it left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mmsum.data.files import split_name
from mmsum.errors import UsageError
from mmsum.examples import Example, ExampleFigure
from mmsum.images import is_image


@dataclass(slots=True)
class ImportReport:
    """written: examples per split. skipped: item of the source -> why it has no example. broken: images left out.

    An item is a line or a file, since two lines may name one document. examples: what `add` kept, to be written.
    """

    written: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    other_licence: int = 0
    examples: list[Example] = field(default_factory=list)
    _items: dict[str, str] = field(default_factory=dict)  # id -> the item it stands in

    def add(self, item: str, example: Example) -> None:
        """Keeps the example of the item, but none of an id that is there, in whichever split: that would be a leak."""
        try:
            example.split = split_name(example.split)
        except UsageError as error:
            self.skipped[item] = str(error)
            return
        if first := self._items.get(example.id):
            self.skipped[item] = f"stands twice: {first} has the same id, {example.id}"
        else:
            self._items[example.id] = item
            self.examples.append(example)


def read_figure(path: Path, root: Path, label: str, caption: str, report: ImportReport) -> ExampleFigure | None:
    """The figure in a local file below `root`; None, counted as broken, where it is outside, missing or no image."""
    try:
        path = path.resolve()
        data = path.read_bytes() if path.is_relative_to(root.resolve()) else b""
    except (OSError, ValueError):  # a name may be too long or hold a null byte
        data = b""
    if not data or not is_image(data):
        report.broken.append(str(path))
        return None
    return ExampleFigure(label, f"{label}: {caption}".strip(" :") if caption else label, data)
