"""From an output to its page: the pictures are those of the documents as they were read."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

import mmsum
from mmsum import storage
from mmsum.config import load_config
from mmsum.errors import StorageError
from mmsum.pipeline.commit import commit_shard
from mmsum.pipeline.plan import open_snapshot
from mmsum.report import build
from tests.documents import papers
from tests.pipeline.test_commit import shard_rows
from tests.servers import moto_s3


@pytest.mark.usefixtures("local_ray")
def test_pictures_of_the_rows_own_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a web page and a Markdown text too; stored ones of a version before are none of this one's."""
    archive, out = tmp_path / "archive", tmp_path / "out"
    (archive / "img").mkdir(parents=True)
    (archive / "img" / "field.png").write_bytes(papers.photo(160, 120))
    (archive / "a.html").write_text("<html><body><p>Rye grew.</p><img src='img/field.png' alt='Figure 1: Rye.'>")
    (archive / "b.md").write_text("Rye grew.\n\n![Figure 1: Rye.](img/field.png)\n")
    pictures: dict[str, list[bytes]] = {}

    def render(rows: object, images: object, **_: object) -> list[bytes]:
        for row in rows:  # type: ignore[attr-defined]
            pictures[Path(row["uri"]).name] = images(row)  # type: ignore[operator]
        return [b"page"]

    monkeypatch.setattr(build, "render_report", render)
    mmsum.summarize(archive, out, summarizer="lead", crops=True, resources={"parse_cpus": 1})
    build.write_report(str(out))
    stored = dict(pictures)
    assert {name: len(images) for name, images in stored.items()} == {"a.html": 1, "b.md": 1, "field.png": 1}
    assert all(stored["a.html"]) and all(stored["b.md"])
    (archive / "img" / "field.png").write_bytes(papers.photo(90, 80))
    mmsum.summarize(archive, out, summarizer="lead", snapshot="new", resources={"parse_cpus": 1})
    build.write_report(str(out))
    for name in stored:
        assert all(pictures[name]) and pictures[name] != stored[name]


@pytest.mark.s3
def test_a_missing_document_costs_its_pictures_and_a_dead_store_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path / "out")
    with moto_s3() as server:
        for name, value in (server.env | {"AWS_MAX_ATTEMPTS": "1"}).items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        for name in ("a.txt", "b.txt"):
            storage.put(f"s3://bucket/docs/{name}", b"Rye grew.")
        snapshot, _ = open_snapshot("s3://bucket/docs/", out, load_config(summarizer="lead"))
        commit_shard(shard_rows(snapshot), snapshot_out=out, digest=snapshot.digest)
        storage.delete(["s3://bucket/docs/a.txt"])
        assert build.write_report(out) == f"{out}/report.html"
    with pytest.raises(StorageError, match=r"^cannot read s3://bucket/docs/a.txt: .*; check AWS_ENDPOINT_URL"):
        build.write_report(out)
