"""What an import made, and what it left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmsum.data.files import split_name
from mmsum.errors import UsageError
from mmsum.examples import Example, ExampleFigure
from mmsum.images import is_image
from mmsum.records import caption_without_label


@dataclass(slots=True)
class ImportReport:
    """written: examples per split. skipped: item of the source -> why it has no example. broken: images left out.

    An item is a line or a file, since two lines may name one document.
    """

    written: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    other_licence: int = 0
    _items: dict[str, str] = field(default_factory=dict)  # id -> the item it stands in

    def takes(self, item: str, example: Example) -> bool:
        """Whether the example of the item is to be written: none of an id that is there, in whichever split, for that would be
        a leak."""
        try:
            split_name(example.split)
        except UsageError as error:
            self.skipped[item] = str(error)
            return False
        if first := self._items.get(example.id):
            self.skipped[item] = f"stands twice: {first} has the same id, {example.id}"
            return False
        self._items[example.id] = item
        return True


def read_figure(
    forms: Sequence[Path], root: Path, label: str, caption: str, item: str, report: ImportReport
) -> ExampleFigure | None:
    """The figure in the first of the local files that is an image.

    None, the first file counted as broken with the `item` that names it, where all are outside `root`, missing or no images.
    """
    for path in forms:
        try:
            path = path.resolve()
            data = path.read_bytes() if path.is_relative_to(root.resolve()) else b""
        except (OSError, ValueError):  # a name may be too long or hold a null byte
            continue
        if is_image(data):
            words = caption_without_label(label, caption)
            return ExampleFigure(label, ": ".join(filter(None, (label, words))), data)
    report.broken.append(f"{item}: {forms[0]}")
    return None
