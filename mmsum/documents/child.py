"""The parsing child: the killable process in which jobs (mmsum.documents.jobs) run. Its parent is mmsum.documents.parse.Parser.

The parent imports this, too: PyMuPDF, which takes more than half a second, is left to the child.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mmsum.config import Limits

_SECRET = re.compile(
    r"^(AWS|GOOGLE|GCP|GCS|AZURE|ARM|HF|BOTO)_|TOKEN|SECRET|KEY|PASSWORD|PASSWD|CREDENTIAL|AUTH|COOKIE", re.I
)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000


@dataclass(frozen=True)
class Job:
    """A function of mmsum.documents.jobs, by its name."""

    name: str

    def __call__(self, *args: Any) -> Any:
        return getattr(_jobs(), self.name)(*args)


parse_file, finish_spool = Job("parse_file"), Job("finish_spool")
render_places, draw_boxes, peak_mb = Job("render_places"), Job("draw_boxes"), Job("peak_mb")


def _jobs() -> ModuleType:
    from mmsum.documents import jobs

    return jobs


MACHINES_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.EROFS})
"""A full or broken disk, too many open files: no document's fault."""


def out_of_memory(limits: Limits) -> str:
    """What is said of a document whose child reached its limit of memory."""
    return f"parsing needs more than limits.memory_mb={limits.memory_mb}; raise it or split the document"


def start_child(parent: int, memory_mb: int, pid: Path) -> None:
    """Initializer: no network, die with the parent, hold no credentials, stay within memory_mb MiB. Tells `pid` its own."""
    pid.write_text(str(os.getpid()))
    if sys.platform == "linux":
        _leave_network()  # first: a new user namespace forgets the signal asked for below
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a handler in Python would wait for a hung call to return
    _forget_credentials()
    limit = memory_mb * 2**20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _jobs()  # now: the time it takes is not the first document's


def _leave_network() -> None:
    """Move into a network namespace of its own, which holds nothing, not even a loopback that is up.

    Needs root, or user namespaces for everyone; containers often forbid both. Then the child keeps the network: no
    reader here opens a connection, this is the second lock.
    """
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNET):
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


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
