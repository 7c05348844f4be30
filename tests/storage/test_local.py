"""Files: links, devices, names that are no text, and writes that die half way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mmsum import storage
from mmsum.errors import DocumentFailure, FailureKind, ObjectNotFound, OutputError

CREATE_ON_A_STUCK_DISK = """
import os, sys, time
from mmsum import storage
os.fsync = lambda descriptor: time.sleep(600)
storage.create(sys.argv[1], b"x" * 1_000_000)
"""

CREATE_ON_A_FULL_DISK = """
import resource, sys
from mmsum import errors, storage
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    storage.create(sys.argv[1], b"x" * 1_000_000)
except errors.StorageError as error:
    print(type(error).__name__, error)
"""


def uris(source: Path | str) -> list[str]:
    return sorted(ref.uri for ref in storage.list_source(str(source)))


def test_a_killed_create_leaves_no_object(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    child = subprocess.Popen([sys.executable, "-c", CREATE_ON_A_STUCK_DISK, str(path)])
    try:
        deadline = time.monotonic() + 30
        while not any(found.stat().st_size for found in tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    left = list(tmp_path.iterdir())
    assert [found.name[:5] for found in left] == [".tmp-"]
    assert list(tmp_path.glob("*.parquet")) == [] and uris(tmp_path) == []
    assert storage.create(str(path), b"whole") and storage.read(str(path)) == b"whole"


def test_a_failed_create_cleans_up_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    done = subprocess.run([sys.executable, "-c", CREATE_ON_A_FULL_DISK, str(path)], capture_output=True, text=True)
    assert done.stdout.startswith(f"StorageError cannot write {path}: File too large"), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_hard_links_the_probe_says_no(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)  # what FAT and some network mounts answer
    assert storage.honours_conditions(str(tmp_path)) is False
    assert storage.create(str(tmp_path / "a"), b"1") and not storage.create(str(tmp_path / "a"), b"2")
    assert storage.read(str(tmp_path / "a")) == b"1"


def test_loops_of_links_end_and_every_file_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.pdf").write_bytes(b"1")
    (tmp_path / "a-link").symlink_to(tmp_path / "z")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "b.pdf").symlink_to(tmp_path / "z" / "a.pdf")
    assert uris(tmp_path) == [f"{tmp_path}/b.pdf", f"{tmp_path}/z/a.pdf"]


def test_a_link_that_leads_to_itself_costs_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    (tmp_path / "b").symlink_to("c")
    (tmp_path / "c").symlink_to("b")
    assert [(Path(ref.uri).name, ref.size) for ref in storage.list_source(str(tmp_path))] == [
        ("a.txt", 5),
        ("b", -1),
        ("c", -1),
    ]


def test_folders_reached_by_links_only_are_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.pdf").write_bytes(b"1")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "link").symlink_to(tmp_path / "elsewhere")
    assert uris(tmp_path / "src") == [f"{tmp_path}/src/link/a.pdf"]


def test_a_pattern_finds_what_a_link_leads_to_though_another_folder_holds_it(tmp_path: Path) -> None:
    """The first way to a folder that is walked may be one that the pattern does not take."""
    (tmp_path / "months" / "november").mkdir(parents=True)
    (tmp_path / "months" / "november" / "a.pdf").write_bytes(b"1")
    (tmp_path / "now").mkdir()
    (tmp_path / "now" / "current").symlink_to("../months/november")
    (tmp_path / "now" / "loop").symlink_to("..")
    assert uris(tmp_path / "*" / "current" / "*.pdf") == [f"{tmp_path}/now/current/a.pdf"]
    assert uris(tmp_path) == [f"{tmp_path}/months/november/a.pdf"]


LIST_BY_MODES = (
    "import sys; from mmsum import storage; print(*sorted(ref.uri for ref in storage.list_source(sys.argv[1])))"
)


def test_a_file_that_may_not_be_looked_at_costs_itself_alone(tmp_path: Path) -> None:
    """Whether a link in a folder or a list of names leads to it."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "b.txt").write_text("words")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.txt").write_text("words")
    (tmp_path / "src" / "link.txt").symlink_to("../closed/b.txt")
    (tmp_path / "list.txt").write_text("src/a.txt\nclosed/b.txt\n")
    (tmp_path / "closed").chmod(0o600)
    # Root may look at everything, unless it gives that right up.
    as_others = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    for source, found in (("src", ["src/a.txt", "src/link.txt"]), ("list.txt", ["closed/b.txt", "src/a.txt"])):
        command = [*as_others, sys.executable, "-c", LIST_BY_MODES, str(tmp_path / source)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout.split() == [f"{tmp_path}/{name}" for name in found], done.stderr
    (tmp_path / "closed").chmod(0o700)


def test_a_link_to_nothing_is_listed_and_fails_when_read(tmp_path: Path) -> None:
    (tmp_path / "gone.pdf").symlink_to("/no/such/file")
    (ref,) = storage.list_source(str(tmp_path))
    assert (ref.uri, ref.size, ref.version) == (f"{tmp_path}/gone.pdf", -1, "")
    with pytest.raises(ObjectNotFound, match="No such file"):
        storage.read(ref.uri)


def test_fifos_and_folders_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pdf")
    assert uris(tmp_path) == []
    for path, kind in ((tmp_path / "pipe.pdf", "FIFO"), (tmp_path, "a folder")):
        with pytest.raises(DocumentFailure, match=kind) as caught:
            storage.read(str(path))
        assert caught.value.kind == FailureKind.UNSUPPORTED


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.pdf"
    Path(os.fsdecode(name)).write_bytes(b"1")
    (ref,) = storage.list_source(str(tmp_path))
    assert ref.uri == f"file://{tmp_path}/caf%E9.pdf" and len(ref.document_id) == 64
    assert storage.read(ref.uri, ref.version) == b"1"
    assert list(storage.list_source(ref.uri)) == [ref]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "file.pdf/below"])
def test_impossible_names_are_missing_objects(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.pdf").write_bytes(b"1")
    with pytest.raises(ObjectNotFound):
        storage.read(f"{tmp_path}/{name}")
    assert storage.stat(f"{tmp_path}/{name}") is None


def test_an_out_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(OutputError, match=f"^{tmp_path}/out: cannot be written"):
        storage.honours_conditions(str(tmp_path / "out"))


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, mmsum.storage; print([m for m in ('torch','ray','boto3','pyarrow.fs') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
