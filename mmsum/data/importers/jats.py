"""JATS XML articles -> examples: the abstract is the gold, graphics are local files. No network, no DTD, no other file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from html.entities import html5
from pathlib import Path
from typing import Any

from lxml import etree

from mmsum.data.files import split_name, write_splits
from mmsum.data.importers.report import ImportReport, read_figure
from mmsum.examples import Example, ExampleFigure

_HREF = "{http://www.w3.org/1999/xlink}href"
_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff")
_LEFT_OUT = "table-wrap", "fig", "disp-formula", "fn", "caption"
_LISTS = "list", "list-item", "def-list", "def-item", "term", "def"
_BLOCKS = "p", "sec", "disp-quote", "boxed-text", "preformat", "code", "statement", "speech", "verse-group"
_APART = (*_LISTS, *_BLOCKS, "label", "title", "verse-line", "break")
"""What stands on lines of its own, also inside a paragraph."""
_ABOUT = (
    *("object-id", "permissions", "attrib", "alt-text", "long-desc", "index-term", "kwd-group", "subj-group"),
    *("processing-meta", "annotation", "annotation-xml"),
)
"""What is said about a block or a paragraph: identifiers, rights, credits, descriptions, keywords."""
_NO_TEXT = (
    *_ABOUT,
    *("sec-meta", "fig-group", "table-wrap-group", "disp-formula-group", "array", "math", "tex-math", "alternatives"),
    *("graphic", "media", "supplementary-material", "chem-struct-wrap", "related-article", "related-object"),
    *("fn-group", "ref-list", "target", "email", "ext-link", "uri"),
)
"""Blocks of pictures, tables, formulas, references and links; of others the text is taken, also of those unknown to JATS."""


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
    abstract = next((a for a in root.iter("abstract") if not a.get("abstract-type")), None)
    body = root.find(".//body")
    own = None if body is None else next((s for s in body.iter("sec") if _heading(s).lower() in _SUMMARIES), None)
    gold = abstract if abstract is not None else own
    if gold is None or body is None:
        raise ValueError("has no body, or neither an abstract nor a section called Summary")
    summary = "\n\n".join(_paragraphs(gold))
    # PMC's articles keep their figures together, behind the body; its older ones call that floats-wrap.
    behind = [fig for kind in ("group", "wrap") for fig in body.getparent().iterfind(f"floats-{kind}//fig")]
    shown = [*body.iter("fig"), *behind]
    names = [_name(fig) for fig in shown]
    if not any(names):  # where some have numbers, the place of another is none
        names = [f"Figure {number}" for number, _ in enumerate(shown, start=1)]
    figures = [figure for fig, name in zip(shown, names, strict=True) for figure in _figures(fig, name, path, report)]
    text = "\n\n".join(_blocks(body, own if abstract is None else None))
    if not summary or not text:
        raise ValueError("has an empty abstract or body")
    doi, other = _ids(root)
    title = next((_words(e) for e in root.iter("article-title")), "")
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
        ids.setdefault(element.get("pub-id-type"), _words(element))
    if number := ids.get("publisher-id"):  # counted by each journal on its own
        journal = next((_words(e) for e in root.iter("journal-id", "issn", "journal-title")), "")
        ids["publisher-id"] = f"{journal} {number}".strip()
    others = (f"{kind}:{ids[kind]}" for kind in ("pmid", "pmcid", "pmc", "publisher-id") if ids.get(kind))
    return ids.get("doi", ""), next(others, "")


def _blocks(parent: Any, left_out: Any) -> list[str]:
    """Paragraphs and `# Heading` lines in reading order, without the section `left_out`."""
    blocks: list[str] = []
    for child in parent:
        if child is left_out or not isinstance(child.tag, str) or child.tag in (*_LEFT_OUT, *_NO_TEXT):
            continue
        if child.tag in ("label", "title") and parent.tag in ("sec", "list-item"):
            continue  # a section's title is its heading, and an item's label a number or a dot
        if child.tag == "sec":
            inner = _blocks(child, left_out)
            heading = _heading(child)
            boxed = next(child.iterancestors("boxed-text"), None) is not None
            mark = "" if boxed else "# "  # or what follows the box would stand under its heading
            blocks += [mark + heading, *inner] if heading and inner else inner
        elif _holds_blocks(child):
            blocks += _blocks(child, left_out)
        elif text := re.sub("^#+ ", "", _words(child)):  # a comment in code is no heading
            blocks.append(text)
    return blocks


def _holds_blocks(element: Any) -> bool:
    """Whether it has blocks instead of text of its own; a term stays with what defines it, and lines make one verse."""
    if element.tag in ("p", "def-item") or any(text.strip() for text in element.xpath("text()")):
        return False
    return any(child.tag in (*_LISTS, *_BLOCKS) for child in element)


def _paragraphs(parent: Any) -> list[str]:
    outer = "p", *_LEFT_OUT, *_NO_TEXT  # a list's are in its own, captions and notes are no summary
    paragraphs = [p for p in parent.iter("p") if next(p.iterancestors(*outer), None) is None]
    return [text for p in paragraphs if (text := _words(p))]


def _heading(section: Any) -> str:
    title = section.find("title")
    return "" if title is None else _words(title)


def _words(element: Any) -> str:
    """Text of the element in one line, without numbers of citations, tables, figures, formulas and what is said about it.

    Raises ValueError for a letter that goes by a name which only the article's DTD knows.
    """
    return " ".join(_CITED.sub("", _text(element)).split())


_MARK = "\0"
"""Stands where a number of a citation was: no XML holds it."""
_MARKS = rf"{_MARK}(?:[\s,;–-]*{_MARK})*"
_CITED = re.compile(rf"\s*[(\[]\s*{_MARKS}\s*[)\]]|{_MARKS}")
"""Numbers of citations with the commas between them, and brackets that hold nothing else."""


def _text(element: Any) -> str:
    parts = [element.text or ""]
    for child in element:
        if child.tag is etree.Entity:
            parts.append(_letters(child))
        elif child.tag == "sup" and _POWER.fullmatch(power := _text(child)) and "".join(parts)[-1:].isdigit():
            parts.append(f"^{power}")
        elif isinstance(child.tag, str) and child.tag not in (*_LEFT_OUT, *_ABOUT):
            words = _MARK if _is_number(child) else _text(child)
            parts.append(f" {words} " if child.tag in _APART else words)
        parts.append(child.tail or "")
    if element.tag == "alternatives":  # one thing in several forms
        forms = [form for form in element if isinstance(form.tag, str)]
        return _text(min(forms, key=lambda form: _FORMS.get(form.tag, 1))) if forms else ""
    if element.tag == "tex-math":
        return _tex("".join(parts))
    return _BETWEEN[element.tag].join(filter(str.strip, parts)) if element.tag in _BETWEEN else "".join(parts)


_POWER = re.compile(r"[-\u2212\u2013+]?\d+")
"""What makes another number of the digit before it: 10<sup>5</sup> is not 105."""
_FORMS = {"math": 0, "textual-form": 0, "tex-math": 2, "inline-graphic": 3, "graphic": 3}
_BETWEEN = {"msup": "^", "mfrac": "/"}


def _tex(source: str) -> str:
    """A formula without the document that publishers set around each, and without the marks of one."""
    inner = source.partition(r"\begin{document}")[2].partition(r"\end{document}")[0] or source
    return inner.strip().strip("$").strip()


def _letters(entity: Any) -> str:
    """What an entity stands for: a letter by its name, or a text that the article itself declares. Files are never read."""
    if f"{entity.name};" in html5:
        return html5[f"{entity.name};"]
    dtd = entity.getroottree().docinfo.internalDTD
    own = next((one for one in (dtd.iterentities() if dtd else ()) if one.name == entity.name), None)
    if own is None or set(own.content or "") & set("&<"):
        raise ValueError(
            f"has the entity &{entity.name};, which only its DTD knows; store the article with letters instead"
        )
    return own.content or ""


def _is_number(element: Any) -> bool:
    """Whether it is the number or the mark of a citation or a note; names of cited authors are words of their sentence."""
    if element.tag != "xref" or element.get("ref-type") not in ("bibr", "fn", "table-fn", "aff", "corresp", None):
        return False
    words = "".join(element.itertext())
    return len(words) == 1 or not any(letter.isalpha() for letter in words)


def _name(fig: Any) -> str:
    """The figure's label, or that of its group; empty where there is none."""
    return _FIGURE.sub("Figure ", (_label(fig.getparent()) or _label(fig)).rstrip(".:"))


def _label(parent: Any) -> str:
    label = parent.find("label") if parent.tag in ("fig", "fig-group") else None
    return "" if label is None else _words(label)


def _figures(fig: Any, name: str, article: Path, report: ImportReport) -> Iterator[ExampleFigure]:
    """One of each graphic, all with the name and the caption of `fig`: panels are told apart in its words at most."""
    folder = article.parent
    words, group = _caption(fig), fig.getparent()
    if _label(group):  # then the figure's own is a panel's
        words = " ".join(filter(None, (_caption(group), _label(fig), words)))
    for hrefs in _graphics(fig):
        missing = folder / (hrefs or [f"(no graphic of {name or 'a figure without a label'})"])[0]
        forms = [form for href in hrefs for form in _forms(folder / href)] or [missing]
        if figure := read_figure(forms, folder, name, words, str(article), report):
            yield figure


def _caption(fig: Any) -> str:
    caption = fig.find("caption")
    parts = [] if caption is None else [part for part in caption if isinstance(part.tag, str)]
    return " ".join(filter(None, map(_words, parts)))


_FIGURE = re.compile(r"^fig(?:ure)?\b\.?\s*(?=\w)", re.IGNORECASE)


def _forms(path: Path) -> Iterator[Path]:
    """The files of a graphic, named with or without the ending that its publisher's archive has it under."""
    stem = path.with_suffix("") if path.suffix.lower() in _ENDINGS else path
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
