"""The parsing child: killed when it hangs, replaced when it dies, without credentials, gone with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents import child, read
from mmsum.documents.page import Page, PagesInfo
from mmsum.documents.parse import Parser
from mmsum.documents.pdf import open_pdf, read_pages
from mmsum.errors import EnvironmentFailure, FailureKind
from mmsum.records import Document
from tests.documents import packages, papers
from tests.documents.conftest import REF


def stall(seconds: float) -> None:
    """Hangs in a way that no Python signal handler can end."""
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGTERM})
    time.sleep(seconds)


def die_after_two_pages(ref: object, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    """parse_file, but the process is gone in the middle of the third page."""
    import pickle

    document, info = open_pdf(str(source))
    with spool.open("wb") as out:
        pickle.dump(info, out)
        for page in read_pages(document, limits, figures):
            if page.number == 3:
                out.write(pickle.dumps(page)[:40])
                out.flush()
                os.kill(os.getpid(), signal.SIGSEGV)
            pickle.dump(page, out)
            out.flush()
    raise AssertionError("not reached")


def hang_after_one_page(ref: object, source: Path, spool: Path, limits: Limits, figures: Figures) -> Document:
    import pickle

    document, info = open_pdf(str(source))
    with spool.open("wb") as out:
        pickle.dump(info, out)
        pickle.dump(next(read_pages(document, limits, figures)), out)
        out.flush()
        stall(60)
    raise AssertionError("not reached")


def eat_memory() -> int:
    return len(bytearray(8 * 2**30))


def environment() -> dict[str, str]:
    held = Path("/proc/self/environ").read_text() if sys.platform == "linux" else ""
    return {"environ": "\n".join(os.environ), "held": held, "pid": str(os.getpid()), "parent": str(os.getppid())}


def network(port: int) -> tuple[str, str]:
    """The network namespace, and what connecting to a port of this machine comes to."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError as error:
        return os.readlink("/proc/self/ns/net"), type(error).__name__
    return os.readlink("/proc/self/ns/net"), "connected"


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def may_unshare() -> bool:
    """Whether this machine allows a process of ours a network namespace, asked of a process that then ends."""
    command = "import ctypes,sys; l=ctypes.CDLL(None); sys.exit(l.unshare(1<<30) and l.unshare((1<<30)|(1<<28)))"
    return subprocess.run([sys.executable, "-c", command]).returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_child_has_no_network_where_that_is_allowed(parser: Parser) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        namespace, outcome = parser._run(network, server.getsockname()[1])
    if may_unshare():
        assert namespace != os.readlink("/proc/self/ns/net")
        assert outcome != "connected"
    else:
        assert outcome == "connected"  # it works all the same


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat_over_many_documents(parser: Parser) -> None:
    kinds = [
        papers.report([("line", (120, 220, 408, 400), "Figure 1: Yield.")]),
        papers.pages_of_text(4),
        packages.word(),
    ]
    for data in kinds * 3:
        parser.parse(REF, data)
    before = parser._run(resident_mb)
    for data in kinds * 15:
        assert parser.parse(REF, data).status == "ok"
    assert parser._run(resident_mb) < before + 15


def test_crash_keeps_finished_pages(monkeypatch: pytest.MonkeyPatch, parser: Parser) -> None:
    monkeypatch.setattr(child, "parse_file", die_after_two_pages)
    document = parser.parse(REF, papers.pages_of_text(5))
    assert (document.status, document.failure_kind) == ("partial", "crashed")
    assert (document.pages_total, document.pages_read) == (5, 2)
    assert "Page 2 begins" in document.text and "kept the 2 of 5 pages" in document.failure_message
    monkeypatch.undo()
    assert parser.parse(REF, papers.pages_of_text(1)).status == "ok"  # a new child took over


def test_hang_is_killed_and_keeps_finished_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "parse_file", hang_after_one_page)
    with Parser(Limits(seconds_per_page=2), Figures()) as quick:
        started = time.monotonic()
        document = quick.parse(REF, papers.pages_of_text(3))
        assert time.monotonic() - started < 30
        assert (document.status, document.failure_kind) == ("partial", "timed_out")
        assert "seconds_per_page=2" in document.failure_message and "Page 1 begins" in document.text


def test_memory_limit_is_a_named_failure(parser: Parser) -> None:
    with pytest.raises(Exception, match="memory_mb") as caught:
        parser._run(eat_memory)
    assert getattr(caught.value, "kind", None) == FailureKind.OUT_OF_MEMORY


def test_child_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-aws-value")
    monkeypatch.setenv("SOME_SERVICE_TOKEN", "planted-token-value")
    monkeypatch.setenv("MMSUM_HARMLESS", "planted-harmless-value")
    with Parser(Limits(), Figures()) as fresh:
        seen = fresh._run(environment)
    assert "AWS_SECRET_ACCESS_KEY" not in seen["environ"] and "SOME_SERVICE_TOKEN" not in seen["environ"]
    assert "MMSUM_HARMLESS" in seen["environ"]
    assert "planted-aws-value" not in seen["held"] and "planted-token-value" not in seen["held"]


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_child_dies_with_its_parent_and_outlives_the_calling_thread(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, signal, threading\n"
        "from mmsum.config import Figures, Limits\n"
        "from mmsum.documents.parse import Parser\n"
        "from tests.documents.test_isolation import environment\n"
        "if __name__ == '__main__':\n"
        "    made = []\n"
        "    thread = threading.Thread(target=lambda: made.append(Parser(Limits(), Figures())))\n"
        "    thread.start(); thread.join()\n"
        "    pids = {made[0]._run(environment)['pid'] for _ in range(2)}\n"
        "    print(*pids, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    pids = done.stdout.split()
    assert len(pids) == 1, (done.stdout, done.stderr)  # one child served both calls
    deadline = time.monotonic() + 10
    while _alive(int(pids[0])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(int(pids[0]))


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_folders_of_killed_parsers_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = tmp_path / "mmsum-parse-dead"
    dead.mkdir()
    (dead / "source").write_bytes(b"left behind")
    (dead / "lock").touch()
    with Parser(Limits(), Figures()):
        assert dead.exists()  # its lock is too young to tell
        for lock in tmp_path.glob("*/lock"):
            os.utime(lock, (0, 0))
        with Parser(Limits(), Figures()):
            assert not dead.exists()
            assert len(list(tmp_path.iterdir())) == 2  # the live one's folder is left alone
    assert list(tmp_path.iterdir()) == []


def test_spool_cut_short_is_read_up_to_the_cut(tmp_path: Path) -> None:
    import pickle

    spool = tmp_path / "pages"
    page = pickle.dumps(Page(1, 612, 792))
    spool.write_bytes(pickle.dumps(PagesInfo("pdf", 3)) + page + page[: len(page) // 2])
    info, pages = read.read_spool(spool)
    assert info is not None and info.pages == 3
    assert len(pages) == 1
    assert read.read_spool(tmp_path / "none") == (None, [])


def test_what_cannot_be_put_together_is_one_failed_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Document:
        raise KeyError("of no use")

    monkeypatch.setattr(read, "finish", fails)
    source = tmp_path / "source"
    source.write_bytes(papers.pages_of_text(2))
    document = read.parse_file(REF, source, tmp_path / "pages", Limits(), Figures())
    assert (document.status, document.failure_kind) == ("failed", "corrupt")
    assert document.failure_message == "the file cannot be read (KeyError: 'of no use')"
    document = read.finish_spool(REF, tmp_path / "pages", Limits(), FailureKind.TIMED_OUT, "it took too long")
    assert (document.status, document.failure_kind) == ("failed", "timed_out")


def test_a_script_without_a_main_guard_is_told_so_at_once(tmp_path: Path) -> None:
    """The child runs the script again, parser and all: it once waited there for ever for a child of its own."""
    script = tmp_path / "script.py"
    script.write_text(
        "from mmsum.config import Figures, Limits\n"
        "from mmsum.documents.parse import Parser\n"
        "from mmsum.records import ObjectRef\n"
        "Parser(Limits(), Figures()).parse(ObjectRef('x.txt', 4, ''), b'text')\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "does so under `if __name__ == '__main__':`" in done.stderr.splitlines()[-1]


def test_a_full_disk_is_no_documents_fault(parser: Parser) -> None:
    """/dev/full answers each write as a full disk does."""
    data = papers.report([])
    source = parser._write(data)
    with pytest.raises(EnvironmentFailure, match="No space left on device; .* set TMPDIR"):
        parser._run(child.parse_file, REF, source, Path("/dev/full"), Limits(), Figures())
    source.unlink()
    source.symlink_to("/dev/full")
    with pytest.raises(EnvironmentFailure, match=f"{source.parent}: No space left on device"):
        parser.parse(REF, data)
    source.unlink()
    assert parser.parse(REF, data).status == "ok"
