"""The text of JATS elements: paragraphs, headings, and words without what is said about them."""

from __future__ import annotations

import re
from html.entities import html5
from typing import Any

from lxml import etree

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


def blocks(parent: Any, left_out: Any) -> list[str]:
    """Paragraphs and `# Heading` lines in reading order, without the section `left_out`."""
    found: list[str] = []
    for child in parent:
        if child is left_out or not isinstance(child.tag, str) or child.tag in (*_LEFT_OUT, *_NO_TEXT):
            continue
        if child.tag in ("label", "title") and parent.tag in ("sec", "list-item"):
            continue  # a section's title is its heading, and an item's label a number or a dot
        if child.tag == "sec":
            inner = blocks(child, left_out)
            title = heading(child)
            boxed = next(child.iterancestors("boxed-text"), None) is not None
            mark = "" if boxed else "# "  # or what follows the box would stand under its heading
            found += [mark + title, *inner] if title and inner else inner
        elif _holds_blocks(child):
            found += blocks(child, left_out)
        elif text := re.sub("^#+ ", "", words(child)):  # a comment in code is no heading
            found.append(text)
    return found


def _holds_blocks(element: Any) -> bool:
    """Whether it has blocks instead of text of its own; a term stays with what defines it, and lines make one verse."""
    if element.tag in ("p", "def-item") or any(text.strip() for text in element.xpath("text()")):
        return False
    return any(child.tag in (*_LISTS, *_BLOCKS) for child in element)


def paragraphs(parent: Any) -> list[str]:
    """The paragraphs of an abstract or a summary, without headings, captions and notes."""
    outer = "p", *_LEFT_OUT, *_NO_TEXT  # a list's are in its own
    outermost = [p for p in parent.iter("p") if next(p.iterancestors(*outer), None) is None]
    return [text for p in outermost if (text := words(p))]


def heading(section: Any) -> str:
    """The section's title; empty where it has none."""
    title = section.find("title")
    return "" if title is None else words(title)


def words(element: Any) -> str:
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
            inner = _MARK if _is_number(child) else _text(child)
            parts.append(f" {inner} " if child.tag in _APART else inner)
        parts.append(child.tail or "")
    if element.tag == "alternatives":  # one thing in several forms
        forms = [form for form in element if isinstance(form.tag, str)]
        return _text(min(forms, key=lambda form: _FORMS.get(form.tag, 1))) if forms else ""
    if element.tag == "tex-math":
        return _tex("".join(parts))
    if element.tag == "msqrt":
        return f"√({''.join(parts).strip()})"
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
