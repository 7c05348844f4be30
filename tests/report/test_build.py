"""From an output to its page: the pictures are those of the documents as they were read."""

from __future__ import annotations

from pathlib import Path

import pytest

import mmsum
from mmsum.report import build
from tests.documents import papers


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
