"""SRC: lists of URIs, and what is said about a SRC that is not there."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmsum import storage
from mmsum.errors import SourceError
from mmsum.records import ObjectRef


def parquet(columns: dict[str, list[object]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def test_text_list(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.pdf").write_bytes(b"123")
    lines = ["# a comment", "", "docs/a.pdf", "  ./docs/../docs/a.pdf ", "docs/gone.pdf", "s3://b/k#1.pdf?token=x"]
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    refs = list(storage.list_source(str(tmp_path / "list.txt")))
    assert refs == [
        storage.stat(str(tmp_path / "docs" / "a.pdf")),
        ObjectRef(f"{tmp_path}/docs/gone.pdf", -1, ""),
        ObjectRef("s3://b/k#1.pdf", -1, ""),
    ]


def test_a_name_in_a_list_may_begin_with_a_tilde(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("~b.md\n~/c.md\n")
    (tmp_path / "~b.md").write_text("It rained.")
    assert [ref.uri for ref in storage.list_source(str(tmp_path / "list.txt"))] == [
        f"{tmp_path}/~b.md",
        str(Path.home() / "c.md"),
    ]


def test_parquet_list(tmp_path: Path) -> None:
    data = parquet({"uri": ["s3://b/a", "c.pdf"], "size": [5, None], "version": ['"etag"', None], "other": [1, 2]})
    (tmp_path / "list.parquet").write_bytes(data)
    refs = list(storage.list_source(str(tmp_path / "list.parquet")))
    assert refs == [ObjectRef("s3://b/a", 5, "etag"), ObjectRef(f"{tmp_path}/c.pdf", -1, "")]


def test_a_list_that_gives_sizes_alone_does_not_hide_that_a_file_changed(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"123")
    (tmp_path / "list.parquet").write_bytes(parquet({"uri": ["a.pdf", "gone.pdf"], "size": [3, 4]}))
    refs = list(storage.list_source(str(tmp_path / "list.parquet")))
    assert refs == [storage.stat(str(tmp_path / "a.pdf")), ObjectRef(f"{tmp_path}/gone.pdf", 4, "")]


def test_a_list_in_a_bucket_is_relative_to_it(moto: str) -> None:
    storage.put(f"{moto}/lists/all.txt", b"a.pdf\n../b.pdf\n")
    assert [ref.uri for ref in storage.list_source(f"{moto}/lists/all.txt")] == [f"{moto}/lists/a.pdf", f"{moto}/b.pdf"]


def test_in_a_folder_a_text_file_is_a_document(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no list")
    for source in (tmp_path, tmp_path / "*.txt"):
        assert [ref.uri for ref in storage.list_source(str(source))] == [f"{tmp_path}/notes.txt"]


def test_a_list_may_name_files_that_are_gone(tmp_path: Path) -> None:
    (tmp_path / "b.pdf").write_bytes(b"1")
    (tmp_path / "l.txt").write_text("a.pdf\nb.pdf\nc.pdf\n")
    refs = list(storage.list_source(str(tmp_path / "l.txt")))
    assert [(Path(ref.uri).name, ref.size) for ref in refs] == [("a.pdf", -1), ("b.pdf", 1), ("c.pdf", -1)]


def test_a_folder_called_parquet_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    (tmp_path / "x.parquet" / "a.pdf").write_bytes(b"1")
    assert [ref.uri for ref in storage.list_source(str(tmp_path / "x.parquet"))] == [f"{tmp_path}/x.parquet/a.pdf"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("l.txt", b"a.pdf\nhttps://h/b.pdf\n", "l.txt, line 2: https://h/b.pdf: no way to read https://"),
        ("l.txt", b"\xff\xfe\x00", "l.txt: not UTF-8 text"),
        (
            "l.txt",
            b"Chapter 1\n\n" + b"It was dark. " * 40,
            "l.txt: a list of documents, of which none of 2 is there (first: ",
        ),
        ("l.parquet", b"no parquet", "l.parquet: not a Parquet file"),
        ("l.parquet", parquet({"url": ["a"]}), "l.parquet: no column `uri`, only url"),
        ("l.parquet", parquet({"uri": ["a", None]}), "l.parquet, row 2: `uri` is None"),
        ("l.parquet", parquet({"uri": ["a"], "size": ["big"]}), "l.parquet, row 1: `size` is 'big'"),
    ],
)
def test_bad_lists(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError) as caught:
        list(storage.list_source(str(tmp_path / name)))
    assert f"{tmp_path}/{reason}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nope", "nope.txt", "nope/deeper"])
def test_missing_local_source(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match=f"^{tmp_path}/{name}: no such file or folder; check the name$"):
        list(storage.list_source(f"{tmp_path}/{name}"))


@pytest.mark.parametrize("fixture", ["moto", "rclone"])
def test_missing_bucket(fixture: str, request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(fixture)
    with pytest.raises(
        SourceError, match="^cannot list s3://no-such-bucket/d: there is no bucket no-such-bucket; check"
    ):
        list(storage.list_source("s3://no-such-bucket/d"))


@pytest.mark.parametrize(("variable", "code"), [("ACCESS_KEY_ID", "InvalidAccessKeyId"), ("SECRET_ACCESS_KEY", "Sign")])
def test_wrong_credentials(rclone: str, monkeypatch: pytest.MonkeyPatch, variable: str, code: str) -> None:
    monkeypatch.setenv(f"AWS_{variable}", "wrong")
    with pytest.raises(SourceError, match=f"^cannot look at {rclone}/d: .*{code}.*; renew the AWS credentials"):
        list(storage.list_source(f"{rclone}/d"))


def test_no_credentials(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(SourceError, match="no credentials; set AWS_ACCESS_KEY_ID"):
        list(storage.list_source(f"{moto}/d"))
