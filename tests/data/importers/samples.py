"""What importers are given here: a paper, an article, a folder with a table."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from mmsum.data.importers.report import ImportReport

PAPER = {
    "id": "a",
    "title": "Tools",
    "split": "test",
    "doi": "10.21105/joss.1",
    "license": "MIT",
    "summary": "It does things.",
    "body": "# Need\n\nText of Figure 1.\n\n[Figure 1]\n\nMore.",
    "figures": [{"file": "figures/a.png", "caption": "A plot"}, {"file": "figures/gone.png", "caption": "x"}],
}
ARTICLE = """<?xml version="1.0"?>
<!DOCTYPE article [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>
<article-id pub-id-type="doi">10.1/x</article-id><title-group><article-title>On <i>mice</i></article-title></title-group>
<permissions><license xlink:href="https://creativecommons.org/licenses/by/4.0/"/></permissions>
<abstract><p>Mice grew.</p></abstract></article-meta></front>
<body><sec><title>Results</title>
<p>They grew <xref ref-type="bibr">[1]</xref>fast (<xref ref-type="fig">Figure 1</xref>). &secret;</p>
<fig><label>Fig. 1</label><caption><title>Growth.</title><p>Weights.</p></caption>
<graphic xlink:href="a"/></fig></sec></body></article>"""


def png() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(target, "PNG")
    return target.getvalue()


def write_table(folder: Path, text: str) -> tuple[str, str, str]:
    """What import_folder takes: documents a.md and b.md, a CSV of that text, OUT."""
    (folder / "documents").mkdir()
    for name in ("a.md", "b.md"):
        (folder / "documents" / name).write_text(f"# Title\n\nSome words about a matter of interest, {name}.\n")
    (folder / "gold.csv").write_bytes(text.encode())
    return str(folder / "documents"), str(folder / "gold.csv"), str(folder / "out")


def left_out(report: ImportReport, folder: Path) -> dict[str, str]:
    """Items of the folder -> why they have no example."""
    return {item.removeprefix(f"{folder}/"): reason for item, reason in report.skipped.items()}
