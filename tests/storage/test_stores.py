"""What every store does alike, tried on the real thing: files, two S3 servers, and emulators where installed."""

from __future__ import annotations

import threading

import pytest

from mmsum import storage
from mmsum.errors import DocumentFailure, FailureKind, ObjectChanged, ObjectNotFound, OutputError


def names(uri: str, source: str) -> list[str]:
    return sorted(ref.uri.removeprefix(uri + "/") for ref in storage.list_source(source))


def test_create_writes_once(store: str) -> None:
    uri = storage.join(store, "deep/er", "part.bin")
    assert not storage.exists(uri)
    assert storage.create(uri, b"first")
    assert not storage.create(uri, b"second")
    assert storage.read(uri) == b"first"


def test_put_replaces(store: str) -> None:
    uri = storage.join(store, "status.json")
    storage.put(uri, b"old")
    storage.put(uri, b"newer")
    assert storage.read(uri) == b"newer"


def test_stat_and_listing_agree(store: str) -> None:
    uri = storage.join(store, "a", "ü b+%20.pdf")
    storage.put(uri, b"12345")
    found = storage.stat(uri)
    assert found is not None and found.uri == uri and found.size == 5 and found.version
    assert list(storage.list_objects(storage.join(store, "a"))) == [found]
    assert list(storage.list_source(uri)) == [found]
    assert storage.stat(storage.join(store, "a")) is None
    assert storage.folder_exists(storage.join(store, "a"))
    assert not storage.folder_exists(storage.join(store, "b"))


def test_a_folder_that_is_not_there_has_nothing_in_it(store: str) -> None:
    storage.put(storage.join(store, "a.txt"), b"1")
    for name in ("none", "none/below", "a.txt", "a.txt/below", "a"):
        for deep in (True, False):
            assert list(storage.list_folder(storage.join(store, name), deep=deep)) == []


def test_hidden_names_are_left_out_and_empty_files_are_not(store: str) -> None:
    for name in ("a.pdf", "x/b.pdf", "x/.hidden.pdf", ".git/c.pdf", "xy/d.pdf"):
        storage.put(storage.join(store, name), b"1")
    storage.put(storage.join(store, "x/empty.pdf"), b"")
    assert names(store, store) == ["a.pdf", "x/b.pdf", "x/empty.pdf", "xy/d.pdf"]
    assert names(store, store + "/x") == names(store, store + "/x/") == ["x/b.pdf", "x/empty.pdf"]


PATTERNS = {
    "*.pdf": ["a.pdf"],
    "*/*.pdf": ["x/b.pdf", "y/c.pdf"],
    "**/*.pdf": ["a.pdf", "x/b.pdf", "x/deep/d.pdf", "y/c.pdf"],
    "x/**": ["x/b.pdf", "x/deep/d.pdf"],
    "[xz]/?.pdf": ["x/b.pdf"],
    "x*/**/d.*": ["x/deep/d.pdf"],
    "*": ["a.pdf", "notes.txt"],
    "no*": ["notes.txt"],
    "q*": [],
}


def test_patterns(store: str) -> None:
    for name in ("a.pdf", "notes.txt", "x/b.pdf", "x/deep/d.pdf", "y/c.pdf", "x/.h.pdf"):
        storage.put(storage.join(store, name), b"1")
    found = {pattern: names(store, storage.join(store, pattern)) for pattern in PATTERNS}
    assert found == PATTERNS


def test_a_name_with_brackets_is_itself_before_it_is_a_pattern(store: str) -> None:
    uri = storage.join(store, "paper [1].pdf")
    storage.put(uri, b"1")
    assert [ref.uri for ref in storage.list_source(uri)] == [uri]


def test_reading_a_version(store: str) -> None:
    uri = storage.join(store, "a.pdf")
    storage.put(uri, b"one")
    version = next(iter(storage.list_objects(store))).version
    assert storage.read(uri, version) == b"one"
    storage.put(uri, b"three")
    with pytest.raises(ObjectChanged, match="has changed since it was listed"):
        storage.read(uri, version)


def test_a_range(store: str) -> None:
    uri = storage.join(store, "a.bin")
    storage.put(uri, bytes(range(100)))
    version = next(iter(storage.list_objects(store))).version
    assert storage.read_range(uri, 10, 5, version) == bytes(range(10, 15))
    assert storage.read_range(uri, 0, 100) == bytes(range(100))
    storage.put(uri, bytes(101))
    with pytest.raises(ObjectChanged, match="has changed since it was listed"):
        storage.read_range(uri, 10, 5, version)


def test_too_large_is_the_documents_failure(store: str) -> None:
    uri = storage.join(store, "a.pdf")
    storage.put(uri, b"12345")
    assert storage.read(uri, max_bytes=5) == b"12345"
    with pytest.raises(DocumentFailure, match="has 5 bytes, above limits.bytes=4") as caught:
        storage.read(uri, max_bytes=4)
    assert caught.value.kind == FailureKind.TOO_LARGE


def test_missing_objects(store: str) -> None:
    with pytest.raises(ObjectNotFound, match="nope"):
        storage.read(storage.join(store, "nope"))
    assert storage.stat(storage.join(store, "nope")) is None
    assert list(storage.list_objects(storage.join(store, "nope"))) == []


def test_delete(store: str) -> None:
    kept, gone = storage.join(store, "kept"), storage.join(store, "gone")
    storage.put(kept, b"1")
    storage.put(gone, b"1")
    storage.delete([gone, storage.join(store, "never")])
    assert names(store, store) == ["kept"]


def test_probe_leaves_nothing_behind(store: str, request: pytest.FixtureRequest) -> None:
    honours = storage.honours_conditions(storage.join(store, "out"))
    assert honours == (request.node.callspec.params["store"] in ("local", "moto"))
    assert names(store, store) == []


def test_probe_names_an_out_that_cannot_be_written(store: str) -> None:
    if storage.is_local(store):
        storage.put(storage.join(store, "file"), b"")
        out = storage.join(store, "file", "out")  # below a file there can be nothing, not even for root
    else:
        out = store.replace("://", "://no-such-", 1) + "/out"
    with pytest.raises(OutputError) as caught:
        storage.honours_conditions(out)
    message = str(caught.value)
    assert message.startswith(f"{out}: cannot be written") and "\n" not in message


@pytest.mark.parametrize("where", ["local", "moto"])
def test_of_many_creators_one_wins(where: str, request: pytest.FixtureRequest, tmp_path: object) -> None:
    base = str(tmp_path) if where == "local" else request.getfixturevalue("moto")
    for round_ in range(5):
        uri = storage.join(base, f"part-{round_}")
        start, won = threading.Barrier(4), list[int]()

        def race(uri: str, me: int, start: threading.Barrier, won: list[int]) -> None:
            start.wait()
            if storage.create(uri, bytes([me]) * 1000):
                won.append(me)

        threads = [threading.Thread(target=race, args=(uri, me, start, won)) for me in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert storage.read(uri) == bytes(won) * 1000


@pytest.mark.parametrize("fixture", ["gcs_bucket", "azure_container"])
def test_what_failed_and_killed_writes_leave_is_no_commit(fixture: str, request: pytest.FixtureRequest) -> None:
    uri = storage.join(request.getfixturevalue(fixture), "part")
    with pytest.raises(TypeError):
        storage.put(uri, 12345)  # type: ignore[arg-type]  # fails inside the open stream
    assert storage.stat(uri) is None
    storage.put(uri, b"")  # what Azure shows of a writer that was killed
    assert storage.create(uri, b"whole") and storage.read(uri) == b"whole"
