"""JATS XML articles -> examples: the abstract is the gold, graphics are local files. No network, no DTD, no other file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lxml import etree

from mmsum.data.files import split_name, write_splits
from mmsum.data.importers.jats_text import blocks, heading, paragraphs, words
from mmsum.data.importers.report import ImportReport, read_figure
from mmsum.examples import Example, ExampleFigure

_HREF = "{http://www.w3.org/1999/xlink}href"
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff")
_OTHER_ENDINGS = (".eps", ".ps", ".svg", ".pdf")
"""What articles name and archives of them hold as one of the pictures above."""


def import_jats(files: Sequence[str], out: str, split: str = "train") -> ImportReport:
    """Examples of the articles; graphics are looked for beside each file and in the folders below it.

    Raises UsageError where `split` cannot be a folder's name, OutputError where `out` is taken.
    """
    report = ImportReport()
    report.written = write_splits(out, _examples(files, split_name(split), report))
    return report


def _examples(files: Sequence[str], split: str, report: ImportReport) -> Iterator[Example]:
    for name in files:
        try:
            articles = _articles(Path(name))
        except (OSError, etree.XMLSyntaxError) as error:
            report.skipped[name] = f"cannot be read: {error}"
            continue
        for number, article in enumerate(articles, start=1):
            item = name if len(articles) == 1 else f"{name}, article {number}"
            try:
                example = _example(article, Path(name), split, report)
            except ValueError as error:
                report.skipped[item] = str(error)
            else:
                if report.takes(item, example):
                    yield example


def _articles(path: Path) -> list[Any]:
    """The articles of a file, of which PMC's sets and OAI's answers hold several; without translations and responses, which
    have abstracts, bodies and rights of their own."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(path.read_bytes(), parser)
    for element in root.iter():  # namespaces, where a journal uses one, say nothing more
        if isinstance(element.tag, str):
            element.tag = etree.QName(element).localname
    etree.strip_elements(root, "sub-article", "response", with_tail=False)
    return list(root.iter("article")) or [root]


def _example(root: Any, path: Path, split: str, report: ImportReport) -> Example:
    abstract = next((a for a in root.iter("abstract") if a.get("abstract-type", "main") == "main"), None)
    body = root.find(".//body")
    own = None if body is None else next((s for s in body.iter("sec") if heading(s).lower() in _SUMMARIES), None)
    gold = abstract if abstract is not None else own
    if gold is None or body is None:
        raise ValueError("has no body, or neither an abstract nor a section called Summary")
    summary = "\n\n".join(paragraphs(gold))
    # PMC's articles keep their figures together, behind the body; its older ones call that floats-wrap.
    behind = [fig for kind in ("group", "wrap") for fig in body.getparent().iterfind(f"floats-{kind}//fig")]
    shown = [*body.iter("fig"), *behind]
    names = [_name(fig) for fig in shown]
    if not any(names):  # where some have numbers, the place of another is none
        names = [f"Figure {number}" for number, _ in enumerate(shown, start=1)]
    figures = [figure for fig, name in zip(shown, names, strict=True) for figure in _figures(fig, name, path, report)]
    text = "\n\n".join(blocks(body, own if abstract is None else None))
    if not summary or not text:
        raise ValueError("has an empty abstract or body")
    doi, other = _ids(root)
    title = next((words(e) for e in root.iter("article-title")), "")
    place = os.fsencode(path.with_suffix("")).decode(errors="backslashreplace")  # a name need not be UTF-8, an id must
    return Example(
        doi or other or place,
        title,
        text,
        figures,
        summary,
        split,
        f"JATS {doi}".strip(),
        _licence(root),
    )


_SUMMARIES = ("summary", "abstract")


def _ids(root: Any) -> tuple[str, str]:
    """The article's DOI and what else tells it from others; empty where it has none. A response's own do not count."""
    ids: dict[str | None, str] = {}
    for element in next(root.iter("article-meta"), root).iterfind("article-id"):
        ids.setdefault(element.get("pub-id-type"), words(element))
    if number := ids.get("publisher-id"):  # counted by each journal on its own
        journal = next((words(e) for e in root.iter("journal-id", "issn", "journal-title")), "")
        ids["publisher-id"] = f"{journal} {number}".strip()
    others = (f"{kind}:{ids[kind]}" for kind in ("pmid", "pmcid", "pmc", "publisher-id") if ids.get(kind))
    return ids.get("doi", ""), next(others, "")


def _name(fig: Any) -> str:
    """The figure's label, or that of its group; empty where there is none."""
    return _FIGURE.sub("Figure ", (_label(fig.getparent()) or _label(fig)).rstrip(".:"))


def _label(parent: Any) -> str:
    label = parent.find("label") if parent.tag in ("fig", "fig-group") else None
    return "" if label is None else words(label)


def _figures(fig: Any, name: str, article: Path, report: ImportReport) -> Iterator[ExampleFigure]:
    """One of each graphic, all with the name and the caption of `fig`: panels are told apart in its words at most."""
    folder = article.parent
    caption, group = _caption(fig), fig.getparent()
    if _label(group):  # then the figure's own is a panel's
        caption = " ".join(filter(None, (_caption(group), _label(fig), caption)))
    for hrefs in _graphics(fig):
        missing = folder / (hrefs or [f"(no graphic of {name or 'a figure without a label'})"])[0]
        forms = [form for href in hrefs for name_of in _file_names(href) for form in _forms(folder / name_of)] or [
            missing
        ]
        if figure := read_figure(forms, folder, name, caption, str(article), report):
            yield figure


def _caption(fig: Any) -> str:
    caption = fig.find("caption")
    parts = [] if caption is None else [part for part in caption if isinstance(part.tag, str)]
    return " ".join(filter(None, map(words, parts)))


_FIGURE = re.compile(r"^fig(?:ure)?\b\.?\s*(?=\w)", re.IGNORECASE)


def _file_names(href: str) -> dict[str, None]:
    """What a link to a graphic may be called in a folder: as it stands, without its escapes, and the end of a DOI (PLOS)."""
    plain = unquote(href)
    return dict.fromkeys([href, plain, plain.rpartition("/")[2]] if href.startswith("info:doi/") else [href, plain])


def _forms(path: Path) -> Iterator[Path]:
    """The files of a graphic, named with or without the ending that its publisher's archive has it under."""
    stem = path.with_suffix("") if path.suffix.lower() in (*_ENDINGS, *_OTHER_ENDINGS) else path
    for form in dict.fromkeys([path, *(Path(f"{stem}{end}") for end in (*_ENDINGS, *map(str.upper, _ENDINGS)))]):
        if os.path.isfile(form):
            yield form


def _graphics(fig: Any) -> list[list[str]]:
    """Names of each graphic's file: several where the article has it in several forms, none where it names no file."""
    graphics: dict[Any, list[str]] = {}
    for graphic in fig.iter("graphic"):
        if next(graphic.iterancestors("fig")) is fig:
            picture = next(graphic.iterancestors("alternatives"), graphic)
            graphics.setdefault(picture, []).extend(filter(None, [graphic.get(_HREF)]))
    return list(graphics.values()) or [[]]


def _licence(root: Any) -> str:
    """``https://creativecommons.org/licenses/by/4.0/`` -> ``CC-BY-4.0``; other links as they are."""
    found: list[str | None] = []
    about = next(root.iter("article-meta"), root)  # a figure's licence is its own
    for licence in about.iter("license"):  # in one of three places
        found.append(licence.get(_HREF))
        found += [element.text for element in licence.iter("license_ref")]
        found += [element.get(_HREF) for element in licence.iter("ext-link")]
    links = [link.strip() for link in found if link and link.strip()]
    link = next((link for link in links if "creativecommons.org/" in link), next(iter(links), ""))
    if "creativecommons.org/licenses/" in link:
        kind, version, *_ = [*link.partition("/licenses/")[2].strip("/").split("/"), "", ""]
        return "-".join(filter(None, ("CC", kind.upper(), version)))
    return "CC0-1.0" if "creativecommons.org/publicdomain/zero" in link else link or "unknown"
