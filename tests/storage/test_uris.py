"""Canonical names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsum import storage
from mmsum.errors import UsageError
from mmsum.storage.uris import resolve


@pytest.mark.parametrize(
    ("given_", "canonical"),
    [
        ("/a/./b/../c.pdf", "/a/c.pdf"),
        ("//a//b/", "/a/b"),
        ("file:///a/b%20c.pdf", "/a/b c.pdf"),
        ("file://localhost/a", "/a"),
        ("/a/what?x=1", "/a/what?x=1"),
        ("S3A://Bucket/Key/", "s3://Bucket/Key"),
        ("s3://b/a//../c", "s3://b/a//../c"),
        ("s3://key:secret@b/k", "s3://b/k"),
        ("s3://b/k.pdf?X-Amz-Credential=a/b&X-Amz-Signature=c", "s3://b/k.pdf"),
        ("s3://b/k.pdf?versionId=1&X-Amz-Signature=c", "s3://b/k.pdf"),
        ("gs://b/k.pdf?token=abc", "gs://b/k.pdf"),
        ("s3://b/k.pdf?v=1&api_key=abc", "s3://b/k.pdf"),
        ("s3://b/k.pdf?password=abc", "s3://b/k.pdf"),
        ("s3://b/k.pdf?x-amz-security-token=abc", "s3://b/k.pdf"),
        ("s3://b/tokens.html?tokens=7", "s3://b/tokens.html?tokens=7"),
        ("s3://b/page.html?id=7", "s3://b/page.html?id=7"),
        ("s3://b/year=20?4/*", "s3://b/year=20?4/*"),
        ("gcs://b", "gs://b"),
        ("abfs://c@acct.dfs.core.windows.net/k", "abfss://c@acct.dfs.core.windows.net/k"),
        ("abfss://c:secret@acct.dfs.core.windows.net/k?sv=1&sig=x", "abfss://c@acct.dfs.core.windows.net/k"),
    ],
)
def test_normalize(given_: str, canonical: str) -> None:
    assert storage.normalize(given_) == canonical
    assert storage.normalize(canonical) == canonical


def test_normalize_of_relative_and_home_paths_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    (tmp_path / "link").symlink_to("/tmp")
    assert storage.normalize("x.pdf") == f"{tmp_path}/x.pdf"
    assert storage.normalize("link/x.pdf") == f"{tmp_path}/link/x.pdf"
    assert storage.normalize("~/x.pdf") == "/home/someone/x.pdf"


@given(st.binary(min_size=1, max_size=20).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")))
def test_every_local_name_has_a_canonical_name_of_text(name: bytes) -> None:
    uri = storage.normalize(os.fsdecode(b"/folder/" + name))
    uri.encode()
    assert storage.normalize(uri) == uri
    assert storage.is_local(uri)


@pytest.mark.parametrize("uri", ["https://user:secret@host/a.pdf?token=secret", "ftp://user:secret@host/a.pdf"])
def test_unknown_schemes_are_refused_without_telling_secrets(uri: str) -> None:
    with pytest.raises(UsageError, match="no way to read") as caught:
        storage.normalize(uri)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_an_empty_name_is_not_the_current_folder(name: str) -> None:
    with pytest.raises(UsageError, match="empty name"):
        storage.normalize(name)


def test_join() -> None:
    assert storage.join("s3://b", "x") == storage.join("s3://b/", "/x/") == "s3://b/x"
    assert storage.join("/", "x") == "/x"
    assert storage.join("/out", "_run", "", "a/b") == "/out/_run/a/b"


@pytest.mark.parametrize(
    ("name", "folder", "expected"),
    [
        ("a.pdf", "/lists", "/lists/a.pdf"),
        ("../a.pdf", "/lists", "/a.pdf"),
        ("/x/a.pdf", "s3://b/lists", "/x/a.pdf"),
        ("a.pdf", "s3://b/lists", "s3://b/lists/a.pdf"),
        ("../a.pdf", "s3://b/lists", "s3://b/a.pdf"),
        ("s3://c/a.pdf", "/lists", "s3://c/a.pdf"),
    ],
)
def test_names_in_lists(name: str, folder: str, expected: str) -> None:
    assert resolve(name, folder) == expected
