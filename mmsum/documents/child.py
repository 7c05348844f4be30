"""The parsing child: what runs in the killable process. Its parent is mmsum.documents.parse.Parser."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path

from mmsum.config import Figures, Limits
from mmsum.documents import draw
from mmsum.documents.detect import FLOW_FORMATS, detect_format
from mmsum.documents.mupdf import quiet
from mmsum.documents.read import finish_spool, out_of_memory, parse_file
from mmsum.records import Box, Document, ObjectRef

__all__ = ["draw_boxes", "finish_spool", "out_of_memory", "parse_file", "peak_mb", "render_places", "start_child"]

_SECRET = re.compile(
    r"^(AWS|GOOGLE|GCP|GCS|AZURE|ARM|HF|BOTO)_|TOKEN|SECRET|KEY|PASSWORD|PASSWD|CREDENTIAL|AUTH|COOKIE", re.I
)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000


def start_child(parent: int, memory_mb: int) -> None:
    """Initializer: no network, die with the parent, hold no credentials, stay within memory_mb MiB, keep MuPDF quiet."""
    if sys.platform == "linux":
        _leave_network()  # first: a new user namespace forgets the signal asked for below
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for a hung call to return
    _forget_credentials()
    quiet()
    limit = memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _leave_network() -> None:
    """Move into a network namespace of its own, which holds nothing, not even a loopback that is up.

    Needs root, or user namespaces for everyone; containers often forbid both. Then the child keeps the network: no
    reader here opens a connection, this is the second lock.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNET):
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def peak_mb() -> float:
    """Job for Parser.peak_mb."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes, since the start
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    with suppress(OSError):  # not everywhere allowed: then the peak is that since the start
        Path("/proc/self/clear_refs").write_text("5")
    return int(peak[1]) / 1024 if peak else 0.0


def _forget_credentials() -> None:
    """Delete secrets from os.environ, and from the block that /proc/PID/environ shows, which outlives a deletion."""
    for name in [name for name in os.environ if _SECRET.search(name)]:
        del os.environ[name]
    if sys.platform != "linux":
        return
    # Fields 50 and 51 of proc(5) stat, env_start and env_end; the second field may itself hold spaces.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    start, end = int(fields[47]), int(fields[48])
    for entry in ctypes.string_at(start, end - start).split(b"\0"):
        if _SECRET.search(entry.partition(b"=")[0].decode(errors="replace")):
            ctypes.memset(start, 0, len(entry))
        start += len(entry) + 1


def render_places(
    ref: ObjectRef, source: Path, places: list[tuple[int, Box]], longest_side: int, limits: Limits
) -> list[bytes]:
    """Job for Parser.render. Figures that stand on no page are read again and known by their places."""
    kind = detect_format(source.read_bytes())
    if kind not in FLOW_FORMATS:
        return draw.render_places(source, kind, places, longest_side, limits)
    document = parse_file(ref, source, source.with_name("again"), limits, Figures(longest_side=longest_side))
    known = {(figure.page, *map(round, figure.bbox)): figure.image for figure in document.figures}
    return [known.get((page, *map(round, box)), b"") for page, box in places]


def draw_boxes(source: Path, document: Document) -> bytes:
    """Job for Parser.draw_boxes."""
    return draw.draw_boxes(source, detect_format(source.read_bytes()), document)
