"""What the parsing child is asked to do, each by its name."""

from __future__ import annotations

import re
import resource
import sys
from contextlib import suppress
from pathlib import Path

from mmsum.config import Figures, Limits
from mmsum.documents import draw
from mmsum.documents.detect import FLOW_FORMATS, detect_format
from mmsum.documents.mupdf import quiet
from mmsum.documents.read import finish_spool, parse_file
from mmsum.records import Box, Document, ObjectRef

__all__ = ["draw_boxes", "finish_spool", "parse_file", "peak_mb", "render_places"]

quiet()


def peak_mb() -> float:
    """Job for Parser.peak_mb."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes, since the start
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    with suppress(OSError):  # not everywhere allowed: then the peak is that since the start
        Path("/proc/self/clear_refs").write_text("5")
    return int(peak[1]) / 1024 if peak else 0.0


def render_places(
    ref: ObjectRef, source: Path, places: list[tuple[int, Box]], longest_side: int, limits: Limits
) -> list[bytes]:
    """Job for Parser.render. Figures that stand on no page are read again and known by their places."""
    kind = detect_format(source.read_bytes(), ref.uri)
    if kind not in FLOW_FORMATS:
        return draw.render_places(source, kind, places, longest_side, limits)
    document = parse_file(ref, source, source.with_name("again"), limits, Figures(longest_side=longest_side))
    known = {(figure.page, *map(round, figure.bbox)): figure.image for figure in document.figures}
    return [known.get((page, *map(round, box)), b"") for page, box in places]


def draw_boxes(source: Path, document: Document) -> bytes:
    """Job for Parser.draw_boxes."""
    return draw.draw_boxes(source, detect_format(source.read_bytes()), document)
