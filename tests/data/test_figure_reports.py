"""The sample archive: the same bytes every time, every figure where the truth says, awkward files awkward."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from mmsum.data.awkward import PASSWORD
from mmsum.data.figure_reports import make_specs, write_sample_archive

N = 3


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    write_sample_archive(folder, n=N, seed=3, truth=folder / "truth.jsonl")
    return folder


@pytest.fixture(scope="module")
def truth(archive: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (archive / "truth.jsonl").read_text().splitlines()]


def words(text: str) -> str:
    """Typeset text with line ends and ligatures undone."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def test_same_seed_same_bytes(archive: Path, tmp_path: Path) -> None:
    paths = write_sample_archive(tmp_path, n=N, seed=3)
    assert len(paths) == N + 3
    for path in paths:
        assert path.read_bytes() == (archive / path.name).read_bytes(), path.name


def test_specs_do_not_depend_on_n_and_differ_by_seed() -> None:
    assert list(make_specs(2, seed=5)) == list(make_specs(20, seed=5))[:2]
    assert list(make_specs(2, seed=5)) != list(make_specs(2, seed=6))


def test_reports_have_the_promised_pages_and_words(archive: Path, truth: list[dict[str, Any]]) -> None:
    for line in truth[:N]:
        with pymupdf.open(archive / line["file"]) as document:
            assert 2 <= document.page_count <= 4
            assert document.metadata["title"] == line["title"]
        assert 330 <= len(line["text"].split()) <= 700
        assert 1 <= len(line["figures"]) <= 3


def test_captions_mentions_and_stated_facts_are_in_the_text(archive: Path, truth: list[dict[str, Any]]) -> None:
    for line in truth[:N]:
        with pymupdf.open(archive / line["file"]) as document:
            pages = [words(page.get_text()) for page in document]
        for figure in line["figures"]:
            assert words(figure["caption"]) in pages[figure["page"] - 1]
            assert figure["mention"] in line["text"]
            assert figure["label"] in figure["mention"]
        for fact in line["facts"]:
            assert (fact["statement"] in line["text"]) == fact["said"], fact


def test_figures_stand_in_their_boxes_and_captions_below(archive: Path, truth: list[dict[str, Any]]) -> None:
    for line in truth[:N]:
        with pymupdf.open(archive / line["file"]) as document:
            for figure in line["figures"]:
                page, box = document[figure["page"] - 1], pymupdf.Rect(figure["bbox"])
                caption = pymupdf.Rect(figure["caption_bbox"])
                assert page.rect.contains(box) and box.width > 100 and box.height > 60
                assert 0 <= caption.y0 - box.y1 < 30
                assert figure["label"] in page.get_text(clip=caption)
                images = [pymupdf.Rect(info["bbox"]) for info in page.get_image_info()]
                core = pymupdf.Rect(box.x0 + 1, box.y0 + 1, box.x1 - 1, box.y1 - 1)
                inside = any(image.contains(core) for image in images)
                drawn = [d for d in page.get_drawings() if pymupdf.Rect(d["rect"]).intersects(box)]
                assert (len(drawn) > 3) if figure["vector"] else inside
                body = [pymupdf.Rect(b[:4]) for b in page.get_text("blocks") if len(b[4].split()) > 12]
                assert not any(block.intersects(box) for block in body)


def test_nothing_leaves_the_page(archive: Path, truth: list[dict[str, Any]]) -> None:
    for line in truth[:N]:
        with pymupdf.open(archive / line["file"]) as document:
            for page in document:
                for block in page.get_text("blocks"):
                    assert page.rect.contains(pymupdf.Rect(block[:4])), block


def test_page_numbers_are_at_the_foot(tmp_path: Path) -> None:
    """DocumentWriter leaves flipped coordinates behind; what is written later must not end up at the top."""
    from mmsum.data.figure_reports import write_report

    spec = next(s for s in make_specs(40) if s.look.footer == "page_of" and not s.look.running_head)
    write_report(tmp_path / "a.pdf", spec)
    with pymupdf.open(tmp_path / "a.pdf") as document:
        for page in document:
            (box,) = page.search_for(f"Page {page.number + 1} of {document.page_count}")
            assert box.y0 > page.rect.height * 0.9


def test_encrypted_needs_its_password(archive: Path) -> None:
    with pymupdf.open(archive / "encrypted.pdf") as document:
        assert document.needs_pass
        assert not document.authenticate("wrong")
        assert document.authenticate(PASSWORD)
        assert len(document[0].get_text().split()) > 50


def test_truncated_yields_no_page(archive: Path) -> None:
    pymupdf.TOOLS.mupdf_display_errors(False)
    with pymupdf.open(archive / "truncated.pdf") as document:
        assert document.page_count == 0


def test_scanned_is_pictures_only(archive: Path) -> None:
    with pymupdf.open(archive / "scanned.pdf") as document:
        assert document.page_count >= 2
        for page in document:
            assert page.get_text().strip() == ""
            (image,) = page.get_image_info()
            assert pymupdf.Rect(image["bbox"]).get_area() > 0.95 * page.rect.get_area()
