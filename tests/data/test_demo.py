"""The archive of `mmsum demo`: the same files every time, and three that are as awkward as they should be."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from mmsum.data.synthetic.awkward import PASSWORD
from mmsum.data.synthetic.pdf import write_demo_archive


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    assert len(write_demo_archive(folder, n=2, seed=3)) == 5
    return folder


def test_same_seed_same_bytes(archive: Path, tmp_path: Path) -> None:
    for path in write_demo_archive(tmp_path, n=2, seed=3):
        assert path.read_bytes() == (archive / path.name).read_bytes(), path.name


def test_reports_have_their_figures(archive: Path) -> None:
    for path in archive.glob("[!ets]*.pdf"):
        with pymupdf.open(path) as document:
            pictures = [info for page in document for info in page.get_image_info()]
            words = " ".join(page.get_text() for page in document)
            captions = [number for number in range(1, 6) if f"Figure {number}:" in words]
            assert len(pictures) == len(captions) >= 1
            for page in document:
                assert all(page.rect.contains(pymupdf.Rect(block[:4])) for block in page.get_text("blocks"))


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
        for page in document:
            assert page.get_text().strip() == ""
            (image,) = page.get_image_info()
            assert pymupdf.Rect(image["bbox"]).get_area() > 0.95 * page.rect.get_area()
